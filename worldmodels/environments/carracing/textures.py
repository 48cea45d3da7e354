"""A track's ground, drawn once: what `rendering` then only looks up.

gymnasium draws some three hundred polygons for every frame. Here the whole playfield is
drawn once a track, into texels of 0.26 m, and a frame is two look-ups a pixel. Most of
it is grass, so the texels come in blocks of 16x16: an index says which block of a pool
lies where, and only blocks that the road touches have one of their own.

- 64 texels are the side of a grass patch, so that a few blocks make all of the grass.
- A texel is the mean over 5x5 of them, 1.3 m wide. That stands for what the reference
  does to its window: smoothscale to 96x96, then PIL's filter to 64x64.
- The camera zooms in during the first second. Coarser levels have texels 2, 8 and 16
  times as wide, each about the mean over four of its own: without that overlap, the
  edges jump from pixel to pixel and the first frames' error is four times as large.
- Colours are packed as 0x00BBGGRR and 2 lower than gymnasium's, as smoothscale makes
  every value; `colors` has those that may differ from track to track.

Departure: visited tiles keep their colour. gymnasium's lose the 2 or 5 grey levels by
which two of every three differ from the third. In its frames that changes 0.08 levels
of 255 on average, 0.9 in the 12x8 pixels about the car, where such tiles are.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.environments.carracing import colors, painting
from worldmodels.environments.carracing.colors import Palette
from worldmodels.environments.carracing.painting import (
    BACKGROUND,
    BLACK,
    BLOCK,
    DRAWN,
    GRASS,
    METRES,
    PATCH,
    PLAYFIELD,
    SIDE,
    TEXEL,
    divide,
    join,
    split,
)
from worldmodels.environments.carracing.tracks import Track
from worldmodels.runtime.barrier import stored

EXTENT = SIDE * BLOCK  # texels

_GROW = 0.03  # m; gymnasium's polygons are half a pixel of its window larger
_REACH = (DRAWN - 1) / 2 * TEXEL + _GROW  # m, from a block's middle to its last texel

# What one track can need. Of 12,000 tracks the largest needs were 1,613 blocks (4.27 a
# tile), 15 quads on a block, and 19 m for a quad's bounds.
_CAPACITY = 1776  # blocks touched by the road: 4.27 for each of tracks.MAX_TILES
_LAYERS = 24  # quads on one block
_SPAN = 7  # blocks along each axis that one quad touches: bounds of up to 23 m

# How many blocks are painted at a time: what a core's cache holds, and what makes one
# batch of them all.
TOGETHER, ALL = 48, _CAPACITY

_USUAL = colors.palette(colors.USUAL)


class Texture(NamedTuple):
    """The ground of one track, or of R tracks with a leading [R]."""

    texels: jax.Array  # [..., W] uint32 0x00BBGGRR; `levels` says where each is
    index: jax.Array  # [..., SIDE * SIDE] uint16: place in the pool, row by row from y
    complete: jax.Array  # [...] bool: nothing is missing for want of capacity


class Sharp(NamedTuple):
    """The ground of one track, or of R with a leading [R], for single samples."""

    texels: jax.Array  # [..., N, 256] uint32 0x00BBGGRR: blocks, each row by row from y
    index: jax.Array  # [..., SIDE * SIDE] uint16: place in the pool, row by row from y
    complete: jax.Array  # [...] bool: nothing is missing for want of capacity


class Level(NamedTuple):
    """Where a level's texel lies that covers the finest texel in row v, column u.

    At start + words * index[block] + stride * (v & mask >> shift) + (u & mask >> shift)
    among a track's texels; the block is (v // BLOCK, u // BLOCK).
    """

    shift: int  # log2 of its texels' width, in finest texels
    start: int
    words: int  # of one entry of the pool; 0 for a level that is not in blocks
    stride: int  # texels along a row
    mask: int  # of v and u, before the shift


def bake(track: Track, palette: Palette = _USUAL, together: int = TOGETHER) -> Texture:
    """Draw the ground of one track; jit it.

    Args:
        together: blocks that are painted at a time; see `TOGETHER` and `ALL`.

    Source: gymnasium's `CarRacing._render_road`.
    """
    pool, index, complete = _pool(track, palette, together, painting.means, _GROW)
    coarse = _coarse(pool, index, track.count > 0)
    texels = jnp.concatenate([level.ravel() for level in (pool, *coarse)])
    return Texture(texels, index, complete)


def bake_sharp(track: Track, palette: Palette, together: int = TOGETHER) -> Sharp:
    """Draw the ground of one track for single samples: no level is averaged."""
    return Sharp(*_pool(track, palette, together, painting.texels, 0.0))


def _pool(
    track: Track, palette: Palette, together: int, keep: Callable, grow: float
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return the pool of blocks [N, words], the index, and whether all is there.

    Args:
        keep: of blocks as they are drawn; see `painting.road`.
        grow: how much larger polygons are drawn than they are, m.
    """
    quads, color, exists = _quads(track, palette)
    edges = _edges(quads, grow)
    pairs, narrow = _touches(quads, edges, exists)
    places, order, complete = _lists(pairs)
    ground, index = _ground()
    pool = jnp.concatenate(
        [
            painting.ground(ground, palette, keep),
            painting.road(edges, color, palette, places, order, together, keep),
        ]
    )
    slots = len(ground) + np.arange(_CAPACITY)
    index = jnp.asarray(index).at[places].set(slots.astype(np.uint16), mode="drop")
    return pool, index, narrow & complete


