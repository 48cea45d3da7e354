"""Stage ablations: what every ablation scores, from the evaluations of its trainings.

The tracks are the same for all trainings, so their returns are no independent trials of
a recipe: a training counts as one, by its mean return.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from worldmodels.runtime.errors import UserError
from worldmodels.runtime.progress import Progress
from worldmodels.scores import tables
from worldmodels.scores.statistics import Trainings, over_trainings
from worldmodels.stores.artifact import Artifact, open_artifact
from worldmodels.stores.lineage import check_tracks

Scores = dict[str, dict[int, Artifact]]  # evaluations by ablation and seed


def run(
    *, ablation: Sequence[Sequence[str]], out: Path, log: Path | None = None
) -> None:
    """Write the table to `out`, and the same as JSON beside it; print the table.

    Args:
        ablation: for each a name, then its evaluation stores, one a training seed. The
            others are compared with the first.

    Raises:
        UserError: for a bad store, or for other seeds or tracks than the first has.
    """
    tables.prepare(out)
    scores: Scores = {}
    with Progress("ablations", len(ablation), log) as progress:
        for name, *stores in ablation:
            scores[name] = _by_seed(name, [Path(store) for store in stores])
            progress.update(1)
    if len(scores) < len(ablation):
        raise UserError("two ablations have the same name; give each its own")
    _check(scores)
    summary = summarise(scores)
    tables.publish(out, text(summary), summary)


def _by_seed(name: str, paths: Sequence[Path]) -> dict[int, Artifact]:
    stores = [open_artifact(path, "evaluation") for path in paths]
    by_seed = {store.config["seed"]: store for store in stores}
    if not stores or len(by_seed) < len(stores):
        raise UserError(
            f"ablation {name} has evaluations of the seeds "
            f"{[store.config['seed'] for store in stores]}; give one store for each "
            "of one or more seeds"
        )
    return dict(sorted(by_seed.items()))


def _check(scores: Scores) -> None:
    """Refuse what cannot be compared."""
    reference, first = next(iter(scores.items()))
    for name, stores in scores.items():
        if stores.keys() != first.keys():
            raise UserError(
                f"ablation {name} has the seeds {list(stores)} and {reference} has "
                f"{list(first)}; give the evaluations of the same seeds"
            )
        for store in stores.values():
            check_tracks(store, next(iter(first.values())))


def summarise(scores: Scores) -> dict[str, Any]:
    """Return what is said of each ablation, as JSON values.

    A difference pairs the trainings of a seed, which share what was not ablated.
    """
    returns = {
        name: np.stack([store.read("agent/returns") for store in stores.values()])
        for name, stores in scores.items()
    }
    reference, *_ = returns
    seeds = list(scores[reference])
    base = returns[reference].mean(axis=1, dtype=np.float64)
    rows = {}
    for name, values in returns.items():
        means = values.mean(axis=1, dtype=np.float64)
        rows[name] = _facts(over_trainings(means)) | {
            "mean_of_seed": dict(zip(map(str, seeds), means.tolist(), strict=True)),
            "returns": values.tolist(),
        }
        if name != reference:
            rows[name]["difference"] = _facts(over_trainings(means - base))
    return {
        "reference": reference,
        "seeds": seeds,
        "tracks": returns[reference].shape[1],
        "interval": "95 %, Student's t over the means of the seeds",
        "ablations": rows,
    }


def _facts(found: Trainings) -> dict[str, Any]:
    return {"mean": found.mean, "interval": found.interval}


def text(summary: dict[str, Any]) -> str:
    """Return the summary as a table to read."""
    seeds, reference = summary["seeds"], summary["reference"]
    rows = [
        ["ablation", "mean return", "95 % interval"]
        + [f"seed {seed}" for seed in seeds]
        + [f"minus {reference}", "95 % interval"]
    ]
    for name, row in summary["ablations"].items():
        means = [f"{mean:.1f}" for mean in row["mean_of_seed"].values()]
        rows.append([name, *_words(row), *means, *_words(row.get("difference"))])
    if len(rows) == 2:
        rows = [row[:-2] for row in rows]
    return "\n".join([*tables.aligned(rows), "", *_legend(summary)]) + "\n"


def _words(facts: dict[str, Any] | None) -> list[str]:
    if facts is None:
        return ["", ""]
    interval = facts["interval"]
    spread = "-" if interval is None else f"{interval[0]:.1f} to {interval[1]:.1f}"
    return [f"{facts['mean']:.1f}", spread]


def _legend(summary: dict[str, Any]) -> list[str]:
    trainings = len(summary["seeds"])
    lines = [
        f"Mean over {trainings} training{'s' * (trainings > 1)} of each, one a seed, "
        f"and {summary['tracks']} unseen tracks, the same for all.",
        "Interval: Student's t over the means of the seeds; of other trainings on "
        "these tracks.",
    ]
    if len(summary["ablations"]) > 1:
        lines.append(f"A difference from {summary['reference']} is taken seed by seed.")
    return lines
