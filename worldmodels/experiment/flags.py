"""Settings as command-line flags: what the rules pass and what a person can type.

Each rule gives its stage exactly the settings that the stage uses, so a change of the
configuration rebuilds exactly what depends on it.
"""

import argparse
import dataclasses
import shlex
from dataclasses import fields
from typing import Any, TypeVar, get_origin

from worldmodels.environments.games import GYMNASIUM
from worldmodels.experiment import config
from worldmodels.experiment.allowed import checked
from worldmodels.experiment.settings import (
    Controller,
    Environment,
    Evaluation,
    Memory,
    Rollouts,
    Round,
    Run,
    Vision,
    section_dict,
)
from worldmodels.experiment.worlds import OWN

Section = TypeVar("Section")

# The settings that each stage uses, and so the flags of its command.
STAGE_SECTIONS = {
    "rollouts": (Run, Environment, Rollouts),
    "vision": (Run, Vision),
    "latents": (Run,),
    "memory": (Run, Memory),
    "controller": (Run, Environment, Controller),
    "evaluation": (Run, Environment, Evaluation),
    "report": (),
}

# Settings that a stage's result does not depend on: those that only choose which
# artifacts are asked for (raising them adds artifacts and changes none), those that
# choose an input or what is kept, and shared ones that the stage has no use for.
_UNUSED = {
    ("rollouts", "episodes"),
    ("rollouts", "accumulate"),
    ("rollouts", "keep"),
    ("rollouts", "max_steps"),  # `steps` are no more
    ("controller", "generations"),
    ("vision", "warm_start"),
    ("memory", "warm_start"),
    ("controller", "warm_start"),
    ("rollouts", "debug"),
    ("latents", "debug"),
    ("latents", "seed"),
    ("controller", "debug"),
    ("evaluation", "debug"),
    ("evaluation", "backend"),
}


def recorded(stage: str, round: int, *sections: Any) -> dict[str, Any]:
    """Return exactly the settings that `stage` uses in a round, flat JSON values."""
    values = {}
    for section in sections:
        used = section_dict(section)
        values |= {f.name: used[f.name] for f in _used_fields(stage, type(section))}
    if stage == "rollouts":
        # Round 0 drives at random, where an episode is the same in any slot; later
        # rounds drive with a controller.
        agent = ("action_noise", "dtype", "slots")
        for name in agent if round == 0 else ("policy",):
            del values[name]
    if stage == "controller":
        # No environment drives a dream, and an environment has no temperature.
        dream = values["train_in"] == "dream"
        for name in ("backend", "slots") if dream else ("temperature",):
            del values[name]
    if values.get("environment", GYMNASIUM) != GYMNASIUM:
        for name in OWN:  # the other games have their own
            del values[name]
    if values.get("death_head") is False:
        del values["death_weight"]
    if values.get("backend") == "simulator":
        values.pop("slots", None)  # the simulator has none
    return values


def sections_of(stage: str, run: Run, settings: Round) -> list[Any]:
    """Return the sections whose settings `stage` uses."""
    sections = [run, *(getattr(settings, f.name) for f in fields(Round))]
    return [s for kind in STAGE_SECTIONS[stage] for s in sections if type(s) is kind]


def flags(stage: str, run: Run, settings: Round, round: int) -> str:
    """Return the command-line flags that give `stage` its settings."""
    used = recorded(stage, round, *sections_of(stage, run, settings))
    # With "=", because argparse takes a bare -1e-05 for an unknown option.
    return shlex.join(
        f"{_flag(name)}={_as_text(value)}" for name, value in used.items()
    )


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    return repr(value) if isinstance(value, float) else str(value)


def _used_fields(stage: str, kind: type) -> list[dataclasses.Field]:
    return [f for f in fields(kind) if (stage, f.name) not in _UNUSED]


def add_flags(parser: argparse.ArgumentParser, stage: str) -> None:
    """Add one flag for each setting that `stage` uses, documented from its field."""
    for kind in STAGE_SECTIONS[stage]:
        group = parser.add_argument_group(kind.__doc__.strip().rstrip("."))
        for setting in _used_fields(stage, kind):
            group.add_argument(
                _flag(setting.name),
                default=_as_text(setting.default),
                metavar=_metavar(setting),
                help=setting.metadata["help"] + " (default: %(default)s)",
            )


def _metavar(setting: dataclasses.Field) -> str:
    if setting.metadata["choices"]:
        return "{" + ",".join(setting.metadata["choices"]) + "}"
    if get_origin(setting.type) is tuple:
        return "N,N,..."
    return {int: "N", float: "X", bool: "true|false", str: "TEXT"}[setting.type]


def from_flags(
    kind: type[Section], stage: str, arguments: argparse.Namespace
) -> Section:
    """Return the section `kind` of `stage` from its parsed flags.

    Settings that the stage does not use keep their defaults.

    Raises:
        UserError: when a value is of the wrong type or impossible.
    """
    values = {}
    for setting in _used_fields(stage, kind):
        text = getattr(arguments, setting.name)
        value = _parse(setting, text)
        values[setting.name] = checked(setting, value, _flag(setting.name))
    return kind(**values)


def check_together(stage: str, *sections: Any) -> None:
    """Refuse settings of `stage` that are impossible together, named as flags.

    Raises:
        UserError: naming both.
    """
    config.check_together(
        {
            f"{type(section).__name__.lower()}.{f.name}": getattr(section, f.name)
            for section in sections
            for f in _used_fields(stage, type(section))
        },
        lambda name: _flag(name.partition(".")[2]),
    )


def _parse(setting: dataclasses.Field, text: str) -> Any:
    if get_origin(setting.type) is tuple:
        return [_as_int(part) for part in text.split(",")]
    if setting.type is int:
        return _as_int(text)
    if setting.type is bool:
        return {"true": True, "false": False}.get(text.lower(), text)
    return text


def _as_int(text: str) -> Any:
    try:
        return int(text)
    except ValueError:
        return text
