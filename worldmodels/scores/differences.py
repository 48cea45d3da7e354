"""How much better one recipe scores than another, with the interval of the difference.

Scores of two trainings on the same tracks are paired by track: a hard track is hard for
both. The tracks of a training share its networks, so what several trainings score is
compared training by training.
"""

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from worldmodels.runtime.wording import count, every
from worldmodels.scores.statistics import (
    CONFIDENCE,
    POWER,
    over_seeds,
    seeds_needed,
    student,
    summarise,
)

_MOST_TRACKS = 100_000  # more are not counted


class Difference(NamedTuple):
    """The mean of one recipe's scores less another's, in units of reward."""

    mean: float
    interval: tuple[float, float]  # 95 %
    std: float  # of what is counted: of one track's or training's difference
    counted: int  # tracks, or pairs of trainings, or the trainings of both
    over: str  # what the interval is over: "track" or "seed"
    paired: bool
    # Tracks, or seeds a side, with which the interval leaves out 0 in four of five
    # tries, if mean and deviation are the true ones. None: 0 is left out already, or
    # it would take more than anybody has.
    needed: int | None = None

    @property
    def told_apart(self) -> bool:
        """Whether the interval leaves out 0."""
        low, high = self.interval
        return low > 0 or high < 0


def by_track(first: np.ndarray, other: np.ndarray) -> Difference:
    """Return what one training scores more than another on the same tracks, [N] each.

    The interval is a bootstrap over tracks. It is of these two trainings.

    Raises:
        UserError: for fewer than two tracks.
    """
    found = summarise(np.subtract(other, first, dtype=np.float64))
    difference = Difference(
        found.mean, (found.low, found.high), found.std, found.count, "track", True
    )
    if difference.told_apart:
        return difference
    return difference._replace(needed=_tracks_needed(found.mean, found.std))


def by_seed(first: np.ndarray, other: np.ndarray) -> Difference:
    """Return what trainings score more than others of the same seeds.

    The interval is Student's over the S differences.

    Args:
        first, other: [S] mean scores, at least two of each.
    """
    gaps = np.subtract(other, first, dtype=np.float64)
    mean, interval = over_seeds(gaps)
    std = float(gaps.std(ddof=1))
    difference = Difference(mean, interval, std, len(gaps), "seed", True)
    if difference.told_apart:
        return difference
    return difference._replace(needed=seeds_needed(mean, std))


def unpaired(first: np.ndarray, other: np.ndarray) -> Difference:
    """Return what trainings score more than others of other seeds.

    The interval is Welch's. Where one side has a single training, the other's spread
    stands for both (Student's interval of two samples).

    Args:
        first, other: [S] and [Q] mean scores, at least two of one of them.
    """
    groups = [np.asarray(group, np.float64) for group in (first, other)]
    several = [group for group in groups if len(group) > 1]
    spreads = [(g if len(g) > 1 else several[0]).var(ddof=1) for g in groups]
    errors = [v / len(g) for v, g in zip(spreads, groups, strict=True)]
    if len(several) == 1 or not any(errors):
        freedom = sum(len(group) - 1 for group in several)
    else:  # Welch (1947)
        parts = [e**2 / (len(g) - 1) for e, g in zip(errors, groups, strict=True)]
        freedom = sum(errors) ** 2 / sum(parts)
    mean = float(groups[1].mean() - groups[0].mean())
    half = student(freedom) * math.sqrt(sum(errors))
    counted, std = sum(map(len, groups)), math.sqrt(sum(spreads))
    interval = mean - half, mean + half
    difference = Difference(mean, interval, std, counted, "seed", False)
    if difference.told_apart:
        return difference
    return difference._replace(needed=seeds_needed(mean, std, lambda n: 2 * n - 2))


def _tracks_needed(mean: float, std: float) -> int | None:
    """Return how many tracks it takes to show a difference, by the normal interval."""
    ends = (1 + CONFIDENCE) / 2, POWER
    quantiles = sum(map(NormalDist().inv_cdf, ends))
    if abs(mean) * math.sqrt(_MOST_TRACKS) <= quantiles * std:
        return None
    return math.ceil((quantiles * std / mean) ** 2)


def verdict(first: str, other: str, found: Difference, place: str) -> str:
    """Return whether a change helped, in words.

    Args:
        first, other: the names of two runs; the change made `other` of `first`.
        place: what a seed of a test decides: a track or an episode.
    """
    low, high = found.interval
    spread = f"95 % interval {low:+z.1f} to {high:+z.1f}"
    what = place if found.over == "track" else "seed"
    if found.told_apart:
        more, helped = ("more", "helped") if found.mean > 0 else ("less", "did harm")
        text = f"{other} scores {abs(found.mean):.1f} {more} than {first} ({spread}): "
        return f"{text}the change {helped}"
    if low == high:
        return f"{other} and {first} score the same on {every(1, what)}"
    if found.needed is None:
        needed = f"no number of {what}s that anybody has would tell them apart"
    else:
        whose = " of each" if what == "seed" else ""
        needed = (
            f"about {count(found.needed, what)}{whose} would be needed to tell a "
            "difference of this size apart"
        )
    return (
        f"{other} and {first} cannot be told apart: the difference is "
        f"{found.mean:+z.1f} ({spread}); {needed}"
    )


def reach(found: Difference, place: str) -> str:
    """Return what the interval of a difference is over, and what it leaves open."""
    if found.over == "track":
        return (
            "With one training a side the interval is over "
            f"{count(found.counted, place)} and does not cover the luck of training: "
            "other seeds may say otherwise"
        )
    if found.paired:
        over = f"{count(found.counted, 'seed')}, each paired with itself"
    else:
        over = f"the trainings of both, {found.counted} in all"
    return f"The interval is Student's over {over}: it covers the luck of training"
