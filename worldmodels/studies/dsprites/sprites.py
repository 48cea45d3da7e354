"""Pictures like those of dSprites, drawn from their factors.

dSprites itself was drawn by a library whose edges nobody published. The shapes here
were fitted to published pictures: half a pixel of 4,096 differs in the mean.
A pixel is lit where its centre lies inside the sprite.
"""

import numpy as np

from worldmodels.studies.dsprites.factors import VALUES

SIDE = 64  # pixels
PIXELS = SIDE * SIDE
_SQUARE = 9.6  # half a side, pixels at scale 1
_ELLIPSE = 12.75, 7.25  # half axes
# The heart's edge, pixels from a point above its middle, at equal angles from the
# notch (up) to the tip (down); left and right are alike.
_HEART = np.array(
    [
        5.36, 5.32, 6.37, 7.40, 8.05, 8.81, 9.35, 9.76, 10.11, 10.33, 10.48, 10.64,
        10.60, 10.59, 10.49, 10.31, 10.10, 9.81, 9.48, 9.10, 8.80, 8.36, 8.04, 7.71,
        7.47, 7.19, 7.04, 6.86, 6.74, 6.77, 6.51, 6.74, 6.68, 6.75, 7.01, 7.09,
        7.43, 7.76, 8.30, 9.19, 9.97,
    ]
)  # fmt: skip
_ANGLES = np.linspace(0, np.pi, len(_HEART))
_REACH = 14  # pixels from a sprite's middle to its farthest point, at most


def render(classes: np.ndarray) -> np.ndarray:
    """Return the pictures uint8 [..., 64, 64] of classes [..., 5]: 0 dark, 1 lit."""
    given = np.asarray(classes).reshape(-1, 5)
    pictures = np.zeros((len(given), SIDE, SIDE), np.uint8)
    for shape, inside in enumerate((_in_square, _in_ellipse, _in_heart)):
        (chosen,) = np.nonzero(given[:, 0] == shape)
        _draw(pictures, chosen, given[chosen], inside)
    return pictures.reshape(*np.shape(classes)[:-1], SIDE, SIDE)


def _draw(pictures: np.ndarray, chosen: np.ndarray, classes: np.ndarray, inside):
    """Draw sprites of one shape into `pictures` [chosen]; no other pixel is looked at.

    Args:
        inside: (u, v) -> bool, in pixels at scale 1 from the sprite's middle.
    """
    scale, angle = VALUES[1][classes[:, 1]], VALUES[2][classes[:, 2]]
    middle = 16 + 32 * classes[:, 3:] / 31  # x and y, of which y goes down
    # The sprite's middle lies between 16 and 48: no window leaves the picture.
    first = np.floor(middle).astype(int) - _REACH
    window = first[:, :, None] + np.arange(2 * _REACH + 1)
    away = (window + 0.5 - middle[:, :, None]) / scale[:, None, None]
    dx, dy = away[:, 0, None, :], away[:, 1, :, None]
    cos, sin = np.cos(angle)[:, None, None], np.sin(angle)[:, None, None]
    lit = inside(dx * cos - dy * sin, dx * sin + dy * cos)
    rows, columns = window[:, 1, :, None], window[:, 0, None, :]
    pictures[chosen[:, None, None], rows, columns] = lit


def _in_square(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return (np.abs(u) <= _SQUARE) & (np.abs(v) <= _SQUARE)


def _in_ellipse(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return (u / _ELLIPSE[0]) ** 2 + (v / _ELLIPSE[1]) ** 2 <= 1


def _in_heart(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    down = v + 1
    angle = np.abs(np.arctan2(u, -down))
    return np.hypot(u, down) <= np.interp(angle, _ANGLES, _HEART)
