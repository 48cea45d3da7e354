"""What finished runs took: the stores below a results folder, beside their own plans.

Only descriptions of stores are read, no arrays. What cannot be read is passed over.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import worldmodels
from worldmodels.experiment import cost, work
from worldmodels.experiment.config import load
from worldmodels.experiment.cost import Factor, StagePlan
from worldmodels.experiment.rates import Rates
from worldmodels.experiment.runs import PipelineRun, main_run
from worldmodels.experiment.settings import Round, Run
from worldmodels.experiment.stages import CONFIGURED, STAGES, before, by_name
from worldmodels.runtime import devices
from worldmodels.runtime.errors import UserError
from worldmodels.runtime.json_files import attributes

_ALIKE = 4.0  # times as much of each unit of work, at most

Described = Mapping[str, Any]  # what a store records of itself


class Took(NamedTuple):
    """What one stage of one round took, beside what was to do."""

    planned: StagePlan
    created: str  # when its last store was made, as ISO 8601
    seconds: float  # by the stores' own clocks: without the start of processes
    bytes: float
    compute: str


class Plans(NamedTuple):
    """A run that stores record, and the plans of its stages."""

    run: PipelineRun
    stages: Sequence[StagePlan]


def plans_of(
    rounds: Sequence[Mapping[str, Sequence[Described]]], cores: int
) -> Plans | None:
    """Return the run that stores record, planned again.

    None: they do not say enough, being of another version or by another's hand.

    Args:
        rounds: the stores of each round, by kind.
    """
    try:
        run = run_of(rounds)
        return Plans(run, cost.plan(run, cores))
    except (UserError, LookupError, TypeError, ValueError, AttributeError):
        return None


def run_of(rounds: Sequence[Mapping[str, Sequence[Described]]]) -> PipelineRun:
    """Return the run that stores record.

    What they do not record is as it was before there was a choice, or the default.

    Args:
        rounds: the stores of each round, by kind.

    Raises:
        UserError: for settings that are none.
        KeyError: where a round has no rollouts, without which its data is unknown.
    """
    shared, found = {}, []
    for stores in rounds:
        values: dict[str, dict[str, Any]] = {}
        for kind, some in stores.items():
            recorded = {**before(kind), **some[0]["config"]}
            for name, value in by_name(kind, recorded).items():
                section, _, key = name.rpartition(".")
                values.setdefault(section, {})[key] = value
        shared |= values.pop("", {})
        _count(values, stores)
        found.append(Round().changed(**values))
    run = Run().changed(**shared)
    return main_run(load({}).changed(run=run, rounds=tuple(found)))


def _count(values: dict, stores: Mapping[str, Sequence[Described]]) -> None:
    """Add the settings that only the number of stores tells."""
    # A round without a score has no store that records how many episodes: none.
    values.setdefault("evaluation", {"episodes": 0})
    shards, rollouts = len(stores["rollouts"]), values["rollouts"]
    rollouts["episodes"] = shards * rollouts["episodes_per_shard"]
    if "memory" in stores:
        read = stores["memory"][0]["inputs"]["latents"]
        rollouts["accumulate"] = len(read) > shards
    if "controller" in stores:
        blocks, controller = len(stores["controller"]), values["controller"]
        each = controller["generations_per_block"]
        controller["generations"] = blocks * each


def took(results: Path, cores: int) -> list[Took]:
    """Return what the stages of all runs below a folder took.

    Of those alone that this version made, on this kind of processor.
    """
    found = []
    for folder in sorted(path for path in results.glob("*") if path.is_dir()):
        found += _took_in(folder, cores)
    return found


def _took_in(folder: Path, cores: int) -> list[Took]:
    rounds = []
    while stores := _stores(folder / f"round-{len(rounds)}"):
        rounds.append(stores)
    plans = plans_of(rounds, cores)
    return [
        _beside(planned, made)
        for planned in (plans.stages if plans else ())
        if len(made := rounds[planned.round].get(planned.stage, ()))
        == len(planned.works)
        and all(map(_made_here, made))
    ]


def _made_here(store: Described) -> bool:
    """Tell whether a store is of this kind of processor, as far as it says."""
    machine = store.get("machine")
    return machine is None or f"({devices.processor()})" in str(machine)


def _beside(planned: StagePlan, stores: Sequence[Described]) -> Took:
    return Took(
        planned,
        max(str(store["created"]) for store in stores),
        sum(float(store["wall_seconds"]) for store in stores),
        sum(float(size) for s in stores for _, size in s["files"].values()),
        str(stores[0]["compute"]),
    )


def _stores(folder: Path) -> dict[str, list[Described]]:
    """Return the complete stores of a round that this version made, by kind."""
    found: dict[str, list[Described]] = {}
    for path in [*sorted(folder.glob("*.zarr")), *sorted(folder.glob("*/*.zarr"))]:
        described = attributes(path)
        kind = described.get("kind")
        if (
            kind in CONFIGURED
            and described.get("version") == worldmodels.__version__
            and described.get("stage_version") == STAGES[kind].version
            and described.get("complete") is True
        ):
            found.setdefault(kind, []).append(described)
    return found


def corrections(
    found: Sequence[Took], rates: Rates
) -> Callable[[StagePlan], Factor | None]:
    """Return a function of a plan: how many times its plan a run like it took.

    The very same work counts before work like it, and the latest of those.
    """

    def correct(planned: StagePlan) -> Factor | None:
        like = [one for one in found if alike(one, planned, rates)]
        if not like:
            return None
        latest = max(
            like, key=lambda one: (one.planned.works == planned.works, one.created)
        )
        starts = latest.planned.work[work.START] * rates.seconds[work.START]
        seconds = (latest.seconds + starts) / cost.seconds(latest.planned, rates)
        disk = latest.bytes / latest.planned.disk
        return Factor(seconds, disk, f"a run of {latest.created[:10]}")

    return correct


def alike(one: Took, planned: StagePlan, rates: Rates) -> bool:
    """Tell whether what was done is of the same kind, amount and devices as a plan."""
    before = one.planned
    if before.stage != planned.stage or before.cores != planned.cores:
        return False
    if not re.match(_compute(planned.cores), one.compute):
        return False
    units = before.work.keys() | planned.work.keys()
    return all(
        _near(before.work.get(unit, 0.0), planned.work.get(unit, 0.0))
        for unit in units - {work.START, work.COMPILED}
    )


def _compute(cores: int | None) -> str:
    return r"cpu x \d+" if cores is None else rf"cpu x {cores}\b"


def _near(one: float, other: float) -> bool:
    if not one or not other:
        return one == other
    return 1 / _ALIKE <= one / other <= _ALIKE
