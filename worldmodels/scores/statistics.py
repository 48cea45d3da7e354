"""Statistics of returns: the mean, the spread and the interval of the mean."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from worldmodels.runtime.errors import UserError

CONFIDENCE = 0.95
_RESAMPLES = 9999
POWER = 0.8
MOST_SEEDS = 1000  # more are not counted


@dataclass(frozen=True)
class Summary:
    """Returns of several episodes, in units of reward."""

    count: int
    mean: float
    std: float  # of the sample, n - 1
    low: float  # 95 % bootstrap interval of the mean
    high: float


def summarise(returns: np.ndarray, seed: int = 0) -> Summary:
    """Return mean, standard deviation and bootstrap interval of `returns` [N].

    The interval is bias-corrected and accelerated (Efron 1987); the same returns and
    seed always give the same one.

    Raises:
        UserError: for fewer than two returns, or returns that are not finite.
    """
    returns = np.asarray(returns, np.float64)
    if returns.ndim != 1 or len(returns) < 2 or not np.isfinite(returns).all():
        raise UserError(
            f"an interval needs at least two finite returns in one row, not "
            f"{returns.shape} of them; evaluate more episodes"
        )
    mean, std = float(returns.mean()), float(returns.std(ddof=1))
    if np.ptp(returns) == 0:
        # The acceleration would be 0 / 0.
        return Summary(len(returns), mean, std, mean, mean)
    low, high = _interval(returns, np.random.default_rng(seed))
    return Summary(len(returns), mean, std, low, high)


def _interval(returns: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """Return the bootstrap interval of the mean of `returns` [N], not all equal.

    As scipy.stats.bootstrap's, whose import takes a second. Equations: Efron and
    Tibshirani, An Introduction to the Bootstrap (1993).
    """
    count, normal = len(returns), NormalDist()
    means = returns[rng.integers(0, count, (_RESAMPLES, count))].mean(axis=1)
    mean = returns.mean()
    below = (np.sum(means < mean) + np.sum(means <= mean)) / (2 * _RESAMPLES)
    bias = normal.inv_cdf(below)  # Eq. (14.14)
    # Of the mean, leaving one return out moves it by this over N - 1.
    moved = returns - mean
    acceleration = np.sum(moved**3) / (6 * np.sum(moved**2) ** 1.5)  # Eq. (14.15)
    tail = (1 - CONFIDENCE) / 2
    ends = [bias + normal.inv_cdf(p) for p in (tail, 1 - tail)]
    shares = [
        normal.cdf(bias + end / (1 - acceleration * end)) for end in ends
    ]  # Eq. (14.10)
    low, high = np.quantile(means, shares)
    return float(low), float(high)


class MeanOfSeeds(NamedTuple):
    """The mean score of several trainings of one recipe, one a seed, in reward."""

    mean: float
    interval: tuple[float, float] | None  # 95 %; of one seed alone: None


def over_seeds(means: np.ndarray) -> MeanOfSeeds:
    """Return the mean of the mean returns [S] of S trainings, and Student's interval.

    The test episodes of one training share its networks. So the trainings are what is
    counted: the interval is that of the mean of S values, and wide when S is small.
    """
    mean, count = float(means.mean()), len(means)
    if count < 2:
        return MeanOfSeeds(mean, None)
    half = student(count - 1) * float(means.std(ddof=1)) / np.sqrt(count)
    return MeanOfSeeds(mean, (mean - half, mean + half))


def of_trainings(returns: np.ndarray) -> Summary:
    """Return what S trainings score on N test episodes each, returns [S, N].

    Of several trainings the interval is that of `over_seeds`, and `std` is the mean of
    their standard deviations over the episodes; of one it is all as `summarise` says.
    """
    if len(returns) == 1:
        return summarise(returns[0])
    returns = np.asarray(returns, np.float64)
    found = over_seeds(returns.mean(axis=1))
    std = float(returns.std(axis=1, ddof=1).mean())
    return Summary(returns.shape[1], found.mean, std, *found.interval)


def seeds_needed(
    mean: float, std: float, freedom: Callable[[int], float] = lambda count: count - 1
) -> int | None:
    """Return how many seeds a side it takes to show a difference of this size.

    They are so many that Student's 95 % interval excludes 0 with a probability of
    80 %, if mean and standard deviation are the true ones. Of a few seeds both are
    rough, and so is their number.

    Args:
        mean: of the differences, in reward.
        std: of one seed's difference.
        freedom: degrees of freedom of the interval of so many seeds a side; by default
            of differences that are paired seed by seed.

    Returns:
        The number; None: more than `MOST_SEEDS`.
    """
    if std == 0:
        return 2 if mean else None
    counts = range(2, MOST_SEEDS + 1)
    shown = (n for n in counts if _power(abs(mean) / std, n, freedom(n)) >= POWER)
    return next(shown, None)


def _power(effect: float, count: int, freedom: float) -> float:
    """Return the probability that Student's test of `count` seeds shows a difference.

    Its statistic has the noncentral distribution, with noncentrality effect * sqrt(n)
    (Cohen, Statistical Power Analysis for the Behavioral Sciences (1988), chapter 2).
    What shows the opposite is not counted.

    Args:
        effect: the difference in standard deviations, at least 0.
    """
    from scipy.special import nctdtr

    shift = effect * np.sqrt(count)
    return 1 - float(nctdtr(freedom, shift, student(freedom)))


def student(freedom: float) -> float:
    """Return Student's quantile at the upper end of a 95 % interval."""
    from scipy.special import stdtrit  # of several trainings alone: its import is slow

    return float(stdtrit(freedom, (1 + CONFIDENCE) / 2))
