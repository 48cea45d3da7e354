"""A track's ground, drawn once: what `rendering` then only looks up.

gymnasium draws some three hundred polygons for every frame. Here the whole playfield is
drawn once a track into texels of 0.26 m, and a frame is two look-ups a pixel. Most of the
playfield is grass, so the texels come in blocks of 16x16: an index says which block of
a pool lies where, and only blocks that the road touches have one of their own.

- 64 texels are the side of a grass patch, so that a few blocks make all of the grass.
- A texel is the mean over a square of 1.04 m about its centre, which stands for the
  filters of the reference: smoothscale to 96x96, then PIL's to 64x64.
- Each block holds its own mip levels, for the first second, when the camera zooms in.
- Colours are packed as 0x00BBGGRR and 2 lower than gymnasium's, as smoothscale makes
  every value (its SSE2 code, in both passes).

Visited tiles keep their colour; gymnasium's lose the 2 or 5 grey levels that tell them
from their neighbours.
"""

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

if TYPE_CHECKING:
    from worldmodels.environments.carracing.tracks import Track

PLAYFIELD = 2000 / 6  # m, from the middle to each edge
TEXEL = PLAYFIELD / 20 / 64  # m; a grass patch is PLAYFIELD / 20 wide
BLOCK = 16  # texels along a block's side
SIDE = 176  # blocks along the index's side: 160 of playfield amid 8 of black
EXTENT = SIDE * BLOCK  # texels
LEVELS = 5  # mips of 16x16, 8x8, 4x4, 2x2 and 1x1 texels
OFFSETS = tuple(sum(4 ** (4 - i) for i in range(level)) for level in range(LEVELS))
WORDS = sum(4 ** (4 - level) for level in range(LEVELS))  # of a block with its mips
CAPACITY = 1536  # blocks that a road may touch
LAYERS = 16  # quads that may lie on one block

_HALO = 3  # samples around a block that its outermost texels reach
_SAMPLES = 2 * BLOCK + 2 * _HALO  # along a side: two a texel
_METRES = BLOCK * TEXEL  # a block's side
_REACH = (_SAMPLES - 1) / 4 * TEXEL  # m, from a block's centre to its last sample
_SPREAD = 6  # blocks that one quad can reach along an axis: up to 20 m
_GROW = 0.03  # m; gymnasium's polygons are half a pixel of its window larger

_BLACK = np.uint32(0)
_DARK, _LIGHT = np.uint32(0x64CA64), np.uint32(0x64E464)  # (102, 204|230, 102) - 2
_ROAD = np.array([0x646464, 0x666666, 0x696969], np.uint32)  # 102, 104, 107 - 2
_KERB = np.array([0xFDFDFD, 0x0000FD], np.uint32)  # white, red; - 2


class Texture(NamedTuple):
    """The ground of one track, or of R tracks with a leading [R]."""

    blocks: jax.Array  # [..., P, WORDS] uint32 0x00BBGGRR: the pool, grass first
    index: jax.Array  # [..., SIDE * SIDE] uint16: place in the pool, row by row from y
    touched: jax.Array  # [...] int32: blocks that the road touches, <= CAPACITY
    layers: jax.Array  # [...] int32: most quads on one block, <= LAYERS


def bake(track: "Track") -> Texture:
    """Draw the ground of one track; jit and vmap it (memory: 20 MB a track).

    Source: gymnasium's `CarRacing._render_road`. Tiles are painted in its order, each
    followed by its kerb.
    """
    quads, color, count = _quads(track)
    edges = _edges(quads)
    places, order, touched, layers = _lists(quads, edges, count)
    ground, index = _ground()
    samples = _paint(edges, color, places, order)
    blocks = jnp.concatenate([jnp.asarray(ground), _shrink(samples)])
    pool = jnp.arange(CAPACITY) + len(ground)
    index = jnp.asarray(index).at[places].set(pool.astype(jnp.uint16), mode="drop")
    return Texture(blocks, index, touched, layers)


def _quads(track: "Track"):
    """Return quads [Q, 4, 2] in painting order, their colours [Q], and which exist."""
    i = np.arange(track.tiles.shape[-3])
    exists = i < track.count
    quads = jnp.stack([track.tiles, track.kerbs], 1).reshape(-1, 4, 2)
    color = np.stack([_ROAD[i % 3], _KERB[i % 2]], 1).ravel()
    return quads, color, jnp.stack([exists, exists & track.kerb], 1).ravel()


def _edges(quads: jax.Array) -> jax.Array:
    """Return (a, b, c) [Q, 4, 3] with a x + b y + c >= 0 inside, in metres."""
    after = jnp.roll(quads, -1, axis=1)
    along = after - quads
    a, b = -along[..., 1], along[..., 0]
    area = (quads[..., 0] * after[..., 1] - quads[..., 1] * after[..., 0]).sum(1)
    # Kerbs on the left go round the other way.
    scale = jnp.where(area < 0, -1, 1)[:, None] / jnp.maximum(jnp.hypot(a, b), 1e-6)
    a, b = a * scale, b * scale
    c = _GROW - a * quads[..., 0] - b * quads[..., 1]
    return jnp.stack([a, b, c], -1)


