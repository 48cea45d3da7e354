"""The stages: one table of what is true of each, which everything else reads.

A stage's version is raised by hand when its result changes with its code; the rule
passes it on, so that the artifacts are built again. No JAX is imported here: the
Snakefile reads it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from worldmodels.environments.games import GYMNASIUM
from worldmodels.experiment.section import Section, facts
from worldmodels.experiment.settings import (
    Controller,
    Environment,
    Evaluation,
    Memory,
    Rollouts,
    Round,
    Run,
    Vision,
)
from worldmodels.experiment.worlds import OWN

Values = Mapping[str, Any]  # by name, as "memory.hidden_size"; those of Run as "seed"


class Idle(NamedTuple):
    """Settings that do not change the result under some circumstances."""

    names: tuple[str, ...]
    when: Callable[[Values, int], bool]  # of the stage's settings and its round


@dataclass(frozen=True)
class Stage:
    """One stage.

    Attributes:
        name: of its command, its module and its kind of store.
        rules: the workflow's rules that run it.
        summary: what it does, for the help of the command line.
        version: of its result.
        sections: whose settings it uses; a stage of the rounds has some.
        unused: the settings among them that never change its result: those that choose
            which artifacts are asked for (raising them adds artifacts and changes
            none), an input or what is kept, and those that it has no use for.
        idle: settings that do not change its result at times.
        once: an experiment has one artifact of it, unless its rounds differ in what the
            stage uses; the runs of seeds, ablations and temperatures use that one.
        title, caption: how the report's picture names it.
    """

    name: str
    rules: tuple[str, ...]
    summary: str
    version: int
    sections: tuple[type[Section], ...] = ()
    unused: tuple[str, ...] = ()
    idle: tuple[Idle, ...] = ()
    once: bool = False
    title: str = ""
    caption: str = ""


# The simulator steps all cars at once.
_SLOTS_OF_THE_SIMULATOR = Idle(
    ("environment.slots",),
    lambda values, round: values["environment.backend"] == "simulator",
)

# The games that are not gymnasium's have their own pictures, and views of them.
_PICTURES = (
    Idle(
        tuple(f"environment.{name}" for name in OWN),
        lambda values, round: values["environment.name"] != GYMNASIUM,
    ),
    Idle(
        ("environment.view",),
        lambda values, round: values["environment.name"] == GYMNASIUM,
    ),
)

_TABLE = (
    Stage(
        name="rollouts",
        rules=("rollouts_shard",),
        summary="drive one shard of episodes, at random or with a controller",
        version=2,
        sections=(Run, Environment, Rollouts),
        unused=(
            "debug",
            "environment.max_steps",  # `steps` are no more
            "rollouts.episodes",
            "rollouts.accumulate",
            "rollouts.keep",
        ),
        idle=(
            # Round 0 drives at random, where an episode is the same in any slot; later
            # rounds drive with a controller.
            Idle(
                ("rollouts.action_noise", "dtype", "precision", "environment.slots"),
                lambda values, round: round == 0,
            ),
            Idle(("rollouts.policy",), lambda values, round: round > 0),
            _SLOTS_OF_THE_SIMULATOR,
            *_PICTURES,
        ),
        title="rollouts",
        caption="drive and record",
    ),
    Stage(
        name="vision",
        rules=("train_vision",),
        summary="train V, the variational autoencoder, on rollouts",
        version=1,
        sections=(Run, Vision),
        unused=("vision.warm_start",),
        title="vision V",
        caption="frame to z",
    ),
    Stage(
        name="latents",
        rules=("encode_shard", "encode_earlier_shard"),
        summary="encode one rollout store with V",
        version=1,
        sections=(Run,),
        unused=("seed", "debug"),
        title="latents",
        caption="every frame's z",
    ),
    Stage(
        name="memory",
        rules=("train_memory",),
        summary="train M, the mixture-density recurrent network, on latents",
        version=3,
        sections=(Run, Memory),
        unused=("memory.warm_start",),
        idle=(
            Idle(
                ("memory.death_weight",),
                lambda values, round: not values["memory.death_head"],
            ),
            Idle(("memory.dnc",), lambda values, round: values["memory.cell"] != "dnc"),
        ),
        title="memory M",
        caption="predict next z",
    ),
    Stage(
        name="controller",
        rules=("evolve_block",),
        summary="evolve C, the controller, for one block of generations",
        version=3,
        sections=(Run, Environment, Controller),
        unused=("debug", "controller.generations", "controller.warm_start"),
        idle=(
            # No environment drives a search that dreams, tests too; and one in the
            # environment has no dream.
            Idle(
                ("environment.backend", "environment.slots"),
                lambda values, round: (
                    values["controller.train_in"] == "dream"
                    and values["controller.test_in"] == "same"
                ),
            ),
            Idle(
                ("controller.temperature", "controller.death", "controller.test_in"),
                lambda values, round: values["controller.train_in"] != "dream",
            ),
            _SLOTS_OF_THE_SIMULATOR,
            *_PICTURES,
        ),
        title="controller C",
        caption="evolve the driver",
    ),
    Stage(
        name="random",
        rules=("score_random",),
        summary="score the random policy on unseen tracks",
        version=1,
        sections=(Run, Environment, Evaluation),
        # The test episodes of all seeds are the same, and so are they in any slot.
        unused=(
            "seed",
            "dtype",
            "precision",
            "debug",
            "environment.backend",
            "environment.slots",
        ),
        idle=_PICTURES,
        once=True,
    ),
    Stage(
        name="evaluation",
        rules=("evaluate",),
        summary="score the selected controller on unseen tracks",
        version=2,
        sections=(Run, Environment, Evaluation),
        unused=("debug", "environment.backend"),  # whose score is gymnasium's
        idle=_PICTURES,
        title="evaluation",
        caption="unseen {place}s",
    ),
    Stage(
        name="report",
        rules=("report",),
        summary="make one HTML file of what all the given stores hold",
        version=5,
    ),
    Stage(
        name="seeds",
        rules=("seeds",),
        summary="compare the trainings of one experiment with several seeds",
        version=1,
    ),
    Stage(
        name="ablations",
        rules=("ablations",),
        summary="compare the evaluations of ablations, over several trainings each",
        version=2,
    ),
    Stage(
        name="temperatures",
        rules=("temperatures",),
        summary="compare the evaluations of controllers of several temperatures",
        version=2,
    ),
    Stage(
        name="forecast",
        rules=("forecast",),
        summary="score what M foresees of episodes that it never learnt from",
        version=1,
    ),
    Stage(
        name="cells",
        rules=("cells",),
        summary="compare recurrent cells of M on the same data",
        version=1,
    ),
    Stage(
        name="export",
        rules=("pretrained",),
        summary="put one round's agent into a single small store, to be shipped",
        version=1,
    ),
    Stage(
        name="play",
        rules=("play",),
        summary="make an agent a page to play in, one HTML file",
        version=2,
    ),
)

STAGES = {stage.name: stage for stage in _TABLE}
# The stages with settings; the others only gather what these have made.
CONFIGURED = tuple(stage.name for stage in _TABLE if stage.sections)
# The stages of each round, in their order.
OF_A_ROUND = tuple(name for name in CONFIGURED if not STAGES[name].once)

# What stores record beside the setting `precision`: the answer, where that is auto.
PRECISION_USED = "precision_used"

_SECTIONS = {field.annotation: name for name, field in Round.model_fields.items()}
# In a store the game is the setting `environment`.
_RECORDED_NAMES = {"environment.name": "environment"}
# In a store "held" is what earlier versions did by that name: it is held_uniform now.
_RECORDED_POLICIES = {"held_uniform": "held", "held": "held_released"}
_POLICIES = {recorded: name for name, recorded in _RECORDED_POLICIES.items()}


def settings_of(stage: str) -> dict[str, Any]:
    """Return the fields of the settings that may change a stage's result, by name."""
    row = STAGES[stage]
    return {
        name: field
        for kind in row.sections
        for key, field in kind.model_fields.items()
        if (name := _name(kind, key)) not in row.unused
    }


