"""The share of tries that succeeded, and its interval."""

from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from worldmodels.scores.statistics import CONFIDENCE


class Share(NamedTuple):
    """How many of several tries succeeded, with Wilson's 95 % interval."""

    share: float
    low: float
    high: float


def share(successes: np.ndarray) -> Share:
    """Return the share of `successes`, bool [N], and Wilson's interval of it.

    At 0 and 1, where the normal interval has no width, it has one (Wilson 1927).
    """
    count, p = len(successes), float(np.mean(successes))
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    middle = (p + z**2 / (2 * count)) / (1 + z**2 / count)
    half = np.sqrt(p * (1 - p) / count + z**2 / (4 * count**2)) / (1 + z**2 / count)
    half = z * float(half)
    return Share(p, max(middle - half, 0.0), min(middle + half, 1.0))