def _quads(track: Track, palette: Palette):
    """Return quads [Q, 4, 2] in drawing order, their colours [Q], and which exist."""
    i = np.arange(track.tiles.shape[-3])
    quads = jnp.stack([track.tiles, track.kerbs], 1).reshape(-1, 4, 2)
    color = jnp.stack([palette.road[i % 3], palette.kerb[i % 2]], 1).ravel()
    exists = i < track.count
    return quads, color, jnp.stack([exists, exists & track.kerb], 1).ravel()


def _edges(quads: jax.Array, grow: float) -> jax.Array:
    """Return (a, b, c) [Q, 4, 3]: a x + b y + c is the distance inwards of an edge."""
    after = jnp.roll(quads, -1, axis=1)
    along = after - quads
    a, b = -along[..., 1], along[..., 0]
    area = (quads[..., 0] * after[..., 1] - quads[..., 1] * after[..., 0]).sum(1)
    # Kerbs on the left go round the other way. Quads that do not exist have no edges.
    scale = jnp.where(area < 0, -1, 1)[:, None] / jnp.maximum(jnp.hypot(a, b), 1e-6)
    a, b = a * scale, b * scale
    return jnp.stack([a, b, grow - a * quads[..., 0] - b * quads[..., 1]], -1)


def _touches(quads: jax.Array, edges: jax.Array, exists: jax.Array):
    """Return sorted (block << 10 | quad) of all that touch; whether _SPAN was enough.

    Separating axes decide: the quad's edges, and those of the block with its halo.
    """
    first = jnp.floor((quads.min(1) - _REACH) / METRES + 0.5)
    last = jnp.floor((quads.max(1) + _REACH) / METRES - 0.5)
    narrow = jnp.all((last - first < _SPAN) | ~exists[:, None])
    block = first[..., None] + np.arange(_SPAN)  # [Q, 2, _SPAN] x, y
    within = (block <= last[..., None]) & exists[:, None, None]
    middle = (block + 0.5) * METRES
    a, b, c = jnp.moveaxis(edges, -1, 0)[..., None]
    nearest = c + _REACH * (abs(a) + abs(b))
    x, y = a * middle[:, :1], b * middle[:, 1:] + nearest  # [Q, 4, _SPAN]
    touches = jnp.all(x[:, :, None, :] + y[:, :, :, None] >= 0, axis=1)
    touches &= within[:, 1, :, None] & within[:, 0, None, :]
    block = block.astype(jnp.int32) + SIDE // 2
    place = block[:, 1, :, None] * SIDE + block[:, 0, None, :]
    quad = np.arange(len(quads), dtype=np.int32)[:, None, None]
    pairs = jnp.where(touches, place << 10 | quad, SIDE * SIDE << 10)
    return jnp.sort(pairs.ravel()), narrow


