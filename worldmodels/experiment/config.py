"""Configuration: YAML in, one clear sentence out when it is wrong.

`config.yaml` holds every key. `load` turns the merged mapping into a `Config` or raises
a `UserError` that names the key, the value and what is allowed. No JAX is imported
here: the Snakefile reads it.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

from worldmodels.experiment.allowed import checked
from worldmodels.experiment.settings import (
    Controller,
    Environment,
    Round,
    Run,
    Site,
    uses_simulator,
)
from worldmodels.experiment.worlds import OWN, check_world
from worldmodels.runtime.errors import UserError
from worldmodels.runtime.randomness import MAX_EPISODES, MAX_ROUNDS, MAX_SEED


@dataclass(frozen=True)
class Config:
    """A whole experiment.

    Attributes:
        experiment: the folder below `results/` that holds its artifacts.
        run: what every stage shares.
        rounds: all settings of each round, resolved.
        ablation_seeds: the seed of each training of every ablation.
        temperatures: of the dreams in which a controller each learns.
        site: what a job may ask for at most.
    """

    experiment: str
    run: Run
    rounds: tuple[Round, ...]
    ablation_seeds: tuple[int, ...]
    temperatures: tuple[float, ...]
    site: Site


SECTIONS = {f.name: f.type for f in fields(Round)}

# In YAML the task is `environment.name`; a flag needs a word that stands alone.
_YAML_NAMES = {(Environment, "environment"): "name"}

_TOGETHER = (
    ("rollouts.episodes", "a multiple of", "rollouts.episodes_per_shard"),
    ("controller.generations", "a multiple of", "controller.generations_per_block"),
    # So that every block ends with a tested mean.
    ("controller.generations_per_block", "a multiple of", "controller.select_every"),
    ("rollouts.steps", "at most", "environment.max_steps"),
    ("controller.initial_steps", "at most", "environment.max_steps"),
    ("memory.batch_size", "at most", "rollouts.episodes"),
    ("memory.batch_size", "at most", "memory.buffer_episodes"),
)

# Each is a store, a job and a log file, all of which are known before the first runs.
_MAX_STORES = 100_000
_STORES = (
    ("rollouts.episodes", "rollouts.episodes_per_shard"),
    ("controller.generations", "controller.generations_per_block"),
)

# What a network's shapes depend on, and so what a warm start must find unchanged.
_SHAPES = {
    "vision": ("vision.latent_size", "vision.channels", "vision.decoder_channels"),
    "memory": (
        "vision.latent_size",
        "memory.hidden_size",
        "memory.mixtures",
        "memory.death_head",
        "memory.reward_head",
    ),
    "controller": (
        "vision.latent_size",
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
    mapping = _mapping(mapping, "the configuration")
    run_keys = [f.name for f in fields(Run)]
    _refuse_unknown(
        mapping,
        [
            "experiment",
            "rounds",
            "ablations",
            "temperatures",
            "site",
            *run_keys,
            *SECTIONS,
        ],
        "",
    )
    experiment = _experiment(mapping.get("experiment", "default"))
    run = _section(Run, {k: mapping[k] for k in run_keys if k in mapping}, "")
    base = _sections(mapping, "")
    for name, kind in SECTIONS.items():
        # Before the rounds, so that an error here is not reported as a round's.
        _section(kind, base[name], f"{name}.")
    rounds = tuple(
        _round(base, overrides, f"rounds[{number}].")
        for number, overrides in enumerate(_overrides(mapping.get("rounds", 1)))
    )
    for number, settings in enumerate(rounds):
        _check_round(settings, f"round {number}: ")
        if number:
            _check_game(settings, rounds[0], f"round {number}: ")
            _check_keep(settings, rounds[0], f"round {number}: ")
            _check_warm_start(settings, rounds[number - 1], f"round {number}: ")
    seeds = _ablation_seeds(mapping.get("ablations"))
    temperatures = _temperatures(mapping.get("temperatures", []))
    if temperatures:
        reason = f"temperatures is {list(temperatures)}"
        _check_pays(rounds[-1], f"round {len(rounds) - 1}: {reason}")
    site = _section(Site, _mapping(mapping.get("site"), "site"), "site.")
    return Config(experiment, run, rounds, seeds, temperatures, site)


def _experiment(name: Any) -> str:
    if isinstance(name, (int, float, date)):  # `on` and `yes` are truth values
        raise UserError(
            f"experiment is {name}, which YAML takes for a number, a date or a truth "
            'value; put the name in quotes, such as experiment: "2024" (on the command '
            "line --config 'experiment=\"2024\"')"
        )
    # It becomes part of paths in shell commands and of Snakemake's patterns.
    if not isinstance(name, str) or not re.fullmatch(r"\w[\w.-]*", name, re.ASCII):
        raise UserError(
            f"experiment is {name!r}; it must be a folder's name of letters, digits, "
            "_, - and ."
        )
    return name


def _ablation_seeds(section: Any) -> tuple[int, ...]:
    section = _mapping(section, "ablations")
    _refuse_unknown(section, ["seeds"], "ablations.")
    seeds = section.get("seeds", [1, 2, 3])
    if (
        not isinstance(seeds, list)
        or not seeds
        or any(type(s) is not int or not 0 <= s <= MAX_SEED for s in seeds)
        or len(set(seeds)) < len(seeds)
    ):
        raise UserError(
            f"ablations.seeds is {seeds!r}; it must be a list of different whole "
            f"numbers from 0 to {MAX_SEED}"
        )
    return tuple(seeds)


def _temperatures(values: Any) -> tuple[float, ...]:
    (setting,) = (f for f in fields(Controller) if f.name == "temperature")
    if not isinstance(values, list):
        raise UserError(f"temperatures is {values!r}; it must be a list of numbers")
    found = tuple(
        checked(setting, value, f"temperatures[{n}]") for n, value in enumerate(values)
    )
    if len(set(found)) < len(found):
        raise UserError(f"temperatures is {values!r}; they must be different")
    return found


def _overrides(rounds: Any) -> list[Mapping[str, Any]]:
    if type(rounds) is int and 1 <= rounds <= MAX_ROUNDS:
        return [{}] * rounds
    if isinstance(rounds, list) and 1 <= len(rounds) <= MAX_ROUNDS:
        return [_mapping(r, f"rounds[{n}]") for n, r in enumerate(rounds)]
    raise UserError(
        f"rounds is {rounds!r}; it must be a whole number from 1 to {MAX_ROUNDS}, or a "
        "list with a mapping of overrides for each round"
    )


def _sections(mapping: Mapping, where: str) -> dict[str, Mapping[str, Any]]:
    return {name: _mapping(mapping.get(name), where + name) for name in SECTIONS}


def _round(base: Mapping, overrides: Mapping, where: str) -> Round:
    _refuse_unknown(overrides, list(SECTIONS), where)
    changed = _sections(overrides, where)
    return Round(
        **{
            name: _section(kind, {**base[name], **changed[name]}, f"{where}{name}.")
            for name, kind in SECTIONS.items()
        }
    )


def _section(kind: type, values: Mapping[str, Any], where: str) -> Any:
    known = {_YAML_NAMES.get((kind, f.name), f.name): f for f in fields(kind)}
    _refuse_unknown(values, list(known), where)
    return kind(
        **{known[k].name: checked(known[k], v, where + k) for k, v in values.items()}
    )


def _mapping(value: Any, where: str) -> Mapping[str, Any]:
    if value is None:  # a key with nothing, or only comments, below it
        return {}
    if not isinstance(value, Mapping):
        raise UserError(f"{where} is {value!r}; it must be a mapping of keys to values")
    return value


def _refuse_unknown(values: Mapping, known: list[str], where: str) -> None:
    for key, value in values.items():
        if key not in known:
            raise UserError(
                f"{where}{key} (here {value!r}) is not a known key; allowed are "
                + ", ".join(sorted(known))
            )


def check_together(
    values: Mapping[str, Any], spelt: Callable[[str], str] = str
) -> None:
    """Refuse values that are possible one by one and impossible together.

    Args:
        values: by section and key, as "memory.batch_size"; what is not among them is
            not compared.
        spelt: returns such a name as the user wrote it.

    Raises:
        UserError: naming both.
    """
    for small, relation, large in _TOGETHER:
        if not {small, large} <= values.keys():
            continue
        low, high = values[small], values[large]
        if low % high if relation == "a multiple of" else low > high:
            raise UserError(
                f"{spelt(small)} is {low}; it must be {relation} {spelt(large)}, "
                f"which is {high}"
            )


def _check_round(settings: Round, where: str) -> None:
    sections = {name: getattr(settings, name) for name in SECTIONS}
    values = {
        f"{name}.{f.name}": getattr(section, f.name)
        for name, section in sections.items()
        for f in fields(section)
    }
    try:
        check_together(values)
        uses_simulator(settings.environment)
        check_world(settings.environment)
    except UserError as error:
        raise UserError(f"{where}{error}") from None
    _check_stores(values, where)
    controller = settings.controller
    if controller.train_in == "dream":
        _check_pays(settings, f"{where}controller.train_in is dream")
    drivers = 1 if controller.common_tracks else controller.population
    tracks = controller.generations * max(
        controller.rollouts * drivers, controller.selection_episodes
    )
    if tracks > MAX_EPISODES:
        raise UserError(
            f"{where}controller.generations is {controller.generations}; all "
            f"generations together may drive {MAX_EPISODES} tracks, not {tracks}"
        )


def _check_stores(values: Mapping[str, Any], where: str) -> None:
    for whole, part in _STORES:
        count = values[whole] // values[part]
        if count > _MAX_STORES:
            raise UserError(
                f"{where}{whole} is {values[whole]}, which makes {count} stores of "
                f"{part} {values[part]}; raise that, for at most {_MAX_STORES} stores"
            )


def _check_pays(settings: Round, reason: str) -> None:
    """Refuse an M in whose dream nobody can learn, which is asked for by `reason`."""
    if not (settings.memory.death_head or settings.memory.reward_head):
        raise UserError(
            f"{reason}; M must then predict what a step is worth: set "
            "memory.death_head or memory.reward_head to true"
        )


def _value(settings: Round, name: str) -> Any:
    section, key = name.split(".")
    return getattr(getattr(settings, section), key)


def _check_game(now: Round, first: Round, where: str) -> None:
    """Refuse a game that the agent of the round before does not play."""
    for name in ("environment", *OWN):
        value, before = (getattr(r.environment, name) for r in (now, first))
        if value != before:
            key = _YAML_NAMES.get((Environment, name), name)
            raise UserError(
                f"{where}environment.{key} is {value}; it must be {before}, as in "
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
        for name in names:
            new, old = _value(now, name), _value(before, name)
            if new != old:
                raise UserError(
                    f"{where}{stage}.warm_start needs the sizes of the round before, "
                    f"but {name} is {new} and was {old}"
                )
