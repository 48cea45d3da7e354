"""What a driver sees in v0's view: single samples of the ground, then the pipeline.

`reference_v0` says how v0's camera differs from v3's. The ground is looked up in a
texture, as in `rendering`, but in one that is not averaged, at the middles of the 84x96
pixels above the indicators. The car turns within the picture: each pixel about it is
tested against the car's polygons. What `frames` does to the picture then follows in the
same whole numbers.
"""

import math
from collections.abc import Callable, Iterator
from functools import lru_cache, partial, reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.environments.carracing import sprites
from worldmodels.environments.carracing.body import WHEEL_HALF_WIDTH, WHEEL_RADIUS
from worldmodels.environments.carracing.camera import SIZE, ZOOMS, Grid, View, at_zoom
from worldmodels.environments.carracing.colors import USUAL, palette
from worldmodels.environments.carracing.rendering import (
    Lines,
    coordinates,
    lines_of,
    take,
)
from worldmodels.environments.carracing.textures import BLOCK, SIDE, Sharp
from worldmodels.runtime.barrier import apart, in_place

# The rows above the indicators, of 96x96 pixels.
GRID = Grid(rows=84, columns=96, height=1000 / 96, width=1200 / 96, car=(600, 750))
# The pixels that the car can reach, however it slides and steers: it is 2.9 m away.
BOUNDS = COLUMNS, ROWS = slice(44, 52), slice(67, 77)

# Nothing is darkened, v0's patches have 229 for v3's 230, and the greys of tiles are
# rounded where v3's are cut.
PALETTE = palette(
    USUAL._replace(road=USUAL.road + 0.5, grass=np.array([102.0, 229, 102])), darkened=0
)

_TURNING = 0.5  # m/s, above which the view turns with the velocity
_TYRE, _STRIPE, _HULL = 0, 0x4D4D4D, 0x0000CC


def turned(angle: jax.Array, vx: jax.Array, vy: jax.Array) -> jax.Array:
    """Return what is up in the picture, [B] rad as the hull's angle.

    Args:
        angle: [B] rad, the hull's.
        vx, vy: [B] m/s, of its centre of mass.
    """
    return jnp.where(jnp.hypot(vx, vy) > _TURNING, jnp.arctan2(-vx, vy), angle)


def render(texture: Sharp, view: View, up: jax.Array) -> jax.Array:
    """Draw the frames of B cars: uint32 [B, 64, 64], 0x00BBGGRR (red lowest).

    Args:
        texture: that of R tracks, each field with a leading [R].
        up: [B] rad, as `turned` gives it.

    Source: gym 0.9's `CarRacing._render`, then `frames.preprocess`.
    """
    always = jnp.all(view.step >= 0)
    lines = apart(partial(lines_of, GRID), always, view, up)
    at = apart(_texels, always, texture, view, lines)
    picture = apart(take, always, texture.texels, at)
    shapes = apart(_shapes, always, view, up)
    around = slice(None), *BOUNDS
    car = apart(_car, always, picture[around], shapes)
    picture = in_place(lambda image: image.at[around].set(car), always, picture)
    return _frame(picture, always)


def _frame(picture: jax.Array, always: jax.Array) -> jax.Array:
    """Do as `frames.preprocess` with packed pictures [B, 96, 84], column by column.

    PIL resizes along the rows first, and rounds to bytes after each of the two.
    """
    extremes = apart(_extremes, always, picture)
    bytes = apart(_stretch, always, picture, extremes)
    narrow = apart(_shrink, always, bytes)
    row_by_row = apart(lambda images: jnp.swapaxes(images, -1, -2), always, narrow)
    return _lower(apart(_shrink, always, row_by_row))


def _texels(texture: Sharp, view: View, lines: Lines) -> jax.Array:
    """Return which of all textures' texels is under each pixel, uint32 [B, 96, 84].

    Columns come first: `_frame` shrinks along the rows first.
    """
    u, v = coordinates(Lines(rows=lines.columns, columns=lines.rows))
    track = view.track[:, None, None].astype(jnp.uint32)
    place = track * np.uint32(SIDE**2) + v // BLOCK * np.uint32(SIDE) + u // BLOCK
    entry = take(texture.index, place).astype(jnp.uint32)
    first = track * np.uint32(math.prod(texture.texels.shape[1:]))
    return first + entry * BLOCK**2 + v % BLOCK * BLOCK + u % BLOCK


class _Body(NamedTuple):
    """How parts of the car lie under the pixels.

    In a part's own frame (m) the pixel that is `right` and `above` the hull's origin is
    at cos right - sin above - x, sin right + cos above - y.
    """

    cos: jax.Array  # m a pixel of the window
    sin: jax.Array
    x: jax.Array  # m, the part's origin from the hull's, in its own frame
    y: jax.Array


class _Shapes(NamedTuple):
    """What cars look like."""

    hull: _Body  # [B]
    wheels: _Body  # [4, B]
    front: jax.Array  # [4, B] m, where the stripes end
    back: jax.Array

    def each_wheel(self) -> Iterator[tuple[_Body, jax.Array, jax.Array]]:
        """Yield each wheel with the ends of its stripe."""
        for wheel in range(4):
            body = _Body(*(field[wheel] for field in self.wheels))
            yield body, self.front[wheel], self.back[wheel]


