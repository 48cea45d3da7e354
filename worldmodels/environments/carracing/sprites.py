"""The car as the camera sees it: a hull that never moves, and four wheels that turn.

The camera is fixed to the hull, so that the hull is a picture for each zoom, made once,
as the reference makes it. Wheels steer and roll, and are computed: how much of a pixel
one covers is a product of two profiles, across it and along it.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.environments.carracing.camera import (
    CAR,
    HEIGHT,
    SEEN,
    SIZE,
    WIDTH,
    WINDOW,
    ZOOMS,
    View,
    at_zoom,
    right_and_above,
)

# The pixels that the car can reach, however it is steered.
BOUNDS = ROWS, COLUMNS = slice(49, 61), slice(28, 36)

_HALF_WIDTH, _RADIUS = 0.28, 0.54  # m: of a wheel, which is drawn as long as it is high
_STRIPE = 1.2  # rad of a wheel's circumference that are light
# Pixels over which an edge is smeared: smoothscale's box and then PIL's triangle spread
# it as much as this smooth step does.
_SMEAR = 2.0
_RED, _LIGHT = 202, 75  # of hull and stripe: 2 lower than gymnasium's, by smoothscale
# The hull's polygons, clockwise. Source: gymnasium's car_dynamics, HULL_POLY1 to 4.
_HULL = (
    ((-60, 130), (60, 130), (60, 110), (-60, 110)),
    ((-15, 120), (15, 120), (20, 20), (-20, 20)),
    (
        *((25, 20), (50, -10), (50, -40), (20, -90)),
        *((-20, -90), (-50, -40), (-50, -10), (-25, 20)),
    ),
    ((-50, -90), (50, -90), (50, -120), (-50, -120)),
)
_UNIT = 0.02  # m; of these vertices


class Wheels(NamedTuple):
    """Where B cars' wheels are in the window, as seen from the car; each [4, B]."""

    right: jax.Array  # window pixels
    above: jax.Array
    cos: jax.Array  # of the steering angle
    sin: jax.Array
    half_width: jax.Array  # window pixels
    half_length: jax.Array
    front: jax.Array  # of the stripe, from the wheel's middle, window pixels
    back: jax.Array


def wheels(view: View) -> Wheels:
    """Find the wheels as the camera sees them."""
    zoom = at_zoom(ZOOMS, view.step)
    cos, sin = jnp.cos(view.angle), jnp.sin(view.angle)
    x, y = (view.wheel_x - view.x) * zoom, (view.wheel_y - view.y) * zoom
    steering = view.wheel_angle - view.angle
    front, back = _stripe(view.wheel_phase)
    every = jnp.ones_like(x)
    return Wheels(
        right=cos * x + sin * y,
        above=cos * y - sin * x,
        cos=jnp.cos(steering),
        sin=jnp.sin(steering),
        half_width=_HALF_WIDTH * zoom * every,
        half_length=_RADIUS * zoom * every,
        front=front * zoom,
        back=back * zoom,
    )


def draw(ground: jax.Array, wheels: Wheels, step: jax.Array) -> jax.Array:
    """Draw cars over their surroundings [B, 12, 8], packed as 0x00BBGGRR.

    Hull and wheels hardly overlap, so that their shares of a pixel add up.
    Source: gymnasium's `Car.draw`.
    """
    hull = jnp.moveaxis(at_zoom(_hull(), step), -1, 0)
    tyres = stripes = 0
    for wheel in range(4):
        tyre, stripe = _cover(Wheels(*(each[wheel] for each in wheels)))
        tyres, stripes = tyres + tyre, stripes + stripe
    free = jnp.maximum(1 - hull - tyres, 0)
    # What the hull leaves of the wheels.
    grey = _LIGHT * stripes * jnp.minimum(1, (1 - hull) / jnp.maximum(tyres, 1e-6))
    drawn = 0
    for shift, red in ((0, _RED), (8, 0), (16, 0)):
        below = (ground >> shift & 255).astype(jnp.float32)
        color = jnp.round(free * below + grey + red * hull)
        drawn |= color.astype(jnp.uint32) << shift
    return drawn


