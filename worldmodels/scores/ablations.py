"""What ablations score, from the evaluations of their trainings.

The test episodes are the same for all trainings, so their returns are no independent
trials of a recipe: a training counts as one, by its mean return.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from worldmodels.runtime.errors import UserError
from worldmodels.scores import tables
from worldmodels.scores.statistics import (
    MOST_SEEDS,
    MeanOfSeeds,
    over_seeds,
    seeds_needed,
)
from worldmodels.stores.artifact import Artifact
from worldmodels.stores.lineage import check_tracks

Evaluations = dict[str, dict[int, Artifact]]  # by ablation and seed


class AblationScores(NamedTuple):
    """What one ablation scores over S trainings, on N test episodes each."""

    returns: np.ndarray  # [S, N]
    means: np.ndarray  # [S], of each training
    mean: MeanOfSeeds
    difference: MeanOfSeeds | None  # from the reference, seed by seed; its own: None
    # How many seeds would show a difference of this size and spread; None: more than
    # `MOST_SEEDS`, or a difference that is shown, or none at all.
    needed: int | None

    @property
    def unclear(self) -> bool:
        """Whether the interval of the difference is known and includes 0."""
        if self.difference is None or self.difference.interval is None:
            return False
        low, high = self.difference.interval
        return low <= 0 <= high


class Comparison(NamedTuple):
    """All ablations on the same seeds; the first is the reference of the others."""

    seeds: list[int]
    scores: dict[str, AblationScores]

    @property
    def reference(self) -> str:
        """The ablation that the others are compared with."""
        return next(iter(self.scores))

    @property
    def episodes(self) -> int:
        """Test episodes of each training."""
        return self.scores[self.reference].returns.shape[1]


def by_seed(name: str, stores: Sequence[Artifact]) -> dict[int, Artifact]:
    """Return the evaluations of one ablation by their trainings' seeds, ascending.

    Raises:
        UserError: for none, or two of one seed.
    """
    found = {store.config["seed"]: store for store in stores}
    if not stores or len(found) < len(stores):
        raise UserError(
            f"ablation {name} has evaluations of the seeds "
            f"{[store.config['seed'] for store in stores]}; give one store for each "
            "of one or more seeds"
        )
    return dict(sorted(found.items()))


def compare(evaluations: Evaluations) -> Comparison:
    """Compare all ablations with the first.

    A difference pairs the trainings of a seed, which share what was not ablated.

    Raises:
        UserError: for other seeds or test episodes than the first has.
    """
    _check(evaluations)
    returns = {
        name: np.stack([store.read("agent/returns") for store in stores.values()])
        for name, stores in evaluations.items()
    }
    reference, *_ = returns
    base = returns[reference].mean(axis=1, dtype=np.float64)
    scores = {
        name: _scores(returns[name], None if name == reference else base)
        for name in returns
    }
    return Comparison(list(evaluations[reference]), scores)


def _scores(returns: np.ndarray, base: np.ndarray | None) -> AblationScores:
    """Return the scores of returns [S, N], compared with the means `base` [S]."""
    means = returns.mean(axis=1, dtype=np.float64)
    alone = AblationScores(returns, means, over_seeds(means), None, None)
    if base is None:
        return alone
    compared = alone._replace(difference=over_seeds(means - base))
    if not compared.unclear:
        return compared
    difference, spread = compared.difference.mean, (means - base).std(ddof=1)
    return compared._replace(needed=seeds_needed(difference, float(spread)))


def _check(evaluations: Evaluations) -> None:
    """Refuse what cannot be compared."""
    reference, first = next(iter(evaluations.items()))
    for name, stores in evaluations.items():
        if stores.keys() != first.keys():
            raise UserError(
                f"ablation {name} has the seeds {list(stores)} and {reference} has "
                f"{list(first)}; give the evaluations of the same seeds"
            )
        for store in stores.values():
            check_tracks(store, next(iter(first.values())))


def data(found: Comparison) -> dict[str, Any]:
    """Return a comparison as JSON values."""
    return {
        "reference": found.reference,
        "seeds": found.seeds,
        "tracks": found.episodes,
        "interval": "95 %, Student's t over the means of the seeds",
        "ablations": {name: _row(found.seeds, s) for name, s in found.scores.items()},
    }


def _row(seeds: Sequence[int], scores: AblationScores) -> dict[str, Any]:
    by_seed = dict(zip(map(str, seeds), scores.means.tolist(), strict=True))
    row = scores.mean._asdict() | {
        "mean_of_seed": by_seed,
        "returns": scores.returns.tolist(),
    }
    if scores.difference is not None:
        row["difference"] = scores.difference._asdict()
    if scores.unclear:
        row["seeds_needed"] = scores.needed
    return row


def text(found: Comparison) -> str:
    """Return a comparison as a table to read."""
    rows = [
        ["ablation", "mean return", "95 % interval"]
        + [f"seed {seed}" for seed in found.seeds]
        + [f"minus {found.reference}", "95 % interval", "seeds needed"]
    ]
    for name, scores in found.scores.items():
        means = [f"{mean:.1f}" for mean in scores.means]
        row = [name, *_words(scores.mean), *means, *_words(scores.difference)]
        rows.append([*row, _needed(scores)])
    if len(found.scores) == 1:
        rows = [row[:-3] for row in rows]
    elif not any(scores.unclear for scores in found.scores.values()):
        rows = [row[:-1] for row in rows]
    return "\n".join([*tables.aligned(rows), "", *_legend(found)]) + "\n"


def _words(mean: MeanOfSeeds | None) -> list[str]:
    if mean is None:
        return ["", ""]
    interval = mean.interval
    spread = "-" if interval is None else f"{interval[0]:.1f} to {interval[1]:.1f}"
    return [f"{mean.mean:.1f}", spread]


def _needed(scores: AblationScores) -> str:
    if not scores.unclear:
        return ""
    return f"over {MOST_SEEDS}" if scores.needed is None else str(scores.needed)


def _legend(found: Comparison) -> list[str]:
    trainings = len(found.seeds)
    lines = [
        f"Mean over {trainings} training{'s' * (trainings > 1)} of each, one a seed, "
        f"and {found.episodes} unseen tracks, the same for all.",
        "Interval: Student's t over the means of the seeds; of other trainings on "
        "these tracks.",
    ]
    if len(found.scores) > 1:
        lines.append(f"A difference from {found.reference} is taken seed by seed.")
    if any(scores.unclear for scores in found.scores.values()):
        lines.append(
            "Seeds needed: where the interval includes 0, so many would exclude it "
            "with a probability of 80 % if the difference and its spread are as found."
        )
    return lines