def _shapes(view: View, up: jax.Array) -> _Shapes:
    zoom = at_zoom(ZOOMS, view.step)

    def body(angle: jax.Array, x: jax.Array, y: jax.Array) -> _Body:
        cos, sin = jnp.cos(angle), jnp.sin(angle)
        turn = up - angle
        return _Body(
            jnp.cos(turn) / zoom,
            jnp.sin(turn) / zoom,
            cos * x + sin * y,
            cos * y - sin * x,
        )

    nothing = jnp.zeros_like(view.x)
    away = view.wheel_x - view.x, view.wheel_y - view.y
    hull, wheels = body(view.angle, nothing, nothing), body(view.wheel_angle, *away)
    return _Shapes(hull, wheels, *sprites.stripe(view.wheel_phase))


def _car(ground: jax.Array, shapes: _Shapes) -> jax.Array:
    """Draw cars on the pixels about them, [B, 8, 10], packed.

    Source: gymnasium's `Car.draw`: the wheels, each with its stripe, then the hull.
    """
    drawn = ground
    for body, front, back in shapes.each_wheel():
        across, along = _within(body)
        wide = abs(across) <= WHEEL_HALF_WIDTH
        tyre = wide & (abs(along) <= WHEEL_RADIUS)
        light = wide & (along > back[:, None, None]) & (along <= front[:, None, None])
        drawn = jnp.where(tyre, np.uint32(_TYRE), drawn)
        drawn = jnp.where(light, np.uint32(_STRIPE), drawn)
    return jnp.where(_on_hull(*_within(shapes.hull)), np.uint32(_HULL), drawn)


def _within(body: _Body) -> tuple[jax.Array, jax.Array]:
    """Return where the pixels about a car are in a part's frame, m [B, 8, 10] each."""
    columns, rows = (np.arange(each.start, each.stop) for each in BOUNDS)
    right, above = GRID.right_and_above(rows, columns[:, None])
    right, above = right.astype(np.float32), above.astype(np.float32)
    cos, sin, x, y = (field[:, None, None] for field in body)
    return cos * right - sin * above - x, sin * right + cos * above - y


def _on_hull(x: jax.Array, y: jax.Array) -> jax.Array:
    """Return whether places, m in the hull's frame, are in one of its polygons."""
    covered = False
    for polygon in sprites.HULL:
        corners = np.array(polygon) * sprites.UNIT
        inside = True
        for (ax, ay), (bx, by) in zip(corners, np.roll(corners, -1, 0), strict=True):
            # Corners go round clockwise: inside is on the right.
            inside &= (bx - ax) * (y - ay) <= (by - ay) * (x - ax)
        covered |= inside
    return covered


def _extremes(picture: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return the least and the greatest byte of packed pictures [B, ...]: int32 [B]."""
    bytes = [(picture >> shift & 255).astype(jnp.int32) for shift in (0, 8, 16)]
    return _over_all(jnp.minimum, bytes), _over_all(jnp.maximum, bytes)


def _over_all(pick: Callable, bytes: list[jax.Array]) -> jax.Array:
    """Pick one of all, [B]: half against half, in whole vectors."""
    left = reduce(pick, bytes).reshape(len(bytes[0]), -1)
    while (half := left.shape[1] // 2) * 2 == left.shape[1]:
        left = pick(left[:, :half], left[:, half:])
    return reduce(pick, jnp.unstack(left, axis=1))


def _stretch(picture: jax.Array, extremes: tuple[jax.Array, jax.Array]) -> jax.Array:
    """Scale packed pictures [B, ...] as `frames.stretch`: float32 [B, 3, ...].

    In float32, which has all these whole numbers: an integer's division is slow.
    """
    bytes = jnp.stack([picture >> shift & 255 for shift in (0, 8, 16)], 1)
    low, high = (each[:, None, None, None] for each in extremes)
    span = jnp.maximum(high - low, 1)
    part = (bytes.astype(jnp.int32) - low) * 510 + span
    return jnp.floor(part.astype(jnp.float32) / (2 * span).astype(jnp.float32))


def _shrink(images: jax.Array) -> jax.Array:
    """Resize the last axis but one, [..., L, N] to [..., 64, N], and round to bytes."""
    first, weights = triangles(images.shape[-2])
    taps = [
        weight[:, None] * images[..., first + tap, :]
        for tap, weight in enumerate(weights)
    ]
    return jnp.floor(sum(taps) + 0.5)


def _lower(images: jax.Array) -> jax.Array:
    """Pack bytes [B, 3, 64, 64], each lower by 1 modulo 256: uint32 [B, 64, 64]."""
    red, green, blue = jnp.unstack((images.astype(jnp.uint32) - 1) & 255, axis=1)
    return red | green << 8 | blue << 16


@lru_cache
def triangles(length: int) -> tuple[np.ndarray, np.ndarray]:
    """Return PIL's bilinear filter from `length` pixels to 64.

    Returns:
        For each of 64 the first pixel that counts, and the weights from there on, one
        row for each pixel after the other: [64] and float32 [taps, 64].
    """
    ratio = length / SIZE
    middles = (np.arange(SIZE)[:, None] + 0.5) * ratio
    weights = np.maximum(1 - abs(np.arange(length) + 0.5 - middles) / ratio, 0)
    weights /= weights.sum(1, keepdims=True)
    taps = np.count_nonzero(weights, axis=1).max()
    first = np.minimum((weights > 0).argmax(axis=1), length - taps)
    counted = [weights[np.arange(SIZE), first + tap] for tap in range(taps)]
    return first, np.array(counted, np.float32)
