"""The car as the camera sees it: a hull that never moves, and four wheels that turn.

The camera is fixed to the hull, so that the hull is a picture for each zoom, made once,
as the reference makes it. Wheels steer and roll. They are drawn as a few upright boxes:
how much of a pixel one covers is a product of how much of its row and of its column.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.environments.carracing.camera import (
    CAR,
    SEEN,
    SIZE,
    WINDOW,
    ZOOMS,
    View,
    at_zoom,
)
from worldmodels.runtime.barrier import apart

# The pixels that the car can reach, however it is steered.
BOUNDS = ROWS, COLUMNS = slice(49, 61), slice(28, 36)

_NEAR = slice(540, 660), slice(460, 540)  # rows and columns of the window around it
UNIT = 0.02  # m; of the vertices below
# The hull's polygons, clockwise. Source: gymnasium's car_dynamics, HULL_POLY1 to 4.
HULL = (
    ((-60, 130), (60, 130), (60, 110), (-60, 110)),
    ((-15, 120), (15, 120), (20, 20), (-20, 20)),
    (
        *((25, 20), (50, -10), (50, -40), (20, -90)),
        *((-20, -90), (-50, -40), (-50, -10), (-25, 20)),
    ),
    ((-50, -90), (50, -90), (50, -120), (-50, -120)),
)
_REAR = (  # wheels, which do not steer
    ((-69, -55), (-41, -55), (-41, -109), (-69, -109)),
    ((41, -55), (69, -55), (69, -109), (41, -109)),
)
_HALF_WIDTH, _RADIUS = 0.28, 0.54  # m: of a wheel, which is drawn as long as it is high
_STRIPE = 1.2  # rad of a wheel's circumference that are light
# Window pixels: pygame draws both the first and the last that a wheel reaches.
_GROW = 0.4
_RED, _LIGHT = 202, 75  # of hull and stripe: 2 lower than gymnasium's, by smoothscale


class Boxes(NamedTuple):
    """Four front halves of wheels, four back halves, four stripes of each of B cars."""

    across: jax.Array  # [12, B, 8] how much of each column of pixels is within
    down: jax.Array  # [12, B, 12] of each row


class Sprite(NamedTuple):
    """How much of each pixel about the car, [B, 12, 8], shows what."""

    hull: jax.Array
    hidden: jax.Array  # hull that lies before a wheel
    tyres: jax.Array
    stripes: jax.Array


def shapes(view: View) -> Sprite:
    """Return what B cars look like."""

    def cover(boxes: Boxes, step: jax.Array) -> Sprite:
        pictures = at_zoom(_pictures(), step)
        covered = boxes.down[..., None] * boxes.across[:, :, None]
        return Sprite(
            pictures[:, 0], pictures[:, 1], sum(covered[:8]), sum(covered[8:])
        )

    always = jnp.all(view.step >= 0)
    return apart(cover, always, apart(_wheels, always, view), view.step)


def _wheels(view: View) -> Boxes:
    """Find the wheels as the camera sees them.

    Boxes stay upright when their wheel steers, and only move: they are smaller than
    pixels, which do not turn.
    """
    zoom = at_zoom(ZOOMS, view.step)
    cos, sin = jnp.cos(view.angle), jnp.sin(view.angle)
    x, y = view.wheel_x - view.x, view.wheel_y - view.y
    front, back = stripe(view.wheel_phase)
    half = jnp.full_like(front, _RADIUS / 2)
    along = jnp.concatenate([half, -half, (front + back) / 2]) * zoom
    # The grown halves of a wheel overlap no more than a whole one would reach further.
    grown = jnp.concatenate(
        [
            jnp.tile(half * zoom + _GROW / 2, (2, 1)),
            jnp.where(front > back, (front - back) / 2 * zoom + _GROW, 0),
        ]
    )
    steering = jnp.tile(view.wheel_angle - view.angle, (3, 1))
    right = jnp.tile((cos * x + sin * y) * zoom, (3, 1)) - jnp.sin(steering) * along
    above = jnp.tile((cos * y - sin * x) * zoom, (3, 1)) + jnp.cos(steering) * along
    rows, columns = _cumulative()
    return Boxes(
        across=_within(columns, right, _HALF_WIDTH * zoom + _GROW),
        down=_within(rows, -above, grown),
    )


def draw(ground: jax.Array, car: Sprite) -> jax.Array:
    """Draw cars over their surroundings [B, 12, 8], packed as 0x00BBGGRR.

    Source: gymnasium's `Car.draw`.
    """
    # One long row of pixels: rows of eight are too short for vectors.
    below, *parts = (x.ravel() for x in (ground, *car))
    hull, hidden, tyres, stripes = parts
    seen = jnp.maximum(tyres - hidden, 0)
    grey = _LIGHT * stripes * seen / jnp.maximum(tyres, 1e-6)
    free = jnp.maximum(1 - hull - seen, 0)
    drawn = 0
    for shift, red in ((0, _RED), (8, 0), (16, 0)):
        under = (below >> shift & 255).astype(jnp.float32)
        color = jnp.round(free * under + grey + red * hull)
        drawn |= color.astype(jnp.uint32) << shift
    return drawn.reshape(ground.shape)


def _within(cumulative: np.ndarray, middle: jax.Array, half: jax.Array) -> jax.Array:
    """Return how much of pixels [P] lies within `half` of a middle [12, B]: [12, B, P].

    Both are in window pixels, from the car. `cumulative` [L, P] says how much of each
    pixel lies before a place.
    """
    table = jnp.asarray(cumulative)

    def before(place):
        place = jnp.clip(place + len(table) // 2, 0, len(table) - 2)
        whole = place.astype(jnp.int32)
        part = (place - whole)[..., None]
        return table[whole] * (1 - part) + table[whole + 1] * part

    return before(middle + half) - before(middle - half)


def stripe(phase: jax.Array) -> tuple[jax.Array, jax.Array]:
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
def _cumulative() -> tuple[np.ndarray, np.ndarray]:
    """Return how much of each row [121, 12] and column [81, 8] is before a place.

    A place is a window pixel's beginning; the one in the middle is the car's.
    """
    tables = []
    for weights in _weights():
        table = np.pad(weights.cumsum(axis=1), ((0, 0), (1, 0)))
        tables.append(table.T.astype(np.float32))
    return tuple(tables)


@lru_cache
def _pictures() -> np.ndarray:
    """Return how much of each pixel is hull, and hull before a wheel, at each zoom.

    Of shape [50, 2, 12, 8].
    """
    rows, columns = _weights()
    pictures = []
    for zoom in ZOOMS:
        hull, rear = _silhouette(HULL, zoom), _silhouette(_REAR, zoom)
        pictures.append([rows @ seen @ columns.T for seen in (hull, hull & rear)])
    return np.array(pictures, np.float32)


def _silhouette(polygons, zoom: float) -> np.ndarray:
    """Return which of the window's pixels, rows and columns `_NEAR`, polygons cover.

    Vertices are cut to whole pixels, and pixels on edges belong to the polygon: so does
    pygame when it draws polygons in the order of their vertices that Box2D makes.
    """
    # Rows count upwards until the window is flipped.
    row, column = 799 - np.arange(800)[_NEAR[0], None], np.arange(WINDOW)[_NEAR[1]]
    covered = np.zeros((len(row), len(column)), bool)
    for polygon in polygons:
        vertices = np.trunc(np.array(polygon) * UNIT * zoom + (CAR[0], 800 - CAR[1]))
        low, high = vertices.min(0), vertices.max(0)
        inside = (column >= low[0]) & (column <= high[0])
        inside = inside & (row >= low[1]) & (row <= high[1])
        for (x, y), (to_x, to_y) in zip(
            vertices, np.roll(vertices, -1, axis=0), strict=True
        ):
            inside &= (to_y - y) * (column - x) >= (to_x - x) * (row - y)
        covered |= inside
    return covered


def _weights() -> tuple[np.ndarray, np.ndarray]:
    """Return what rows [12, 120] and columns [8, 80] of the window count in pixels."""
    rows, columns = _shrinking(SEEN, 84), _shrinking(WINDOW, 96)
    return rows[ROWS, _NEAR[0]], columns[COLUMNS, _NEAR[1]]


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
