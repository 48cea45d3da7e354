"""Statistics of returns: the mean, the spread and the interval of the mean."""

from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from worldmodels.runtime.errors import UserError

_CONFIDENCE = 0.95
_RESAMPLES = 9999


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
    tail = (1 - _CONFIDENCE) / 2
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
    error = means.std(ddof=1) / np.sqrt(count)
    from scipy.special import stdtrit  # of several trainings alone: its import is slow

    half = float(stdtrit(count - 1, (1 + _CONFIDENCE) / 2) * error)
    return MeanOfSeeds(mean, (mean - half, mean + half))
