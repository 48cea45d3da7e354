"""The five factors that make a dSprites picture, their order, and what chance scores.

dSprites (Matthey et al. 2017) has every combination of them, 737,280 pictures: shape
(square, ellipse, heart), scale, orientation, and position in x and in y; y changes
fastest. Orientation goes from 0 to 2 pi with both ends: the first picture is the last.
A factor's class counts from 0; its value is the number that a probe tells.
"""

from typing import NamedTuple

import numpy as np

NAMES = ("shape", "scale", "orientation", "x", "y")
SIZES = (3, 6, 40, 32, 32)
COUNT = int(np.prod(SIZES))
SHAPES = ("square", "ellipse", "heart")
TURNS = np.array([4, 2, 1])  # how often each shape looks the same in a whole turn
VALUES = (
    np.array([1.0, 2.0, 3.0]),
    np.linspace(0.5, 1, SIZES[1]),
    np.linspace(0, 2 * np.pi, SIZES[2]),  # radians
    np.linspace(0, 1, SIZES[3]),
    np.linspace(0, 1, SIZES[4]),
)


def values(classes: np.ndarray) -> np.ndarray:
    """Return the values [..., 5] of classes [..., 5], float64."""
    columns = [known[classes[..., n]] for n, known in enumerate(VALUES)]
    return np.stack(columns, axis=-1)


def index(classes: np.ndarray) -> np.ndarray:
    """Return the place [...] of pictures of classes [..., 5] among all of them."""
    columns = tuple(np.moveaxis(np.asarray(classes), -1, 0))
    return np.ravel_multi_index(columns, SIZES)


def classes(index: np.ndarray) -> np.ndarray:
    """Return the classes [..., 5] of pictures by their places [...]."""
    return np.stack(np.unravel_index(index, SIZES), axis=-1)


def turned(classes: np.ndarray) -> np.ndarray:
    """Return cos and sin [..., 2] of an orientation as its shape can show it.

    A square looks the same after a quarter of a turn and an ellipse after half a turn:
    of the angle, which no picture tells, this is what a picture does tell.
    """
    angle = TURNS[classes[..., 0]] * VALUES[2][classes[..., 2]]
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)


class Chance(NamedTuple):
    """What the best constant answer scores over all pictures, exactly."""

    shape: float  # share of wrong answers
    squared: np.ndarray  # [4] squared error of scale, orientation, x and y
    turned: float  # squared error of `turned`, both numbers together
    constant: np.ndarray  # [2] the best answer for `turned`


def chance() -> Chance:
    """Return the scores of guessing, by counting all pictures."""
    pairs = np.stack(np.meshgrid(range(3), range(40), indexing="ij"), axis=-1)
    every = np.zeros((*pairs.shape[:2], 5), int)
    every[..., 0], every[..., 2] = pairs[..., 0], pairs[..., 1]
    both = turned(every).reshape(-1, 2)
    return Chance(
        shape=1 - 1 / SIZES[0],
        squared=np.array([known.var() for known in VALUES[1:]]),
        turned=float(both.var(axis=0).sum()),
        constant=both.mean(axis=0),
    )