def _lists(quads: jax.Array, edges: jax.Array, exists: jax.Array):
    """Find the blocks that quads touch and the quads that touch each, in order.

    Returns:
        places [CAPACITY] into the index, order [CAPACITY, LAYERS] of quads (-1 where
        there is none), the number of touched blocks, the most quads on one.
    """
    low = jnp.floor((quads.min(1) - _GROW - _REACH) / _METRES + 0.5).astype(jnp.int32)
    span = np.arange(_SPREAD)
    y, x = low[:, 1, None, None] + span[:, None], low[:, 0, None, None] + span
    # Separating axes: the quad's edges and, above and below, the block's.
    centre_x, centre_y = (x + 0.5) * _METRES, (y + 0.5) * _METRES
    a, b, c = (edges[:, :, i, None, None] for i in range(3))
    reach = _REACH * (abs(a) + abs(b))
    touches = (a * centre_x[:, None] + b * centre_y[:, None] + c + reach >= 0).all(1)
    high = quads.max(1) + _GROW + _REACH
    touches &= (centre_x <= high[:, 0, None, None]) & exists[:, None, None]
    touches &= centre_y <= high[:, 1, None, None]

    place = (y + SIDE // 2) * SIDE + x + SIDE // 2
    q = np.arange(len(quads))[:, None, None]
    nowhere = np.int32(SIDE * SIDE << 10)
    pairs = jnp.sort(jnp.where(touches, (place << 10) + q, nowhere).ravel())
    pairs = jnp.pad(pairs, (0, LAYERS), constant_values=nowhere)
    first = (pairs >> 10 != jnp.roll(pairs, 1) >> 10) & (pairs < nowhere)
    touched = first.sum()
    (start,) = jnp.nonzero(first, size=CAPACITY, fill_value=len(pairs) - LAYERS)
    listed = pairs[start[:, None] + np.arange(LAYERS + 1)]
    places = listed[:, 0] >> 10
    same = listed >> 10 == places[:, None]
    same &= listed < nowhere
    order = jnp.where(same, listed & 1023, -1)[:, :LAYERS]
    return places, order, touched, same.sum(1).max()


def _paint(edges, color, places, order) -> jax.Array:
    """Return the samples [CAPACITY, S, S] of the touched blocks, packed colours."""
    at = (np.arange(_SAMPLES) - (_SAMPLES - 1) / 2).astype(np.float32) * TEXEL / 2
    centre_x = (places % SIDE - SIDE // 2 + 0.5) * _METRES
    centre_y = (places // SIDE - SIDE // 2 + 0.5) * _METRES
    x = centre_x[:, None] + at
    y = centre_y[:, None] + at
    light = _is_patch(y)[:, :, None] & _is_patch(x)[:, None, :]
    samples = jnp.where(light, _LIGHT, _DARK)
    a, b, c = (edges[order][..., i] for i in range(3))  # [CAPACITY, LAYERS, 4]
    # Relative to the block's centre, for float32's sake.
    c = c + a * centre_x[:, None, None] + b * centre_y[:, None, None]
    c = jnp.where((order >= 0)[:, :, None], c, -1e6)
    paint = jnp.asarray(color)[order]
    for layer in range(LAYERS):
        inside = None
        for edge in range(4):
            here = a[:, layer, edge, None] * at
            there = b[:, layer, edge, None] * at + c[:, layer, edge, None]
            positive = here[:, None, :] + there[:, :, None] >= 0
            inside = positive if inside is None else inside & positive
        samples = jnp.where(inside, paint[:, layer, None, None], samples)
    return samples


def _is_patch(metres):
    """Whether the row or column at that place has grass patches: every second one."""
    return jnp.floor(metres / (64 * TEXEL)).astype(jnp.int32) % 2 == 0


def _shrink(samples):
    """Return blocks with mips [..., WORDS] of packed samples [..., S, S]."""
    # Two colours in one word: a sum of 64 samples fits into 16 bits.
    halves = samples & 0x00FF00FF, samples >> 8 & 0xFF
    halves = [(_means(_means(half, -1), -2) + 0x00200020) >> 6 for half in halves]
    words = []
    for level in range(LEVELS):
        red_blue, green = (half & 0x00FF00FF for half in halves)
        side = BLOCK >> level
        words.append((red_blue | green << 8).reshape(*samples.shape[:-2], side**2))
        if side > 1:
            halves = [_quarter(red_blue), _quarter(green)]
    return jnp.concatenate(words, -1)


def _means(samples, axis: int):
    """Sum eight samples about each texel along one of the last two axes."""
    samples = jnp.moveaxis(samples, axis, -1)
    pairs = samples[..., 0::2] + samples[..., 1::2]
    sums = sum(pairs[..., i : i + BLOCK] for i in range(_HALO + 1))
    return jnp.moveaxis(sums, -1, axis)


def _quarter(half):
    """Average 2x2 texels."""
    rows = half[..., 0::2, :] + half[..., 1::2, :]
    return (rows[..., 0::2] + rows[..., 1::2] + 0x00020002) >> 2


@lru_cache
def _ground() -> tuple[np.ndarray, np.ndarray]:
    """Return grass, playfield edge and black: pool [G, WORDS] and index, in numpy."""
    at = np.arange(_SAMPLES) - (_SAMPLES - 1) / 2
    centre = (np.arange(SIDE) - SIDE / 2 + 0.5)[:, None]
    metres = centre * _METRES + at * TEXEL / 2
    stripe = np.floor(metres / (64 * TEXEL)) % 2 == 0
    kinds, kind = np.unique(
        np.where(abs(metres) < PLAYFIELD, stripe + 1, 0), axis=0, return_inverse=True
    )
    y, x = kinds[:, None, :, None], kinds[None, :, None, :]
    samples = np.where(y * x == 4, _LIGHT, np.where(y * x > 0, _DARK, _BLACK))
    with jax.ensure_compile_time_eval():
        words = np.asarray(_shrink(jnp.asarray(samples.astype(np.uint32))))
    pool, place = np.unique(words.reshape(-1, WORDS), axis=0, return_inverse=True)
    place = place.reshape(len(kinds), len(kinds))
    index = place[kind.ravel()[:, None], kind.ravel()[None, :]]
    return pool, index.ravel().astype(np.uint16)
