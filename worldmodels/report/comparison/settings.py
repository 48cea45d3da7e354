"""The settings that differ between runs, from what their stores record."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from typing import Any, NamedTuple

from worldmodels.experiment.stage_settings import leaves
from worldmodels.experiment.stages import (
    CONFIGURED,
    PRECISION_USED,
    STAGES,
    before,
    by_name,
    settings_of,
)
from worldmodels.report.comparison.runs import Compared
from worldmodels.stores.artifact import Artifact
from worldmodels.stores.run_folders import RunFolder, Stores
from worldmodels.training import excerpts

_UNUSED = "not used"
_NOT_YET = "not there yet"


class _Found(NamedTuple):
    """What one store says of a setting."""

    round: int
    stage: str  # "": it is counted
    value: str


def differing(compared: Compared) -> list[tuple[str, ...]]:
    """Return a row for each setting that differs: its name, and its value in each run.

    A run that has not come to the stages that use a setting is not compared in it.
    """
    runs = [run for _, run in compared.runs]
    found = [_of_run(run) for run in runs]
    rows = []
    for name in dict.fromkeys(name for settings in found for name in settings):
        told = [settings.get(name, []) for settings in found]
        using = {at.stage for some in told for at in some if at.value != _UNUSED}
        values = [_told(some, using) for some in told]
        if len({*values} - {_NOT_YET}) > 1:
            rows.append((name, *values))
    return rows


def _of_run(run: RunFolder) -> dict[str, list[_Found]]:
    """Return all that the stores of a run say of each setting."""
    seeds = ", ".join(str(seed.seed) for seed in run.seeds if seed.seed is not None)
    found: dict[str, list[_Found]] = {
        # An ablation or a temperature may have its first rounds from another run.
        "rounds": [_Found(0, "", str(run.rounds[-1] + 1))],
        "seed": [_Found(0, "", seeds or _NOT_YET)],
    }
    for seed in run.seeds:
        for number, stores in seed.rounds.items():
            last = number == max(seed.rounds)
            for name, stage, value in _of_round(number, stores, last):
                found.setdefault(name, []).append(_Found(number, stage, value))
    return found


def _told(found: Sequence[_Found], using: set[str]) -> str:
    """Return the values of a setting in a run: one, or one a round, or one a stage.

    Args:
        using: the stages that use it in any of the runs.
    """
    used = [at for at in found if at.value != _UNUSED]
    if not used:
        return _UNUSED if using <= {at.stage for at in found} else _NOT_YET
    by_round: dict[int, dict[str, list[str]]] = {}
    for number, stage, value in used:
        stages = by_round.setdefault(number, {}).setdefault(value, [])
        if stage not in stages:
            stages.append(stage)
    told = {number: _in_one_round(values) for number, values in by_round.items()}
    if len({*told.values()}) == 1:
        return next(iter(told.values()))
    return "; ".join(f"round {number}: {text}" for number, text in told.items())


def _in_one_round(values: Mapping[str, Sequence[str]]) -> str:
    if len(values) == 1:
        return next(iter(values))
    return ", ".join(f"{value} in {', '.join(s)}" for value, s in values.items())


def _of_round(
    number: int, stores: Stores, last: bool
) -> Iterator[tuple[str, str, str]]:
    """Yield name, stage and value of what the stores of a round say."""
    for stage in CONFIGURED:
        config = _config(stage, stores)
        if config is None:
            continue
        values = _values(stage, config)
        idle = _idle(stage, values, number)
        for name, value in _single(stage, values).items():
            if name != "seed":
                yield name, stage, _UNUSED if name in idle else _text(value)
        if PRECISION_USED in config:
            yield PRECISION_USED, stage, _text(config[PRECISION_USED])
    yield from _counted(number, stores, last)


def _config(stage: str, stores: Stores) -> Mapping[str, Any] | None:
    """Return the settings of a stage, of rollouts that were deleted from V's store."""
    if stage in stores:
        return stores[stage][0].config
    if stage == "rollouts":
        known = _rollout_facts(stores)
        return None if known is None else known.config
    return None


def _rollout_facts(stores: Stores) -> excerpts.RolloutFacts | None:
    """Return what V's store keeps of the rollouts of its round."""
    for vision in stores.get("vision", ()):
        for facts in excerpts.read(vision)[1]:
            if facts.round == vision.config["round"]:
                return facts
    return None


def _values(stage: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return all settings of a stage by name, of a store that records `config`."""
    unused = dict.fromkeys(settings_of(stage), _UNUSED)
    return unused | by_name(stage, {**before(stage), **config})


def _idle(stage: str, values: Mapping[str, Any], number: int) -> set[str]:
    """Return the settings that change nothing beside the others."""
    known = defaultdict(lambda: None, values)
    fields = settings_of(stage)
    return {
        single
        for some in STAGES[stage].idle
        if some.when(known, number)
        for name in some.names
        if name in fields
        for single, _ in leaves(name, fields[name])
    }


def _single(stage: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings one by one, those of groups too."""
    found = {}
    for name, field in settings_of(stage).items():
        for single, _ in leaves(name, field):
            keys = single.removeprefix(name).split(".")[1:]
            found[single] = reduce(_of_group, keys, values[name])
    return found


def _of_group(value: Any, key: str) -> Any:
    return value.get(key, _UNUSED) if isinstance(value, Mapping) else _UNUSED


def _counted(number: int, stores: Stores, last: bool) -> Iterator[tuple[str, str, str]]:
    """Yield the settings that only say which artifacts there are."""
    shards = stores.get("rollouts") or [
        store for store in stores.get("latents", ()) if store.path.stem[:5] == "shard"
    ]
    facts = _rollout_facts(stores) if not shards else None
    episodes = sum(store.array("length").shape[0] for store in shards)
    if shards or facts:
        yield "rollouts.episodes", "", str(facts.episodes if facts else episodes)
    if blocks := stores.get("controller"):
        generations = sum(block.array("mean").shape[0] for block in blocks)
        so_far = " so far" if last and "evaluation" not in stores else ""
        yield "controller.generations", "", f"{generations}{so_far}"
    if number > 0 and shards and "memory" in stores:
        learnt = stores["memory"][0].attributes["inputs"].get("latents", ())
        yield "rollouts.accumulate", "", _text(len(learnt) > len(shards))
    if number > 0:
        for stage in ("vision", "memory", "controller"):
            for store in stores.get(stage, ())[:1]:
                yield f"{stage}.warm_start", stage, _text(_has(store, "start"))


def _has(store: Artifact, role: str) -> bool:
    return bool(store.attributes["inputs"].get(role))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
