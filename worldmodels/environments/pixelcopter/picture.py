"""The picture of a game: black, the player white, blocks and columns green over it.

It is drawn in grey, which loses nothing: there are three colours.
"""

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.environments.pixelcopter import game
from worldmodels.environments.pixelcopter.game import TALL, Copter
from worldmodels.environments.pixelcopter.tables import PIXELS, SIDE, WIDE

BLACK, WHITE, GREEN = 0, 255, 204  # the original's grey: 0.21, 0.72 and 0.07 of RGB
_RGB = {BLACK: (0, 0, 0), WHITE: (255, 255, 255), GREEN: (120, 240, 80)}

# Rows from a column's middle on: green up to the one, and from the other on.
_ROOF, _FLOOR = -12, 14


def observe(copter: Copter) -> jax.Array:
    """Draw the picture, uint8 [48, 48], rows from the top."""
    # In int16: in int8 XLA's loop over the pixels is slower, in int32 as well.
    row = np.arange(SIDE, dtype=np.int16)[:, None]
    roof, floor = (middle.astype(np.int16) for middle in game.edges(copter))
    green = (row < roof + np.int16(_ROOF)) | (row >= floor + np.int16(_FLOOR))
    top, bottom = _block_rows(copter)
    green |= (row >= top) & (row < bottom)
    player = np.isin(np.arange(SIDE), np.r_[PIXELS])
    head = jnp.where(player, game.whole(copter.y) - 1, SIDE).astype(np.int16)
    white = (row >= head) & (row < head + np.int16(2))
    below = jnp.where(white, np.int16(WHITE), np.int16(BLACK))
    return jnp.where(green, np.int16(GREEN), below).astype(np.uint8)


def colored(grey: np.ndarray) -> np.ndarray:
    """Return pictures uint8 [..., 48, 48] in the game's colours, [..., 48, 48, 3]."""
    palette = np.zeros((256, 3), np.uint8)
    for shade, color in _RGB.items():
        palette[shade] = color
    return palette[grey]


def _block_rows(copter: Copter) -> tuple[jax.Array, jax.Array]:
    """Return for each pixel from left to right where a block begins and ends: [48].

    Two blocks are never in one place; where there is none, both are 0.
    """
    pixel = np.arange(SIDE, dtype=np.int32)
    top, bottom = jnp.zeros_like(pixel), jnp.zeros_like(pixel)
    for block in (copter.block, copter.passed):
        left, upper = game.leftmost(block), block.y - TALL // 2
        there = (left <= pixel) & (pixel < left + WIDE)
        top = jnp.where(there, upper, top)
        bottom = jnp.where(there, upper + TALL, bottom)
    return top.astype(np.int16), bottom.astype(np.int16)
