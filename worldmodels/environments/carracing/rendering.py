"""What the camera sees, 64x64: the ground looked up in a texture, the car drawn on it.

A frame stands for gymnasium's 96x96 observation after `frames.preprocess`: a window of
1000x800 pixels that turns with the car, shrunk to 96x96, cropped to 84 rows, resized.
So a pixel here is 15.6 x 10.9 pixels of that window, and its value is the mean over an
area rather larger than itself, which the texture holds ready.

Everything is elementwise over whole batches. An image is packed, a word a pixel, until
`unpack`: as three planes, XLA on CPU would repeat the look-ups for each.
"""

from functools import lru_cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.environments.carracing import textures
from worldmodels.environments.carracing.textures import (
    BLOCK,
    EXTENT,
    SIDE,
    TEXEL,
    Texture,
)

SIZE = 64
_WIDTH, _HEIGHT = 1000 / SIZE, 800 * 84 / 96 / SIZE  # of a pixel, in the window's
_CAR = 600  # row of the window on which the car stands, in the middle
_FPS = 50
_ZOOM_STEPS = 50  # the camera zooms in during the first second

# The pixels that the car can reach, however it is steered.
_ROWS, _COLUMNS = slice(49, 61), slice(28, 36)

_WHEEL = 0.28, 0.54  # m: half its width, half its length
_STRIPE = 1.2  # rad of the wheel's circumference that are light
_BLUR = 1.25  # pixels: the width of the box that stands for the reference's filters
# Four polygons, 0.02 m; gymnasium's car_dynamics.HULL_POLY1 .. 4
_HULL = (
    ((-60, 130), (60, 130), (60, 110), (-60, 110)),
    ((-15, 120), (15, 120), (20, 20), (-20, 20)),
    (
        *((25, 20), (50, -10), (50, -40), (20, -90)),
        *((-20, -90), (-50, -40), (-50, -10), (-25, 20)),
    ),
    ((-50, -120), (50, -120), (50, -90), (-50, -90)),
)
_RED, _TYRE, _LIGHT_STRIPE = 202, 0, 75  # gymnasium's, less smoothscale's 2


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


def render(texture: Texture, view: View) -> jax.Array:
    """Draw the frames of B cars: uint32 [B, 64, 64], 0x00BBGGRR (red lowest).

    `texture` is that of R tracks, each field with a leading [R].
    Source: gymnasium's `CarRacing._render` and `Car.draw`.
    """
    image = _ground(texture, view)
    patch = _draw_car(image[:, _ROWS, _COLUMNS], view)
    return image.at[:, _ROWS, _COLUMNS].set(patch)


def unpack(packed: jax.Array) -> jax.Array:
    """Return the colours of packed pixels [...] as uint8 [..., 3], red first."""
    return _channels(packed).astype(jnp.uint8)


def unpack_scaled(packed: jax.Array) -> jax.Array:
    """Return the colours of packed pixels [...] as float32 [..., 3] in 0 .. 1."""
    return _channels(packed).astype(jnp.float32) / 255


def _channels(packed: jax.Array) -> jax.Array:
    return packed[..., None] >> np.array([0, 8, 16], np.uint32) & 255


def _zoom(step: np.ndarray) -> np.ndarray:
    """Window pixels a metre, `step` steps after the reset."""
    t = (step + 1) / _FPS
    return 0.6 * np.maximum(1 - t, 0) + 16.2 * np.minimum(t, 1)


_ZOOMS = _zoom(np.arange(_ZOOM_STEPS)).astype(np.float32)


