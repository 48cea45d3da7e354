"""Blocks of ground with the road painted on them: a texture's two finest levels.

A core paints a few blocks at a time, so that all it draws stays in its cache. The
blocks are the last axis of every array: their sides are too short for vectors.

gymnasium's order is kept: each tile covers those before it, then comes its kerb.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.environments.carracing.colors import Palette
from worldmodels.runtime.barrier import stored

PLAYFIELD = 2000 / 6  # m, from the middle to each edge
TEXEL = PLAYFIELD / 20 / 64  # m; a grass patch is PLAYFIELD / 20 wide
PATCH = 64  # texels along a grass patch's side, in every other row and column
BLOCK = 16  # texels along a block's side
SIDE = 168  # blocks along the index's side: 160 of playfield amid 4 of black
HALO = 3  # texels around a block that the means of its outermost ones reach
DRAWN = BLOCK + 2 * HALO  # texels along a side that are drawn for one block
METRES = BLOCK * TEXEL  # a block's side
BLACK, BACKGROUND, GRASS = range(3)  # the ground without a road

# Of each texel of a row that is drawn, from the block's middle, m.
_AT = ((np.arange(DRAWN) - (DRAWN - 1) / 2) * TEXEL).astype(np.float32)[:, None]


def road(
    edges: jax.Array,
    color: jax.Array,
    palette: Palette,
    places: jax.Array,
    order: jax.Array,
    together: int,
    keep: Callable[[jax.Array], jax.Array],
) -> jax.Array:
    """Paint the blocks that the road touches, [N, words]: zero where there is none.

    Args:
        edges: [Q, 4, 3] of quads: (a, b, c), where a x + b y + c is the distance
            inwards (m).
        color: [Q] uint32, of the quads.
        places: [N] of the blocks in the index; beyond it where there is none.
        order: [N, L] quads on each block, the lowest first; -1 where there is none.
        together: how many blocks are painted at a time, a divisor of N.
        keep: `means` or `texels`, what is kept of blocks as they are drawn.
    """
    word = jax.lax.bitcast_convert_type(color, np.float32)
    table = jnp.concatenate([edges.reshape(-1, 12).T, word[None]])

    def some(blocks: tuple[jax.Array, jax.Array]) -> jax.Array:
        places, order = blocks
        depth = (order >= 0).any(1).sum(dtype=np.int32)
        return jax.lax.cond(
            depth > 0,
            lambda: keep(_draw(table, palette, places, order, depth)),
            lambda: jnp.zeros((together, WORDS[keep]), np.uint32),
        )

    count, layers = order.shape
    order = order.reshape(-1, together, layers).swapaxes(1, 2)
    painted = jax.lax.map(some, (places.reshape(-1, together), order))
    return painted.reshape(count, -1)


def _draw(table, palette: Palette, places, order, depth) -> jax.Array:
    """Draw the `depth` lowest quads of order [L, M] on M blocks: [DRAWN, DRAWN, M].

    A row of texels is covered from where the quad begins to where it ends. `table`
    [13, Q] has the quads' edges and, as the bits of a float, their colours.
    """
    x = (places % SIDE - SIDE / 2 + 0.5) * METRES
    y = (places // SIDE - SIDE / 2 + 0.5) * METRES

    def layer(k: jax.Array, drawn: jax.Array) -> jax.Array:
        # Stored, so that XLA does not look a quad up, or find a row's ends, once more
        # for each of its texels.
        looked_up = stored(table[:, order[k]], depth > 0)
        a, b, c = looked_up[:-1].reshape(4, 3, 1, -1).swapaxes(0, 1)
        # Relative to the block's middle, for float32's sake.
        a = jnp.where(a == 0, 1e-12, a)
        crossing = -(b * _AT + (c + a * x + b * y)) / a  # [4, DRAWN, M]
        low = _extreme(jnp.maximum, jnp.where(a > 0, crossing, -jnp.inf))
        high = _extreme(jnp.minimum, jnp.where(a < 0, crossing, jnp.inf))
        high = jnp.where(order[k] < 0, -jnp.inf, high)
        low, high = stored((low, high), depth > 0)
        inside = (low[:, None] <= _AT) & (high[:, None] >= _AT)
        paint = jax.lax.bitcast_convert_type(looked_up[-1], np.uint32)
        return jnp.where(inside, paint, drawn)

    grass = _has_patches(y + _AT)[:, None] & _has_patches(x + _AT)
    drawn = jnp.where(grass, palette.grass, palette.background)
    drawn = jnp.where(places < SIDE**2, drawn, np.uint32(0))
    return jax.lax.fori_loop(0, depth, layer, drawn)


def _extreme(pick, edges: jax.Array) -> jax.Array:
    """Pick from four, [4, ...], in one loop with what they are made of."""
    return pick(pick(edges[0], edges[1]), pick(edges[2], edges[3]))


def _has_patches(metres):
    """Whether grass patches lie in the row or column at that place.

    The road keeps away from the playfield's edge by 90 m.
    """
    return jnp.floor(metres / (PATCH * TEXEL)).astype(jnp.int32) % 2 == 0


def ground(
    blocks: np.ndarray, palette: Palette, keep: Callable[[jax.Array], jax.Array]
) -> jax.Array:
    """Paint blocks [G, DRAWN, DRAWN] without a road: [G, words], as `road` does.

    Each texel is BLACK, BACKGROUND or GRASS.
    """
    blocks = blocks.transpose(1, 2, 0)
    painted = jnp.where(blocks == BACKGROUND, palette.background, np.uint32(0))
    return keep(jnp.where(blocks == GRASS, palette.grass, painted))


def texels(drawn: jax.Array) -> jax.Array:
    """Return the texels [M, 256] of M blocks [DRAWN, DRAWN, M] as they are drawn."""
    within = drawn[HALO:-HALO, HALO:-HALO]
    return within.reshape(BLOCK**2, -1).T


def means(drawn: jax.Array) -> jax.Array:
    """Return the two finest levels [M, 320] of M blocks [DRAWN, DRAWN, M]."""
    fine, coarse = [], []
    for half in split(drawn):
        fine.append(divide(_sums(_sums(half, 0, 5, 1, 1), 1, 5, 1, 1), 25))
        coarse.append(divide(_sums(_sums(half, 0, 8, 2, 0), 1, 8, 2, 0), 64))
    levels = join(*fine), join(*coarse)
    blocks = drawn.shape[-1]
    return jnp.concatenate([level.reshape(-1, blocks) for level in levels]).T


# Of one block.
WORDS = {means: BLOCK**2 + (BLOCK // 2) ** 2, texels: BLOCK**2}


def _sums(texels, axis: int, width: int, step: int, start: int):
    """Sum runs of `width` along an axis, one beginning every `step`."""
    last = start + step * (BLOCK // step - 1)
    return sum(
        jax.lax.slice_in_dim(texels, start + i, last + i + 1, step, axis)
        for i in range(width)
    )


def split(packed):
    """Part packed colours into (blue and red, green), 16 bits for each to add up in."""
    return packed & 0x00FF00FF, packed >> 8 & 0xFF


def divide(sums, count: int):
    """Divide both sums of a word by `count`, rounding to nearest."""
    high, low = sums >> 16, sums & 0xFFFF
    return (high + count // 2) // count << 16 | (low + count // 2) // count


def join(red_blue, green):
    """Pack colours again: the inverse of `split`."""
    return red_blue | green << 8
