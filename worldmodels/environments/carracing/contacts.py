"""Which wheels touch which tiles: Box2D's sensor contacts, by a few look-ups.

A wheel is on the road while its rectangle lies within 0.02 m of a tile: both shapes
have a skin of 0.01 m in Box2D. Whether it does is a separating-axis test of two convex
polygons. Only tiles near the wheel are tested: a table, made once a track, lists them
for every square of a grid.

Roads cross and run side by side, and cars leave them and cut corners, so a search near
the last tile visited would not do.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.environments.carracing.body import WHEEL_HALF_WIDTH, WHEEL_RADIUS, Car
from worldmodels.environments.carracing.tracks import MAX_TILES, Track

SKIN = 0.02  # m
CELL = 4.0  # m, a square's side
SIDE = 126  # squares along the grid, 252 m to either side; no track goes beyond 248
NEAR = 8  # tiles listed for a square; the most in 1,500 tracks were 7
WORDS = MAX_TILES // 32  # uint32 of a bitset of tiles

_REACH = float(np.hypot(WHEEL_HALF_WIDTH, WHEEL_RADIUS)) + 1.5 * SKIN
_SPAN = 7  # squares, along each axis, that may be near a tile of up to 22 m
_EDGES = np.array([[0, 1], [1, 2], [2, 3], [3, 0], [0, 2], [1, 3]], np.int32)
_OTHERS = np.array([[2, 3], [0, 3], [0, 1], [1, 2], [1, 3], [0, 2]], np.int32)


class Tiles(NamedTuple):
    """The tables of one track, or of R tracks with a leading [R]: 0.29 MB each."""

    near: jax.Array  # int16 [..., SIDE * SIDE, NEAR] tiles, row by row; -1: none
    complete: jax.Array  # bool [...]: nothing is missing for want of NEAR
    edges: jax.Array  # [..., NM, 4, 3] unit normals, offsets from corner 0 (m)
    corners: jax.Array  # [..., NM, 4, 2] m


def index(track: Track) -> Tiles:
    """Make the tables of one track; jit and vmap it."""
    corners = jnp.asarray(track.tiles, np.float32)
    edges = _hull(corners)
    exists = np.arange(corners.shape[0]) < track.count
    near, complete = _lists(*_squares(corners, edges, exists))
    return Tiles(near, complete, edges, corners)


def touching(tiles: Tiles, track: jax.Array, car: Car) -> tuple[jax.Array, jax.Array]:
    """Return which wheels are on the road, bool [4, B], and the tiles under any wheel.

    `tiles` has a leading [R], `track` [B] says which of them a car is on. The tiles are
    a bitset, uint32 [B, WORDS]: tile i is bit i % 32 of word i // 32.
    Source: gymnasium's `FrictionDetector`, Box2D's b2TestOverlap.
    """
    place = _square(car.wheel_y) * SIDE + _square(car.wheel_x)
    near = tiles.near[track, place].astype(np.int32)  # [4, B, NEAR]
    # A tile that is not there: -1, which is the last one. The test below ignores it.
    row = track[:, None], near
    gap = _separation(tiles.edges[row], tiles.corners[row], car)
    touches = (gap < SKIN) & (near >= 0)
    return touches.any(-1), _bitset(near, touches)


def _bitset(tile: jax.Array, chosen: jax.Array) -> jax.Array:
    """Return the chosen of tiles [4, B, K] as uint32 [B, WORDS]."""
    bit = np.uint32(1) << (tile & 31).astype(np.uint32)
    bit = jnp.where(chosen, bit, np.uint32(0))[..., None]
    bits = jnp.where((tile >> 5)[..., None] == np.arange(WORDS), bit, np.uint32(0))
    # A wheel's tiles differ, so their sum is their union; XLA on CPU is four times as
    # fast with it.
    front_left, front_right, rear_left, rear_right = bits.sum(2, dtype=np.uint32)
    return front_left | front_right | rear_left | rear_right


def _square(coordinate: jax.Array) -> jax.Array:
    """Return the grid's row or column; far off the track any without tiles would do."""
    at = jnp.floor(coordinate / CELL).astype(np.int32) + SIDE // 2
    return jnp.clip(at, 0, SIDE - 1)