def _lists(pairs: jax.Array):
    """Return blocks and the quads on each, in order, from the sorted pairs.

    Returns:
        places [_CAPACITY] in the index, beyond it where there is none; order
        [_CAPACITY, _LAYERS] of quads, -1 where there is none; whether that was all.
    """
    pairs = jnp.pad(pairs, (1, _LAYERS), constant_values=(-1, SIDE * SIDE << 10))
    place = pairs >> 10
    starts = (place[1:] != place[:-1]) & (place[1:] < SIDE * SIDE)
    (start,) = jnp.nonzero(starts, size=_CAPACITY, fill_value=len(starts) - 1)
    listed = pairs[1 + start[:, None] + np.arange(_LAYERS + 1)]
    places = listed[:, 0] >> 10
    same = (listed >> 10 == places[:, None]) & (places < SIDE * SIDE)[:, None]
    complete = (starts.sum() <= _CAPACITY) & ~same[:, _LAYERS].any()
    return places, jnp.where(same, listed & 1023, -1)[:, :_LAYERS], complete


def _coarse(pool: jax.Array, index: jax.Array, always: jax.Array) -> list[jax.Array]:
    """Return the two coarsest levels, [2 SIDE, 2 SIDE] and [SIDE, SIDE]."""
    quarters = pool[:, BLOCK**2 :].reshape(-1, 2, 4, 2, 4)
    halves = [half.sum((2, 4), dtype=jnp.uint32) for half in split(quarters)]
    blocks = stored(join(*(divide(half, 16) for half in halves)), always)
    texels = blocks[index].reshape(SIDE, SIDE, 2, 2).swapaxes(1, 2)
    level = _blur(texels.reshape(2 * SIDE, 2 * SIDE), always)
    pairs = level.reshape(SIDE, 2, SIDE, 2)
    halves = [half.sum((1, 3), dtype=jnp.uint32) for half in split(pairs)]
    return [level, _blur(join(*(divide(half, 4) for half in halves)), always)]


def _blur(texels: jax.Array, always: jax.Array) -> jax.Array:
    """Average over some four texels with binomial weights; around them is black."""
    halves = split(stored(jnp.pad(texels, 2), always))
    for axis in (0, 1):
        halves = stored([_binomial(half, axis) for half in halves], always)
    return join(*(divide(half, 256) for half in halves))


def _binomial(texels: jax.Array, axis: int) -> jax.Array:
    """Weigh five neighbours along an axis, which becomes shorter by four."""
    length = texels.shape[axis] - 4
    near = [jax.lax.slice_in_dim(texels, i, i + length, axis=axis) for i in range(5)]
    return near[0] + near[4] + 4 * (near[1] + near[3]) + 6 * near[2]


@lru_cache
def _ground() -> tuple[np.ndarray, np.ndarray]:
    """Return the playfield and its edge without a road: blocks [G, ...], the index.

    Each texel of a block, [DRAWN, DRAWN], is BLACK, BACKGROUND or GRASS.
    """
    at = np.arange(DRAWN) - (DRAWN - 1) / 2
    texel = (np.arange(SIDE)[:, None] - SIDE / 2 + 0.5) * BLOCK + at
    stripe = np.where(np.floor(texel / PATCH) % 2 == 0, GRASS, BACKGROUND)
    stripe[abs(texel) > PLAYFIELD / TEXEL] = BLACK
    kinds, kind = np.unique(stripe, axis=0, return_inverse=True)
    # Grass where both a row and a column have it, black where either has.
    both = np.minimum(kinds[:, None, :, None], kinds[None, :, None, :])
    both = both.reshape(len(kinds) ** 2, DRAWN, DRAWN)
    blocks, place = np.unique(both, axis=0, return_inverse=True)
    place = place.reshape(len(kinds), len(kinds))
    index = place[kind.ravel()[:, None], kind.ravel()]
    return blocks, index.ravel().astype(np.uint16)


def size() -> int:
    """Return how many texels a track's texture has, in all its levels."""
    coarsest = levels()[-1]
    return coarsest.start + SIDE**2


def levels() -> tuple[Level, ...]:
    """Return where the levels are in `Texture.texels`."""
    pool = len(_ground()[0]) + _CAPACITY
    words = BLOCK**2 + (BLOCK // 2) ** 2
    coarse, coarsest = pool * words, pool * words + (2 * SIDE) ** 2
    return (
        Level(0, 0, words, BLOCK, BLOCK - 1),
        Level(1, BLOCK**2, words, BLOCK // 2, BLOCK - 1),
        Level(3, coarse, 0, 2 * SIDE, 2**16 - 1),
        Level(4, coarsest, 0, SIDE, 2**16 - 1),
    )
