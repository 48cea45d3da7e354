"""Where gymnasium's camera is: above the car, turning with it, zooming in at first.

A frame stands for gymnasium's 96x96 observation after `frames.preprocess`: a window of
1000x800 pixels, shrunk to 96x96, cropped to 84 rows and resized to 64x64. So a pixel
here is 15.6 x 10.9 pixels of that window.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

SIZE = 64  # pixels along each side of a frame
WINDOW = 1000  # pixels along a row of gymnasium's window
SEEN = 700  # its rows above the indicators, which the crop removes
WIDTH, HEIGHT = WINDOW / SIZE, SEEN / SIZE  # of our pixel, in the window's
CAR = 500, 600  # column and row of the window where the hull's position is

_FPS = 50
_ZOOMING = 50  # steps during which it zooms in: the first second


class Grid(NamedTuple):
    """The pixels of a picture, laid over gymnasium's window."""

    rows: int
    columns: int
    height: float  # of one pixel, in the window's
    width: float
    car: tuple[int, int]  # column and row of the window where the hull's position is

    def right_and_above(self, row, column):
        """Return where a pixel's middle is as seen from the car, in window pixels."""
        right = (column + 0.5) * self.width - self.car[0]
        return right, self.car[1] - (row + 0.5) * self.height


GRID = Grid(SIZE, SIZE, HEIGHT, WIDTH, CAR)


class View(NamedTuple):
    """What a frame depends on, of B cars."""

    track: jax.Array  # [B] int32: which of the texture's tracks the car is on
    x: jax.Array  # [B] m: the hull's position
    y: jax.Array
    angle: jax.Array  # [B] rad: the hull's
    wheel_x: jax.Array  # [4, B] m: front left, front right, rear left, rear right
    wheel_y: jax.Array
    wheel_angle: jax.Array  # [4, B] rad
    wheel_phase: jax.Array  # [4, B] rad: how far it has rolled
    step: (
        jax.Array
    )  # [B] int32: steps since the reset; gymnasium's t is 0.02 (step + 1)


def _zooms() -> np.ndarray:
    t = (np.arange(_ZOOMING) + 1) / _FPS
    return (0.6 * np.maximum(1 - t, 0) + 16.2 * np.minimum(t, 1)).astype(np.float32)


# Window pixels a metre at each step while it zooms in; the last remains.
# Source: gymnasium's `CarRacing._render`.
ZOOMS = _zooms()


def at_zoom(table: np.ndarray, step: jax.Array) -> jax.Array:
    """Return [B, ...] of a table [50, ...] with a row for each of ZOOMS."""
    return jnp.asarray(table)[jnp.clip(step, 0, _ZOOMING - 1)]
