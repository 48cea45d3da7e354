"""What is exactly true of a toy: p(y | x), its likelihood and its moments.

By quadrature over y at midpoints: p(y | x) = p(x, y) / integral of p(x, y') dy'. No
network and no JAX, in double precision.
"""

from typing import NamedTuple

import numpy as np

from worldmodels.studies.mixture_density import toys

MIDPOINTS = 4000
_ROWS = 250  # of x at once: 8 MB


class Exact(NamedTuple):
    """The exact figures at some x, [N] each."""

    logevidence: np.ndarray  # log p(x)
    mean: np.ndarray  # E[y | x]
    variance: np.ndarray  # Var[y | x]


def density(toy: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return p(x, y); x and y are broadcast against each other."""
    low, high = toys.LOWEST[toy], toys.HIGHEST[toy]
    width = toys.spread(toy, y)
    away = (x - toys.centre(toy, y)) / width
    if toy == "a":
        shape = (away >= 0) & (away <= 1)
    else:
        shape = np.exp(-0.5 * away**2) / np.sqrt(2 * np.pi)
    return np.where((y >= low) & (y <= high), shape / width, 0) / (high - low)


def midpoints(toy: str, count: int = MIDPOINTS) -> np.ndarray:
    """Return the middles [M] of as many equal parts of y's range."""
    low, high = toys.LOWEST[toy], toys.HIGHEST[toy]
    return low + (high - low) * (np.arange(count) + 0.5) / count


def conditional(toy: str, x: np.ndarray) -> np.ndarray:
    """Return p(y | x) [N, M] at x [N] and the midpoints; 0 where no point can be."""
    joint = density(toy, x[:, None], midpoints(toy))
    evidence = joint.sum(axis=1, keepdims=True) * _step(toy)
    return np.divide(joint, evidence, out=np.zeros_like(joint), where=evidence > 0)


def at(toy: str, x: np.ndarray) -> Exact:
    """Return the exact figures at x [N], where points of the toy can be."""
    rows = range(0, len(x), _ROWS)
    parts = [_figures(toy, x[n : n + _ROWS]) for n in rows]
    return Exact(*(np.concatenate(found) for found in zip(*parts, strict=True)))


def nll(toy: str, x: np.ndarray, y: np.ndarray, found: Exact) -> np.ndarray:
    """Return -log p(y | x) [N] of points, with the figures at their x; nats."""
    return found.logevidence - np.log(density(toy, x, y))


def variance_of_y(toy: str) -> float:
    """Return Var[y], the squared error of the best answer that knows no x."""
    return (toys.HIGHEST[toy] - toys.LOWEST[toy]) ** 2 / 12


def _figures(toy: str, x: np.ndarray) -> Exact:
    grid = midpoints(toy)
    joint = density(toy, x[:, None], grid)
    evidence = joint.sum(axis=1)
    mean = joint @ grid / evidence
    variance = joint @ grid**2 / evidence - mean**2
    return Exact(np.log(evidence * _step(toy)), mean, variance)


def _step(toy: str) -> float:
    return (toys.HIGHEST[toy] - toys.LOWEST[toy]) / MIDPOINTS
