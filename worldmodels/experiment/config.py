"""Configuration: a merged mapping in, a resolved experiment out, or one clear sentence.

`load` raises a `UserError` that names the key, the value and what is allowed. No JAX is
imported here: the Snakefile reads it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, Self

from pydantic import Field

from worldmodels.experiment import sizes, together
from worldmodels.experiment.overlays import laid_over
from worldmodels.experiment.section import Section, group, groups_of, read, setting
from worldmodels.experiment.settings import Memory, Round, Run
from worldmodels.experiment.site import Site
from worldmodels.experiment.values import Folder, Rounds, Seeds, Studies, Temperatures
from worldmodels.experiment.worlds import NAMING
from worldmodels.runtime.errors import UserError


class Named(Section):
    """What an experiment is called."""

    experiment: Folder = Field(
        "default", description="name: everything goes to results/<experiment>/"
    )


# The laptop's first round collects drives, from which V and M of the second one learn.
_ROUNDS = [
    {
        "rollouts": {"steps": 300, "start": "anywhere"},
        "vision": {"epochs": 3},
        "controller": {
            "centred": False,  # the mean of random drives says nothing of its own
            "generations": 10,
            "sigma": 0.1,
            "initial_steps": 200,
        },
        "evaluation": {"episodes": 0},
    },
    {name: {"warm_start": True} for name in ("vision", "memory", "controller")},
]


class Start(Run, Named):
    """What stands before the sections in config.yaml."""

    rounds: Rounds = setting(
        _ROUNDS,
        "in turn, or a list with one mapping of overrides a round, which win over the "
        "sections",
        unit="rounds",
        paper=1,
    )
    seeds: Seeds = setting(
        (0, 1, 2, 3, 4),
        "a training for each by `snakemake seeds`, `ablations` and `temperatures`; "
        "else that of `seed` alone",
        remark="not given",
    )


class Everything(Round, Start):
    """All that config.yaml holds."""

    temperatures: Temperatures = setting(
        (),
        "tau of dreams, at least 0, in which a controller each learns, by `snakemake "
        "temperatures` with each of `seeds`",
        takecover=(0.1, 0.5, 1.0, 1.15, 1.3),
    )
    studies: Studies = Field(
        {},
        description="settings of the studies, a mapping for each by its name, such as "
        "{ dsprites: { variant: seed } }: see docs/studies",
    )
    site: Site = group(Site)


@dataclass(frozen=True)
class Config:
    """A whole experiment.

    Attributes:
        experiment: the folder below `results/` that holds its artifacts.
        run: what every stage shares.
        rounds: all settings of each round, resolved.
        seeds: of the trainings that are compared; `run.seed` is the experiment's own.
        temperatures: of the dreams in which a controller each learns.
        studies: the settings of each study that is not as it is by default, unread.
        site: what a job may ask for at most.
    """

    experiment: str
    run: Run
    rounds: tuple[Round, ...]
    seeds: tuple[int, ...]
    temperatures: tuple[float, ...]
    studies: Mapping[str, Any]
    site: Site

    def changed(self, **values: Any) -> Self:
        """Return a copy with other values."""
        return replace(self, **values)


# What a network's shapes depend on, and so what a warm start must find unchanged.
_SHAPES = {
    "vision": ("vision.latent_size", "vision.channels", "vision.decoder_channels"),
    "memory": (
        "vision.latent_size",
        "memory.cell",
        "memory.hidden_size",
        "memory.mixtures",
        "memory.death_head",
        "memory.reward_head",
    ),
    "controller": (
        "vision.latent_size",
        "memory.cell",
        "memory.hidden_size",
        "controller.inputs",
        "controller.hidden_size",
        "controller.bias",
    ),
}


def load(mapping: Mapping[str, Any]) -> Config:
    """Check a merged configuration and return it resolved, one `Round` a round.

    `rounds` is their number, or a list of overrides of the sections, one a round.

    Raises:
        UserError: for an unknown key, a wrong type or an impossible value.
    """
    _refuse_renamed(mapping)
    # Before the rounds, so that an error here is not reported as a round's.
    whole = read(Everything, mapping)
    base, shared = _part(Round, whole), _part(Run, whole)
    together.check(dict(shared))
    overrides = whole.rounds
    if isinstance(overrides, int):
        rounds = (base,) * overrides
    else:
        sections = {name: mapping.get(name) for name in Round.model_fields}
        rounds = tuple(
            _round(base, sections, changed, f"rounds[{number}].")
            for number, changed in enumerate(overrides)
        )
    for number in range(len(rounds)):
        _check_round(number, rounds)
    _check_scored(rounds)
    if temperatures := whole.temperatures:
        memory, last = rounds[-1].memory, len(rounds) - 1
        reason = f"round {last}: temperatures is {list(temperatures)}"
        together.check_pays(memory.death_head, memory.reward_head, reason)
    return Config(
        experiment=whole.experiment,
        run=shared,
        rounds=rounds,
        seeds=whole.seeds,
        temperatures=temperatures,
        studies=whole.studies,
        site=whole.site,
    )


def _refuse_renamed(mapping: Mapping[str, Any]) -> None:
    """Refuse a key of earlier versions with the name of what took its place."""
    if "ablations" in mapping:
        raise UserError(
            f"ablations (here {mapping['ablations']!r}) is no key any more: ablations "
            "are trained with the seeds of the setting seeds, such as seeds: [1, 2, 3]"
        )


def _part(kind: type, whole: Everything) -> Any:
    return kind(**{name: getattr(whole, name) for name in kind.model_fields})


def _round(base: Round, sections: Mapping, overrides: Any, where: str) -> Round:
    """Return the settings of one round: the sections with its overrides laid over."""
    if not overrides and (overrides is None or isinstance(overrides, Mapping)):
        return base
    if isinstance(overrides, Mapping):
        overrides = laid_over(sections, overrides)
    return read(Round, overrides, where)


def _check_round(number: int, rounds: tuple[Round, ...]) -> None:
    settings, where = rounds[number], f"round {number}: "
    try:
        together.check(together.values_of(settings))
        together.check_cell(settings.memory)
    except UserError as error:
        raise UserError(f"{where}{error}") from None
    if number:
        _check_game(settings, rounds[0], where)
        _check_keep(settings, rounds[0], where)
        _check_warm_start(settings, rounds[number - 1], where)


def _check_scored(rounds: tuple[Round, ...]) -> None:
    """Refuse an experiment that ends without a score."""
    try:
        together.check_scored(rounds[-1].evaluation.episodes)
    except UserError as error:
        raise UserError(f"round {len(rounds) - 1}, the last: {error}") from None


def _value(settings: Round, name: str) -> Any:
    return reduce(getattr, name.split("."), settings)


def _check_game(now: Round, first: Round, where: str) -> None:
    """Refuse a game that the agent of the round before does not play."""
    for name in NAMING:
        value, before = (getattr(r.environment, name) for r in (now, first))
        if value != before:
            raise UserError(
                f"{where}environment.{name} is {value}; it must be {before}, as in "
                "round 0"
            )


def _check_keep(now: Round, first: Round, where: str) -> None:
    """Refuse to free the rollouts of some rounds alone: one rule makes those of all."""
    keep, before = (str(r.rollouts.keep).lower() for r in (now, first))
    if keep != before:
        raise UserError(
            f"{where}rollouts.keep is {keep}; it must be {before}, as in round 0"
        )


def _check_warm_start(now: Round, before: Round, where: str) -> None:
    for stage, names in _SHAPES.items():
        if not getattr(now, stage).warm_start:
            continue
        for name in (*names, *_of_cell(stage, now, before)):
            new, old = _value(now, name), _value(before, name)
            if new != old:
                raise UserError(
                    f"{where}{stage}.warm_start needs the sizes of the round before, "
                    f"but {name} is {new} and was {old}"
                )


def _of_cell(stage: str, now: Round, before: Round) -> list[str]:
    """Return the settings of M's recurrent cell alone that decide a network's shapes.

    C's depend on them where they change the length of what C reads.
    """
    cell, network = now.memory.cell, stage == "memory"
    if stage == "controller":
        network = sizes.controller(now) != sizes.controller(before)
    group = groups_of(Memory).get(cell) if network else None
    return [] if group is None else [f"memory.{cell}.{k}" for k in group.model_fields]
