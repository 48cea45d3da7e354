"""What a driver sees, 64x64: the ground looked up in a texture, the car drawn on it.

Everything is elementwise over whole batches. An image is packed, a word a pixel, until
`unpack`.

On two things the speed on CPU hangs. Coordinates are whole numbers, since XLA takes ten
instructions a pixel to make one of a float. And where to look is stored before anything
is looked up (`_stored`): XLA would make one loop of it all, whose loads are too far
apart to overlap, and repeat it for each use of the image.
"""

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.environments.carracing import sprites, textures
from worldmodels.environments.carracing.camera import (
    HEIGHT,
    SIZE,
    WIDTH,
    ZOOMS,
    View,
    at_zoom,
    right_and_above,
)
from worldmodels.environments.carracing.textures import (
    BLOCK,
    EXTENT,
    PLAYFIELD,
    SIDE,
    TEXEL,
    Texture,
)
from worldmodels.runtime.barrier import stored

__all__ = ["SIZE", "View", "render", "unpack"]

_FRACTION = 16  # bits behind the point of a texel's coordinate
_BLOCK = _FRACTION + BLOCK.bit_length() - 1  # bits behind the point of a block's


def render(texture: Texture, view: View) -> jax.Array:
    """Draw the frames of B cars: uint32 [B, 64, 64], 0x00BBGGRR (red lowest).

    `texture` is that of R tracks, each field with a leading [R].
    Source: gymnasium's `CarRacing._render`, then `frames.preprocess`.
    """
    place, wheels = _stored((_places(view), sprites.wheels(view)), view)
    at = _stored(_texels(texture, view, place), view)
    image, car = (
        _take(texture.texels, at),
        _take(texture.texels, at[:, *sprites.BOUNDS]),
    )
    image, car = _stored((image, sprites.draw(car, wheels, view.step)), view)
    return _stored(image.at[:, *sprites.BOUNDS].set(car), view)


def unpack(packed: jax.Array) -> jax.Array:
    """Return the colours of packed pixels [...] as uint8 [..., 3], red first."""
    return (packed[..., None] >> np.array([0, 8, 16], np.uint32)).astype(jnp.uint8)


def _places(view: View) -> jax.Array:
    """Return the place in the textures' index of what is under each pixel, [B, ...]."""
    u, v = _coordinates(view)
    track = view.track[:, None, None]
    return track * SIDE**2 + (v >> _BLOCK) * SIDE + (u >> _BLOCK)


def _texels(texture: Texture, view: View, place: jax.Array) -> jax.Array:
    """Return which of all textures' texels is under each pixel, [B, 64, 64]."""
    u, v = _coordinates(view)
    shift, mask, stride, words, start = (
        field[:, None, None] for field in at_zoom(_levels(), view.step).T
    )
    entry = _take(texture.index, place).astype(jnp.int32)
    within = (v >> shift & mask) * stride + (u >> shift & mask)
    track = view.track[:, None, None] * texture.texels.shape[-1]
    return track + start + entry * words + within


def _coordinates(view: View) -> list[jax.Array]:
    """Return each pixel's texel coordinates, two int32 [B, 64, 64] of 2**-16 texels.

    They grow by a constant along rows and columns. Beyond the texture all is as black
    as at its edge.
    """
    zoom = at_zoom(ZOOMS, view.step) * TEXEL
    cos, sin = jnp.cos(view.angle) / zoom, jnp.sin(view.angle) / zoom
    right, above = right_and_above(0, 0)
    column, row = np.arange(SIZE), np.arange(SIZE)[:, None]
    coordinates = []
    for metres, first, along, down in (
        (view.x, cos * right - sin * above, cos * WIDTH, sin * HEIGHT),
        (view.y, sin * right + cos * above, sin * WIDTH, -cos * HEIGHT),
    ):
        # Without bounds, the place of a car that drives on for ever would overflow.
        metres = jnp.clip(metres, -3 * PLAYFIELD, 3 * PLAYFIELD)
        first += metres / TEXEL + EXTENT / 2
        first, along, down = (
            (each * 2**_FRACTION).astype(jnp.int32)[:, None, None]
            for each in (first, along, down)
        )
        coordinate = first + along * column + down * row
        coordinates.append(jnp.clip(coordinate, 0, (EXTENT << _FRACTION) - 1))
    return coordinates


def _levels() -> np.ndarray:
    """Return how to address the level that suits each zoom: int32 [50, 5].

    That is, by columns: the bits to shift a coordinate by, the mask for what remains,
    words from row to row, words of a pool's entry, the level's first word.
    """
    levels = np.array(textures.levels())
    wanted = np.log2(ZOOMS[-1] / ZOOMS)
    levels = levels[abs(levels[:, :1] - wanted).argmin(0)]
    shift, start, words, stride, mask = levels.T
    fields = [shift + _FRACTION, mask >> shift, stride, words, start]
    return np.array(fields, np.int32).T


def _take(table: jax.Array, at: jax.Array) -> jax.Array:
    return table.ravel().at[at].get(mode="promise_in_bounds")


def _stored(arrays, view: View):
    return stored(arrays, jnp.all(view.step >= 0))
