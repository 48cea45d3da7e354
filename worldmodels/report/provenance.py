"""Where the report's numbers come from: cost, versions, settings."""

from collections.abc import Mapping, Sequence
from typing import Any

from worldmodels.experiment.stages import CONFIGURED
from worldmodels.report import page, predicted
from worldmodels.report.rounds import RoundStores, StageCost
from worldmodels.runtime.wording import duration, size

# What a column or a heading states already.
_LEFT_OUT = ("shard", "block", "round")


def section(rounds: Sequence[RoundStores]) -> str:
    """Show what each stage took, with which libraries, and its resolved settings."""
    rows = [_cost_row(*found) for found in costs(rounds)]
    head = ("round", "stage", "stores", "wall time", "on disk", "seed", "computed on")
    parts = ["<h3>Wall time of each stage</h3>\n", page.table(head, rows, (2, 3, 4))]
    parts.append(predicted.section(rounds))
    parts.append("<h3>Versions</h3>\n")
    parts.append(page.table(("library", "version", "stages"), _versions(rounds)))
    parts.append("<h3>Resolved settings</h3>\n")
    for round in reversed(rounds):
        for stage in CONFIGURED:
            if config := round.settings(stage):
                settings = page.table((), _settings(config))
                parts.append(page.details(f"Round {round.number}: {stage}", settings))
    return "".join(parts)


def costs(rounds: Sequence[RoundStores]) -> list[tuple[RoundStores, str, StageCost]]:
    """Return what each stage took in each round, as far as it is known."""
    found = [
        (round, stage, round.cost(stage)) for round in rounds for stage in CONFIGURED
    ]
    return [(round, stage, cost) for round, stage, cost in found if cost is not None]


def _cost_row(round: RoundStores, stage: str, cost: StageCost) -> tuple[str, ...]:
    return (
        str(round.number), stage, str(cost.stores), duration(cost.wall_seconds),
        size(cost.bytes), ", ".join(cost.seeds) or "none", ", ".join(cost.compute),
    )  # fmt: skip


def _versions(rounds: Sequence[RoundStores]) -> list[tuple[str, str, str]]:
    """Return each version of each library with the stages that used it."""
    used: dict[tuple[str, str], list[str]] = {}
    for round in rounds:
        for store in (store for stores in round.stores.values() for store in stores):
            commit = store.attributes["commit"][:10]
            own = store.attributes["version"] + (f" ({commit})" if commit else "")
            for library, version in [
                ("worldmodels", own), *store.attributes["libraries"].items()
            ]:  # fmt: skip
                stages = used.setdefault((library, version), [])
                if (name := f"{store.kind} {round.number}") not in stages:
                    stages.append(name)
    most = max(len(stages) for stages in used.values())
    return [
        (library, version, "all" if len(stages) == most else ", ".join(stages))
        for (library, version), stages in used.items()
    ]


def _settings(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name, str(v)) for name, v in config.items() if name not in _LEFT_OUT]
