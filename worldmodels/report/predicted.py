"""What each stage was predicted to take, beside what it took.

The run is planned again from the settings that its stores record, at the rates that are
kept for this machine, or at the built-in ones.
"""

import re
from collections.abc import Sequence

from worldmodels.experiment import cost, work
from worldmodels.experiment.cost import StageCost as PredictedCost
from worldmodels.experiment.rates import Rates, built_in
from worldmodels.report import page
from worldmodels.report.rounds import RoundStores, StageCost
from worldmodels.runtime import devices
from worldmodels.runtime.wording import count, duration, size
from worldmodels.stores import finished, kept_rates
from worldmodels.stores.finished import Described

_HEAD = (
    "round", "stage", "predicted", "taken", "taken / predicted", "on disk, predicted",
    "on disk",
)  # fmt: skip


def section(rounds: Sequence[RoundStores]) -> str:
    """Show what was predicted; nothing where the stores do not say what was asked."""
    cores = _cores(rounds)
    plans = finished.plans_of([described(round) for round in rounds], cores)
    if not plans or [round.number for round in rounds] != list(range(len(rounds))):
        return ""
    rates = _rates(plans.run, rounds, cores)
    # Stores have no clock for the start of their processes.
    timed = rates._replace(seconds={**rates.seconds, work.START: 0.0})
    rows = [
        _row(told, took)
        for told in cost.of(plans.stages, timed)
        if (took := rounds[told.round].cost(told.stage)) and took.stores == told.jobs
    ]
    source = (
        f"Rates: {rates.source}, on {count(rates.cores, 'core')}. `worldmodels cost` "
        "predicts a run before it runs."
    )
    heading = page.chapter("Predicted and taken", source)
    return heading + page.table(_HEAD, rows, (2, 3, 4, 5, 6))


def _row(told: PredictedCost, took: StageCost) -> tuple[str, ...]:
    return (
        str(told.round), told.stage, duration(told.seconds),
        duration(took.wall_seconds), f"{took.wall_seconds / told.seconds:.2f}",
        size(round(told.disk)), size(took.bytes),
    )  # fmt: skip


def described(round: RoundStores) -> dict[str, list[Described]]:
    """Return what the stores of a round record, its deleted rollouts among them."""
    found = {
        kind: [store.attributes for store in stores]
        for kind, stores in round.stores.items()
    }
    if (facts := round.rollout_facts) is not None:
        found["rollouts"] = [{"config": facts.config}] * facts.shards
    return found


def _cores(rounds: Sequence[RoundStores]) -> int:
    """Return the cores on which agents drove; of this machine, where nobody says."""
    driven = [
        store.attributes["compute"]
        for round in rounds
        for kind in ("controller", "evaluation", "random")
        for store in round.stores.get(kind, ())
    ]
    counts = [re.search(r" x (\d+)", compute) for compute in driven]
    known = [int(found[1]) for found in counts if found]
    return max(known, default=devices.cores())


def _rates(run, rounds: Sequence[RoundStores], cores: int) -> Rates:
    """Return the kept rates of this machine, else the built-in ones."""
    used = {
        store.config.get("precision_used", "float32")
        for round in rounds
        for store in round.stores.get("controller", ())
    }
    precision = "mixed" if "mixed" in used else "float32"
    return kept_rates.find(run.settings(0).environment, precision, cores) or built_in()