def sections_of(stage: str, run: Run, settings: Round) -> list[Section]:
    """Return the sections whose settings `stage` uses."""
    given = {type(s): s for s in (run, *dict(settings).values())}
    return [given[kind] for kind in STAGES[stage].sections]


def used(stage: str, round: int, *sections: Section) -> dict[str, Any]:
    """Return exactly the settings that `stage` uses in a round, by name, JSON values.

    Those of sections that are not given are left out.
    """
    row, values = STAGES[stage], {}
    for section in sections:
        values |= {
            _name(type(section), key): value
            for key, value in section.model_dump(mode="json").items()
        }
    idle = {
        name for some in row.idle if some.when(values, round) for name in some.names
    }
    return {k: v for k, v in values.items() if k not in row.unused and k not in idle}


def recorded(stage: str, round: int, *sections: Section) -> dict[str, Any]:
    """Return the settings that `stage` uses as its store records them: by key alone."""
    values = used(stage, round, *sections)
    for name in ("rollouts.policy", "evaluation.random_policy"):
        if name in values:
            values[name] = _RECORDED_POLICIES.get(values[name], values[name])
    return {recorded_name(name): value for name, value in values.items()}


def policy_of(recorded: str) -> str:
    """Return the random policy that a store's word for one means."""
    return _POLICIES.get(recorded, recorded)


def recorded_name(name: str) -> str:
    """Return the name that a store has for a setting, such as "memory.epochs"."""
    return _RECORDED_NAMES.get(name, name.rpartition(".")[2])


def recorded_keys(kind: str) -> dict[type[Section], dict[str, str]]:
    """Return the keys of each section by their names in stores of a kind."""
    sections = STAGES[kind].sections if kind in STAGES else ()
    used = settings_of(kind) if sections else {}
    return {
        section: {
            recorded_name(name): key
            for key in section.model_fields
            if (name := _name(section, key)) in used
        }
        for section in sections
    }


def by_name(stage: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that a store of a stage records, by name."""
    values = {}
    for section, keys in recorded_keys(stage).items():
        for recorded, key in keys.items():
            if recorded in config:
                value = config[recorded]
                policy = recorded in ("policy", "random_policy")
                values[_name(section, key)] = policy_of(value) if policy else value
    return values


def before(stage: str) -> dict[str, Any]:
    """Return what stores of a stage did that are older than some of its settings."""
    return {
        recorded_name(name): facts(field)["before"]
        for name, field in settings_of(stage).items()
        if "before" in facts(field)
    }


def section_name(kind: type[Section]) -> str:
    """Return the name of a section in the configuration; "": its keys stand alone."""
    return _SECTIONS.get(kind, "")


def _name(kind: type[Section], key: str) -> str:
    return f"{section_name(kind)}.{key}".removeprefix(".")
