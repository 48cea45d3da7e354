"""Mean and standard deviation in one pass over data that come in pieces.

The one normaliser of probes. Two groups of n1 and n2 rows combine into the very numbers
of all rows together:

    n = n1 + n2,  mu = (n1 mu1 + n2 mu2) / n,
    var = ((n1-1) v1 + (n2-1) v2 + n1 (mu1-mu)^2 + n2 (mu2-mu)^2) / (n-1),

where v1 and v2 have Bessel's correction. What is kept is (n-1) var, which an empty
group and one of a single row have too.
"""

from typing import NamedTuple

import numpy as np

# Of a mean, relatively: rounding alone spreads equal rows by less.
_ROUNDING = 8 * np.finfo(np.float64).eps


class RunningStatistics(NamedTuple):
    """What is known of rows [...] so far, in float64."""

    count: int  # rows, n
    mean: np.ndarray  # [...]; of no rows: zeros
    squares: np.ndarray  # [...] squared distances from the mean, summed: (n-1) var

    @property
    def variance(self) -> np.ndarray:
        """The variance [...] with Bessel's correction; of fewer than two rows NaN."""
        if self.count < 2:
            return np.full(np.shape(self.mean), np.nan)
        return self.squares / (self.count - 1)

    @property
    def std(self) -> np.ndarray:
        """The standard deviation [...] with Bessel's correction."""
        return np.sqrt(self.variance)

    def normalised(self, rows: np.ndarray) -> np.ndarray:
        """Return rows [..., *shape] with mean 0 and standard deviation 1.

        They keep their type. A number that never changes becomes 0.
        """
        least = self.count * (_ROUNDING * self.mean) ** 2
        scale = np.where(self.squares > least, self.std, 1.0)
        mean, scale = self.mean.astype(rows.dtype), scale.astype(rows.dtype)
        return (rows - mean) / scale


def empty(shape: tuple[int, ...]) -> RunningStatistics:
    """Return the statistics of no rows of this shape."""
    return RunningStatistics(0, np.zeros(shape), np.zeros(shape))


def of(rows: np.ndarray) -> RunningStatistics:
    """Return the statistics of rows [N, ...]; N may be 0."""
    rows = np.asarray(rows, np.float64)
    if not len(rows):
        return empty(rows.shape[1:])
    mean = rows.mean(axis=0)
    return RunningStatistics(len(rows), mean, ((rows - mean) ** 2).sum(axis=0))


def combined(a: RunningStatistics, b: RunningStatistics) -> RunningStatistics:
    """Return the statistics of the rows of both together."""
    count = a.count + b.count
    if not count:
        return a
    mean = (a.count * a.mean + b.count * b.mean) / count
    between = a.count * (a.mean - mean) ** 2 + b.count * (b.mean - mean) ** 2
    return RunningStatistics(count, mean, a.squares + b.squares + between)
