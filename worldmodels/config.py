"""Configuration: YAML in, one clear sentence out when it is wrong.

`config.yaml` holds every key. `load` turns the merged mapping into a `Config` or raises
a `UserError` that names the key, the value and what is allowed. No JAX is imported
here: the Snakefile reads it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from worldmodels.errors import UserError
from worldmodels.settings import Environment, Round, Run, checked


@dataclass(frozen=True)
class Config:
    """A whole experiment."""

    experiment: str
    run: Run
    rounds: tuple[Round, ...]


SECTIONS = {f.name: f.type for f in fields(Round)}


def load(mapping: Mapping[str, Any]) -> Config:
    """Check a merged configuration and return it resolved, one `Round` a round.

    Raises:
        UserError: for an unknown key, a wrong type or an impossible value.
    """
    mapping = _mapping(mapping, "the configuration")
    run_keys = [f.name for f in fields(Run)]
    _refuse_unknown(mapping, ["experiment", "rounds", *run_keys, *SECTIONS], "")
    experiment = mapping.get("experiment", "default")
    if not isinstance(experiment, str) or not experiment or "/" in experiment:
        raise UserError(f"experiment is {experiment!r}; it must be a folder's name")
    run = _section(Run, {k: mapping[k] for k in run_keys if k in mapping}, "")
    base = {name: mapping.get(name) or {} for name in SECTIONS}
    rounds = tuple(
        _round(base, overrides, f"rounds[{number}].")
        for number, overrides in enumerate(_round_overrides(mapping.get("rounds", 1)))
    )
    for number, settings in enumerate(rounds):
        _check_round(settings, rounds[number - 1] if number else None, number)
    return Config(experiment, run, rounds)


def _round_overrides(rounds: Any) -> list[Mapping[str, Any]]:
    if isinstance(rounds, int) and not isinstance(rounds, bool) and 1 <= rounds < 256:
        return [{} for _ in range(rounds)]
    if isinstance(rounds, list) and rounds:
        return [_mapping(r or {}, f"rounds[{n}]") for n, r in enumerate(rounds)]
    raise UserError(
        f"rounds is {rounds!r}; it must be a number from 1 to 255 or a list with one "
        "mapping of overrides a round"
    )


def _round(base: Mapping, overrides: Mapping, where: str) -> Round:
    _refuse_unknown(overrides, list(SECTIONS), where)
    sections = {}
    for name, kind in SECTIONS.items():
        # The base is checked under its own name first, so that an error there is not
        # reported as a round's.
        _section(kind, base[name], f"{name}.")
        merged = {**base[name], **_mapping(overrides.get(name) or {}, where + name)}
        sections[name] = _section(kind, merged, f"{where}{name}.")
    return Round(**sections)


def _section(kind: type, values: Any, where: str):
    values = _mapping(values, where.rstrip(".") or "the configuration")
    known = {f.name: f for f in fields(kind)}
    if kind is Environment:
        # In YAML the task is `environment.name`; a flag needs a word that stands alone.
        values = {("environment" if k == "name" else k): v for k, v in values.items()}
    _refuse_unknown(values, list(known), where)
    return kind(**{k: checked(known[k], v, f"{where}{k}") for k, v in values.items()})


def _mapping(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise UserError(f"{where} is {value!r}; it must be a mapping of keys to values")
    return value


def _refuse_unknown(values: Mapping, known: list[str], where: str) -> None:
    for key in values:
        if key not in known:
            raise UserError(
                f"{where}{key} is not a known key; allowed here are: "
                + ", ".join(sorted(known))
            )


def _check_round(now: Round, before: Round | None, number: int) -> None:
    where = f"round {number}: "
    controller, rollouts = now.controller, now.rollouts
    _divides(
        rollouts.episodes, "rollouts.episodes", rollouts.episodes_per_shard,
        "rollouts.episodes_per_shard", where,
    )  # fmt: skip
    _divides(
        controller.generations, "controller.generations",
        controller.generations_per_block, "controller.generations_per_block", where,
    )  # fmt: skip
    _divides(
        controller.generations_per_block, "controller.generations_per_block",
        controller.select_every, "controller.select_every", where,
    )  # fmt: skip
    for name, steps in (
        ("rollouts.steps", rollouts.steps),
        ("controller.initial_steps", controller.initial_steps),
    ):
        if steps > now.environment.max_steps:
            raise UserError(
                f"{where}{name} is {steps}; it must be at most environment.max_steps, "
                f"which is {now.environment.max_steps}"
            )
    if now.memory.batch_size > rollouts.episodes:
        raise UserError(
            f"{where}memory.batch_size is {now.memory.batch_size}; it must be at most "
            f"rollouts.episodes, which is {rollouts.episodes}"
        )
    if now.memory.buffer_episodes < now.memory.batch_size:
        raise UserError(
            f"{where}memory.buffer_episodes is {now.memory.buffer_episodes}; it must "
            f"be at least memory.batch_size, which is {now.memory.batch_size}"
        )
    if before is not None:
        _check_warm_start(now, before, where)


def _divides(total: int, total_name: str, part: int, part_name: str, where: str):
    if total % part:
        raise UserError(
            f"{where}{total_name} is {total}; it must be a multiple of {part_name}, "
            f"which is {part}"
        )


def _check_warm_start(now: Round, before: Round, where: str) -> None:
    shapes = {
        "vision": ("vision.latent_size", "vision.channels", "vision.decoder_channels"),
        "memory": ("vision.latent_size", "memory.hidden_size", "memory.mixtures"),
        "controller": (
            "vision.latent_size",
            "memory.hidden_size",
            "controller.inputs",
            "controller.hidden_size",
        ),
    }
    for stage, names in shapes.items():
        if not getattr(now, stage).warm_start:
            continue
        for name in names:
            section, key = name.split(".")
            new = getattr(getattr(now, section), key)
            old = getattr(getattr(before, section), key)
            if new != old:
                raise UserError(
                    f"{where}{stage}.warm_start needs the sizes of the round before, "
                    f"but {name} is {new} and was {old}"
                )