def _pixels(rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the middles of pixels, right of and above the car, in window pixels."""
    right = (columns + 0.5) * _WIDTH - 500
    above = _CAR - (rows + 0.5) * _HEIGHT
    return right.astype(np.float32), above[:, None].astype(np.float32)


def _ground(texture: Texture, view: View) -> jax.Array:
    """Look up the texture under each pixel: uint32 [B, 64, 64]."""
    right, above = _pixels(np.arange(SIZE), np.arange(SIZE))
    step = jnp.clip(view.step, 0, _ZOOM_STEPS - 1)
    scale = 1 / (jnp.asarray(_ZOOMS)[step] * TEXEL)
    cos, sin = jnp.cos(view.angle) * scale, jnp.sin(view.angle) * scale
    x, y = view.x / TEXEL + EXTENT / 2, view.y / TEXEL + EXTENT / 2
    cos, sin, x, y = (each[:, None, None] for each in (cos, sin, x, y))
    u = _texel(x + cos * right - sin * above)
    v = _texel(y + sin * right + cos * above)
    track = view.track.astype(jnp.uint32)[:, None, None]
    level = jnp.asarray(_level_tables())[:, step][..., None, None]
    shift, start, words, stride, mask = level
    place = track * (SIDE * SIDE) + (v // BLOCK) * SIDE + u // BLOCK
    entry = _take(texture.index, place).astype(jnp.uint32)
    within = ((v & mask) >> shift) * stride + ((u & mask) >> shift)
    size = texture.texels.shape[-1]
    return _take(texture.texels, track * size + start + entry * words + within)


@lru_cache
def _level_tables() -> np.ndarray:
    """Return the fields of the level whose texels suit each zoom, [5, 50]."""
    levels = np.array(textures.levels())
    wanted = np.log2(_ZOOMS[-1] / _ZOOMS)
    nearest = abs(levels[:, :1] - wanted).argmin(0)
    return levels[nearest].T.astype(np.uint32)


def _texel(coordinate: jax.Array) -> jax.Array:
    """Round down to a texel; beyond the texture all is black, as at its edge."""
    return jnp.clip(coordinate.astype(jnp.int32), 0, EXTENT - 1).astype(jnp.uint32)


def _take(table: jax.Array, at: jax.Array) -> jax.Array:
    return table.ravel().at[at].get(mode="promise_in_bounds")


def _draw_car(patch: jax.Array, view: View) -> jax.Array:
    """Draw wheels, then the hull, on the patch [B, 12, 8] about the car."""
    step = jnp.clip(view.step, 0, _ZOOM_STEPS - 1)
    zoom = jnp.asarray(_ZOOMS)[step]
    color = [(patch >> shift & 255).astype(jnp.float32) for shift in (0, 8, 16)]
    for wheel in range(4):
        tyre, stripe = _wheel(view, wheel, zoom)
        for channel in range(3):
            color[channel] = color[channel] * (1 - tyre) + _TYRE * tyre
            color[channel] += (_LIGHT_STRIPE - _TYRE) * stripe
    hull = jnp.asarray(_hull_sprites())[step]
    color = [
        below * (1 - hull) + above * hull
        for below, above in zip(color, (_RED, 0, 0), strict=True)
    ]
    red, green, blue = (jnp.round(c).astype(jnp.uint32) for c in color)
    return red | green << 8 | blue << 16


def _wheel(view: View, wheel: int, zoom: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return how much of each pixel [B, 12, 8] is tyre, and how much is its stripe."""
    right, above = _pixels(np.arange(SIZE)[_ROWS], np.arange(SIZE)[_COLUMNS])
    cos, sin = jnp.cos(view.angle), jnp.sin(view.angle)
    x, y = view.wheel_x[wheel] - view.x, view.wheel_y[wheel] - view.y
    steer = view.wheel_angle[wheel] - view.angle
    centre_x, centre_y = cos * x + sin * y, cos * y - sin * x
    cos, sin = jnp.cos(steer), jnp.sin(steer)
    front, back = _stripe(view.wheel_phase[wheel])
    zoom, centre_x, centre_y, cos, sin, front, back = (
        each[:, None, None]
        for each in (zoom, centre_x, centre_y, cos, sin, front, back)
    )
    dx, dy = right - centre_x * zoom, above - centre_y * zoom
    across, along = cos * dx + sin * dy, cos * dy - sin * dx
    half_width, half_length = (half * zoom for half in _WHEEL)
    width = _overlap(across, -half_width, half_width, _BLUR * _WIDTH)
    tyre = width * _overlap(along, -half_length, half_length, _BLUR * _HEIGHT)
    stripe = width * _overlap(along, back * zoom, front * zoom, _BLUR * _HEIGHT)
    return tyre, stripe


def _overlap(at, low, high, width: float):
    """Return the share of a window of that width about `at` within low .. high."""
    inside = jnp.minimum(at + width / 2, high) - jnp.maximum(at - width / 2, low)
    return jnp.clip(inside / width, 0, 1)


def _stripe(phase: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return where along the wheel its stripe lies, in m; equal when it is below."""
    radius = _WHEEL[1]
    ends = []
    hidden = True
    for angle in (phase, phase + _STRIPE):
        below = jnp.sin(angle) > 0
        cos = jnp.cos(angle)
        ends.append(jnp.where(below, jnp.sign(cos), cos))
        hidden = below & hidden
    front, back = jnp.maximum(*ends), jnp.minimum(*ends)
    return radius * jnp.where(hidden, back, front), radius * back


@lru_cache
def _hull_sprites() -> np.ndarray:
    """Return how much of each pixel the hull covers, [50, 12, 8], one a zoom."""
    fine = 4  # samples a window pixel, along each axis
    sprites = []
    for zoom in _ZOOMS:
        rows = np.arange(0, 672 * fine)
        columns = np.arange(430 * fine, 570 * fine)
        at_y = _CAR - (rows + 0.5) / fine
        at_x = (columns + 0.5) / fine - 500
        covered = np.zeros((len(rows), len(columns)), bool)
        near = slice(500 * fine, 700 * fine)
        for polygon in _HULL:
            vertices = np.array(polygon) * 0.02 * zoom
            covered[near] |= _within(at_x[None, :], at_y[near, None], vertices)
        down = _shrinking(700 * fine, 64, fine)[49:61, : len(rows)]
        across = _shrinking(1000 * fine, 64, fine)[28:36, columns]
        sprites.append(down @ covered @ across.T)
    return np.array(sprites, np.float32)


def _within(x, y, vertices):
    inside = np.zeros(np.broadcast(x, y).shape, bool)
    for (x1, y1), (x2, y2) in zip(vertices, np.roll(vertices, -1, 0), strict=True):
        crosses = (y1 > y) != (y2 > y)
        with np.errstate(divide="ignore", invalid="ignore"):
            inside ^= crosses & (x < x1 + (y - y1) * (x2 - x1) / (y2 - y1))
    return inside


def _shrinking(samples: int, size: int, fine: int) -> np.ndarray:
    """Return the weights [size, samples] of smoothscale's box, then PIL's triangle."""
    middle = round(samples * (96 if samples == 1000 * fine else 84) / samples)
    edges = np.arange(middle + 1) * samples / middle
    at = np.arange(samples)
    box = np.clip(
        np.minimum(at + 1, edges[1:, None]) - np.maximum(at, edges[:-1, None]), 0, 1
    )
    box /= box.sum(1, keepdims=True)
    ratio = middle / size
    centre = (np.arange(size)[:, None] + 0.5) * ratio
    triangle = np.maximum(1 - abs(np.arange(middle) + 0.5 - centre) / ratio, 0)
    triangle /= triangle.sum(1, keepdims=True)
    return triangle @ box