def _separation(edges: jax.Array, corners: jax.Array, car: Car) -> jax.Array:
    """Return the distance of wheels and tiles along the axis that parts them most.

    Negative: how deep they overlap. Between two corners the true distance is larger,
    by less than half of the skin. `edges` [4, B, K, 4, 3], `corners` [4, B, K, 4, 2].
    """
    cos = jnp.cos(car.wheel_angle)[..., None]
    sin = jnp.sin(car.wheel_angle)[..., None]
    x = corners[..., 0] - car.wheel_x[..., None, None]
    y = corners[..., 1] - car.wheel_y[..., None, None]
    gaps = []
    for edge in range(4):
        a, b, offset = (edges[..., edge, i] for i in range(3))
        across, along = a * cos + b * sin, b * cos - a * sin
        reach = jnp.abs(across) * WHEEL_HALF_WIDTH + jnp.abs(along) * WHEEL_RADIUS
        gaps.append(-(a * x[..., 0] + b * y[..., 0]) - offset - reach)
    cos, sin = cos[..., None], sin[..., None]
    for axis, half in (
        (x * cos + y * sin, WHEEL_HALF_WIDTH),
        (y * cos - x * sin, WHEEL_RADIUS),
    ):
        first, *others = (axis[..., corner] for corner in range(4))
        low = high = first
        for other in others:
            low, high = jnp.minimum(low, other), jnp.maximum(high, other)
        gaps.append(jnp.maximum(low, -high) - half)
    worst = gaps[0]
    for gap in gaps[1:]:
        worst = jnp.maximum(worst, gap)
    return worst


def _hull(corners: jax.Array) -> jax.Array:
    """Return the edges [NM, 4, 3] of the convex hulls of quads [NM, 4, 2].

    Where the track's ends meet, a quad may be concave or crossed; Box2D takes its hull.
    A hull of three edges gets a diagonal as its fourth, which parts nothing else.
    """
    start, end = corners[:, _EDGES[:, 0]], corners[:, _EDGES[:, 1]]
    along = end - start  # [NM, 6, 2]
    length = jnp.maximum(jnp.hypot(along[..., 0], along[..., 1]), 1e-6)
    normal = jnp.stack([along[..., 1], -along[..., 0]], -1) / length[..., None]
    out = ((corners[:, _OTHERS] - start[:, :, None]) * normal[:, :, None]).sum(-1)
    normal *= -jnp.sign(out.sum(-1))[..., None]
    inner = out[..., 0] * out[..., 1] < 0
    chosen = jnp.argsort(inner, axis=-1, stable=True)[:, :4, None]
    normal = jnp.take_along_axis(normal, chosen, axis=1)
    away = ((corners - corners[:, :1])[:, None] * normal[:, :, None]).sum(-1)
    return jnp.concatenate([normal, away.max(-1)[..., None]], -1)


def _squares(corners: jax.Array, edges: jax.Array, exists: jax.Array):
    """Return squares about each tile, and whether a wheel on them can reach it.

    Both are [NM, _SPAN, _SPAN]; a square is its place in the grid.
    """
    low, high = corners.min(1) - _REACH, corners.max(1) + _REACH  # [NM, 2]
    first = jnp.floor(low / CELL).astype(np.int32)
    span = np.arange(_SPAN)
    column = first[:, 0, None, None] + span
    row = first[:, 1, None, None] + span[:, None]
    x, y = (column + 0.5) * CELL, (row + 0.5) * CELL  # [NM, 1 or _SPAN, _SPAN or 1]
    near = exists[:, None, None] & (column * CELL <= high[:, 0, None, None])
    near &= row * CELL <= high[:, 1, None, None]
    for edge in range(4):
        a, b, offset = (edges[:, edge, i, None, None] for i in range(3))
        from_corner = a * (x - corners[:, :1, :1]) + b * (y - corners[:, :1, 1:])
        reach = CELL / 2 * (jnp.abs(a) + jnp.abs(b)) + _REACH
        near &= from_corner - offset <= reach
    return (row + SIDE // 2) * SIDE + column + SIDE // 2, near


def _lists(square: jax.Array, near: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return the tiles near each square, int16 [SIDE^2, NEAR], and if they are all."""
    tile = np.arange(square.shape[0])[:, None, None]
    nowhere = SIDE * SIDE
    pairs = jnp.where(near, square, nowhere) * 512 + tile
    pairs = jnp.sort(pairs.ravel())
    square, tile = pairs // 512, pairs % 512
    place = np.arange(pairs.shape[0])
    starts = jnp.where(square != jnp.roll(square, 1), place, 0)
    rank = place - jax.lax.cummax(starts)
    table = jnp.full((SIDE * SIDE, NEAR), -1, np.int16)
    table = table.at[square, rank].set(tile.astype(np.int16), mode="drop")
    return table, ((rank < NEAR) | (square == nowhere)).all()
