"""Statistics of returns: the mean, the spread and the interval of the mean."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import stats

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
    interval = stats.bootstrap(
        (returns,),
        np.mean,
        confidence_level=_CONFIDENCE,
        n_resamples=_RESAMPLES,
        method="BCa",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Summary(len(returns), mean, std, float(interval.low), float(interval.high))


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
    half = float(stats.t.ppf((1 + _CONFIDENCE) / 2, count - 1) * error)
    return MeanOfSeeds(mean, (mean - half, mean + half))