def _cover(wheel: Wheels) -> tuple[jax.Array, jax.Array]:
    """Return how much of each pixel [B, 12, 8] a wheel covers, and how much its stripe.

    Every field of `wheel` is that of one wheel, [B].
    """
    wheel = Wheels(*(each[:, None, None] for each in wheel))
    rows, columns = np.arange(SIZE)[ROWS, None], np.arange(SIZE)[COLUMNS]
    right, above = right_and_above(rows, columns)
    right = right.astype(np.float32) - wheel.right
    above = above.astype(np.float32) - wheel.above
    across = wheel.cos * right + wheel.sin * above
    along = wheel.cos * above - wheel.sin * right
    width = _share(across, -wheel.half_width, wheel.half_width, _SMEAR * WIDTH)
    smear = _SMEAR * HEIGHT
    tyre = width * _share(along, -wheel.half_length, wheel.half_length, smear)
    return tyre, width * _share(along, wheel.back, wheel.front, smear)


def _share(at, low, high, smear: float):
    """Return how much of what is seen at a place lies within low .. high."""
    return _step((high - at) / smear) - _step((low - at) / smear)


def _step(t):
    """Rise smoothly from 0 at -1/2 to 1 at 1/2."""
    t = jnp.clip(t + 0.5, 0, 1)
    return t * t * (3 - 2 * t)


def _stripe(phase: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return the ends of a wheel's stripe, m before its middle; equal when hidden."""
    sin, cos = jnp.sin(phase), jnp.cos(phase)
    # The other end's, by the sum of angles: two fewer calls for each of four wheels.
    sines = sin, sin * math.cos(_STRIPE) + cos * math.sin(_STRIPE)
    cosines = cos, cos * math.cos(_STRIPE) - sin * math.sin(_STRIPE)
    # An end that is below the wheel is where the stripe goes out of sight.
    ends = [
        jnp.where(sin > 0, jnp.sign(cos), cos)
        for sin, cos in zip(sines, cosines, strict=True)
    ]
    hidden = (sines[0] > 0) & (sines[1] > 0)
    front, back = jnp.maximum(*ends), jnp.minimum(*ends)
    return _RADIUS * jnp.where(hidden, back, front), _RADIUS * back


@lru_cache
def _hull() -> np.ndarray:
    """Return how much of each pixel is hull, [12, 8, 50], at each zoom."""
    down, across = _shrinking(SEEN, 84)[ROWS], _shrinking(WINDOW, 96)[COLUMNS]
    sprites = [down @ _silhouette(zoom) @ across.T for zoom in ZOOMS]
    return np.stack(sprites, -1).astype(np.float32)


def _silhouette(zoom: float) -> np.ndarray:
    """Return which of the window's pixels [700, 1000] are hull.

    As pygame draws polygons: vertices cut to whole pixels, outlines included.
    """
    row, column = np.arange(800)[:, None], np.arange(WINDOW)
    hull = np.zeros((800, WINDOW), bool)
    for polygon in _HULL:
        # Rows count upwards until the window is flipped.
        vertices = np.trunc(np.array(polygon) * _UNIT * zoom + (CAR[0], 800 - CAR[1]))
        low, high = vertices.min(0), vertices.max(0)
        inside = (column >= low[0]) & (column <= high[0])
        inside = inside & (row >= low[1]) & (row <= high[1])
        for (x, y), (to_x, to_y) in zip(
            vertices, np.roll(vertices, -1, axis=0), strict=True
        ):
            a, b = to_y - y, x - to_x  # the vertices go round clockwise
            outline = max(abs(a), abs(b)) / 2
            inside &= a * (column - x) + b * (row - y) >= -outline
        hull |= inside
    return hull[::-1][:SEEN]


def _shrinking(length: int, middle: int) -> np.ndarray:
    """Return what the reference makes of window pixels: weights [64, length].

    First smoothscale's means over `middle` runs, then PIL's triangles over those.
    """
    edges = np.arange(middle + 1) * length / middle
    at = np.arange(length)
    means = np.minimum(at + 1, edges[1:, None]) - np.maximum(at, edges[:-1, None])
    means = np.clip(means, 0, 1) / (length / middle)
    ratio = middle / SIZE
    middles = (np.arange(SIZE)[:, None] + 0.5) * ratio
    triangles = np.maximum(1 - abs(np.arange(middle) + 0.5 - middles) / ratio, 0)
    return triangles / triangles.sum(1, keepdims=True) @ means
