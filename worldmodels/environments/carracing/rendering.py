"""What a driver sees, 64x64: the ground looked up in a texture, the car drawn on it.

Everything is elementwise over whole batches. An image is packed, a word a pixel, until
`unpack`.

On three things the speed on CPU hangs. Coordinates are whole numbers, since XLA takes
ten instructions a pixel to make one of a float. And they are sums of a row's and a
column's. And where to look is stored before it is looked up (`apart`): XLA would make
one loop of it all, whose loads are too far apart to overlap, and repeat it for each use
of the image.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.environments.carracing import sprites, textures
from worldmodels.environments.carracing.camera import (
    GRID,
    SIZE,
    ZOOMS,
    Grid,
    View,
    at_zoom,
)
from worldmodels.environments.carracing.textures import (
    BLOCK,
    EXTENT,
    PLAYFIELD,
    SIDE,
    TEXEL,
    Texture,
)
from worldmodels.runtime.barrier import apart, in_place

__all__ = ["SIZE", "View", "render", "unpack"]

_FRACTION = 16  # bits behind the point of a texel's coordinate


def render(texture: Texture, view: View) -> jax.Array:
    """Draw the frames of B cars: uint32 [B, 64, 64], 0x00BBGGRR (red lowest).

    `texture` is that of R tracks, each field with a leading [R].
    Source: gymnasium's `CarRacing._render`, then `frames.preprocess`.
    """

    def look_up(texels: jax.Array, at: jax.Array) -> tuple[jax.Array, jax.Array]:
        return take(texels, at), take(texels, at[:, *sprites.BOUNDS])

    def overlay(image: jax.Array) -> jax.Array:
        return image.at[:, *sprites.BOUNDS].set(car)

    always = jnp.all(view.step >= 0)
    lines = apart(partial(lines_of, GRID), always, view, view.angle)
    at = apart(_texels, always, texture, view, lines)
    image, ground = apart(look_up, always, texture.texels, at)
    car = apart(sprites.draw, always, ground, sprites.shapes(view))
    return in_place(overlay, always, image)


def unpack(packed: jax.Array) -> jax.Array:
    """Return the colours of packed pixels [...] as uint8 [..., 3], red first."""
    return (packed[..., None] >> np.array([0, 8, 16], np.uint32)).astype(jnp.uint8)


class Lines(NamedTuple):
    """Pixels' texel coordinates are a row's plus a column's, int32 of 2**-16 texels."""

    rows: list[jax.Array]  # [B, rows] of u, of v
    columns: list[jax.Array]  # [B, columns]


def lines_of(grid: Grid, view: View, up: jax.Array) -> Lines:
    """Return where each row begins and how far each column is along it.

    Args:
        up: [B] rad, what is up in the picture, as the hull's angle.
    """
    zoom = at_zoom(ZOOMS, view.step) * TEXEL
    cos, sin = jnp.cos(up) / zoom, jnp.sin(up) / zoom
    right, above = grid.right_and_above(0, 0)
    rows, columns = [], []
    for metres, first, along, down in (
        (view.x, cos * right - sin * above, cos * grid.width, sin * grid.height),
        (view.y, sin * right + cos * above, sin * grid.width, -cos * grid.height),
    ):
        # Without bounds, the place of a car that drives on for ever would overflow.
        metres = jnp.clip(metres, -3 * PLAYFIELD, 3 * PLAYFIELD)
        first += metres / TEXEL + EXTENT / 2
        first, along, down = (
            (each * 2**_FRACTION).astype(jnp.int32)[:, None]
            for each in (first, along, down)
        )
        rows.append(first + down * np.arange(grid.rows))
        columns.append(along * np.arange(grid.columns))
    return Lines(rows, columns)


def coordinates(lines: Lines) -> list[jax.Array]:
    """Return u and v of the texel under each pixel, uint32 [B, rows, columns].

    Beyond the texture all is as black as at its edge: at either, so that coordinates
    below zero, as large unsigned numbers, may count as beyond its end.
    """
    places = (
        (row[..., None] + column[:, None]).astype(jnp.uint32)
        for row, column in zip(lines.rows, lines.columns, strict=True)
    )
    end = np.uint32((EXTENT << _FRACTION) - 1)
    return [jnp.minimum(each, end) >> _FRACTION for each in places]


def _texels(texture: Texture, view: View, lines: Lines) -> jax.Array:
    """Return which of all textures' texels is under each pixel, uint32 [B, 64, 64]."""
    u, v = coordinates(lines)
    track = view.track[:, None, None].astype(jnp.uint32)
    place = track * np.uint32(SIDE**2) + v // BLOCK * np.uint32(SIDE) + u // BLOCK
    entry = take(texture.index, place).astype(jnp.uint32)
    shift, mask, stride, words, start = (
        field[:, None, None] for field in at_zoom(_levels(), view.step).T
    )
    within_block = (v >> shift & mask) * stride + (u >> shift & mask)
    first = track * np.uint32(texture.texels.shape[-1]) + start
    return first + entry * words + within_block


def _levels() -> np.ndarray:
    """Return how to address the level that suits each zoom: uint32 [50, 5].

    That is, by columns: the bits to shift a coordinate by, the mask for what remains,
    words from row to row, words of a pool's entry, the level's first word.
    """
    levels = np.array(textures.levels())
    wanted = np.log2(ZOOMS[-1] / ZOOMS)
    levels = levels[abs(levels[:, :1] - wanted).argmin(0)]
    shift, start, words, stride, mask = levels.T
    return np.array([shift, mask >> shift, stride, words, start], np.uint32).T


def take(table: jax.Array, at: jax.Array) -> jax.Array:
    """Look up uint32 places in a table of any shape, as if it were one row."""
    each = jax.lax.GatherDimensionNumbers((), (0,), (0,))
    mode = jax.lax.GatherScatterMode.PROMISE_IN_BOUNDS
    return jax.lax.gather(table.ravel(), at[..., None], each, (1,), mode=mode)
