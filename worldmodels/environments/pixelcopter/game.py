"""The rules of PixelCopter, for one game: a few numbers, and what a step does to them.

A game draws numbers when it begins, and where a step adds a block or a batch of
columns. They are given to `begin` and `step`, so that a test can serve its own.

Source: `ple/games/pixelcopter.py` of the PyGame Learning Environment (MIT) at 48 x 48.
Names are its own: it says terrain of the columns.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.environments.pixelcopter.tables import (
    ADDED,
    BATCH,
    BLOCK_STARTS,
    BLOCK_STEPS,
    BLOCKS,
    COLUMNS,
    FIRST,
    NEXT,
    NONE,
    PIXELS,
    SIDE,
    SPEED,
)

CLIMB, FALL = -0.875 * SPEED, 0.09 * SPEED  # what an action adds to the momentum
DRAG = 0.01  # of the momentum, a step
TALL = 9  # pixels, of a block
GAP = SIDE / 4  # from a column's middle to where it is deadly
HIGHEST, LOWEST = SIDE / 8, SIDE * 7 / 8  # y between which the player lives
HEIGHT = SIDE * 0.05  # of the player, where columns are concerned
BLOCK_YS = SIDE // 4, SIDE * 3 // 4  # least y of a block, and the first beyond
LOSS = -5.0  # on death


class Precise(NamedTuple):
    """A number as the sum of two float32.

    y adds up all that came before: after 2,000 steps a plain float32 is 1.6e-3 pixels
    off the original's float64, and this sum 2e-6.
    """

    high: jax.Array
    low: jax.Array


class Terrain(NamedTuple):
    """What is drawn for a batch of columns."""

    frequency: jax.Array  # float32, added to 4.5 / 48 per pixel; within 0.01
    phases: jax.Array  # float32 [48], in 0 .. 0.5


class Block(NamedTuple):
    """A block, by where and when it was added."""

    start: jax.Array  # int32, index into BLOCK_STARTS
    y: jax.Array  # int32, row of its middle
    steps: jax.Array  # int32, since it was added; it rests where it has left


class Copter(NamedTuple):
    """One game."""

    y: Precise  # row of the player's middle
    momentum: Precise  # rows a step, downwards
    step: jax.Array  # int32, since the game began
    columns: jax.Array  # int32 [96], row of the middle of each slot's gap
    block: Block  # the next one
    passed: Block  # the one before


def draw_block(key: jax.Array) -> jax.Array:
    """Draw a block: index into BLOCK_STARTS, and y; int32 [2]."""
    # Not `randint`, which compiles for three times as long: 2^32 is even enough.
    bits = jax.random.bits(key, (2,), np.uint32)
    least, beyond = BLOCK_YS
    counts = np.array([len(BLOCK_STARTS), beyond - least], np.uint32)
    return (bits % counts).astype(np.int32) + np.array([0, least], np.int32)


def draw_terrain(key: jax.Array) -> Terrain:
    """Draw the numbers of a batch of columns."""
    drawn = jax.random.uniform(key, (1 + BATCH,), np.float32)
    return Terrain(drawn[0] * 0.02 - 0.01, drawn[1:] * 0.5)


def columns(terrain: Terrain, first: bool) -> jax.Array:
    """Return the rows of the middles of a batch's gaps, int32 [48].

    Args:
        first: whether it is the first batch of a game, which begins further left.
    """
    x = FIRST if first else NEXT
    # The part that is always the same is taken off 2 pi in float64: a float32 of the
    # whole angle would be ten times as far from the original's.
    common = np.float32(x * 4.5 / SIDE % (2 * np.pi))
    angle = common + (terrain.frequency * np.float32(x) + terrain.phases)
    return SIDE // 2 + jnp.floor(SIDE / 8 * jnp.sin(angle)).astype(np.int32)


def begin(block: jax.Array, columns: jax.Array) -> Copter:
    """Begin a game with a drawn block [2] and its first batch of columns [48]."""
    zero, nought = jnp.zeros((), np.int32), jnp.zeros((), np.float32)
    return Copter(
        y=Precise(nought + SIDE / 2, nought),
        momentum=Precise(nought, nought),
        step=zero,
        columns=jnp.concatenate([columns, columns]),  # there is no older batch yet
        block=Block(block[0], block[1], zero),
        passed=Block(zero, zero, zero + BLOCK_STEPS),
    )


def adds_columns(game: Copter) -> jax.Array:
    """Return whether the next step adds a batch of columns."""
    return jnp.asarray(COLUMNS.added)[row(game.step + 1)]


def step(
    game: Copter, up: jax.Array, block: jax.Array, columns: jax.Array
) -> tuple[Copter, jax.Array, jax.Array]:
    """Play 1/30 s.

    Args:
        up: bool.
        block: what `draw_block` drew, in case that one is added; [2].
        columns: a batch of them, in case that it is added; [48].

    Returns:
        The new state, the reward and whether the player died.
    """
    game = _move(game, up)
    now = row(game.step)
    # The original adds columns after all else, but they begin beyond the picture.
    renewed = jnp.concatenate([game.columns[BATCH:], columns])
    renewed = jnp.where(jnp.asarray(COLUMNS.added)[now], renewed, game.columns)
    game = game._replace(columns=renewed)
    dead = _hits_block(game) | _hits_column(game)
    dead |= (game.y.high < HIGHEST) | (game.y.high > LOWEST)
    scored = _at(BLOCKS.passed, game.block)
    reward = scored.astype(np.float32) + jnp.asarray(COLUMNS.left)[now]
    drawn = Block(block[0], block[1], jnp.zeros_like(game.step))
    game = game._replace(
        block=_either(scored, drawn, game.block),
        passed=_either(scored, game.block, game.passed),
    )
    return game, reward + jnp.where(dead, np.float32(LOSS), 0), dead


def row(step: jax.Array) -> jax.Array:
    """Return the row of the columns' table for a step."""
    _, second, third = ADDED
    return jnp.where(step < second, step, second + (step - second) % (third - second))


def edges(game: Copter) -> tuple[jax.Array, jax.Array]:
    """Return of each pixel from left to right the middle of its column: int32 [48].

    Two columns may share a pixel: the one whose roof hangs lower, and the one whose
    floor stands higher. Where there is none, both are out of the picture.
    """
    slots = jnp.asarray(COLUMNS.slots)[row(game.step)]
    middle = game.columns[slots]
    none = slots[0] == NONE
    roof = jnp.where(none, -SIDE, middle.max(0))
    floor = jnp.where(none, 2 * SIDE, middle.min(0))
    return roof, floor


def leftmost(block: Block) -> jax.Array:
    """Return a block's first pixel from the left, int32."""
    return _at(BLOCKS.left, block)


def whole(y: Precise) -> jax.Array:
    """Return y cut to a whole number, int32."""
    down = jnp.floor(y.high)
    return (down + jnp.floor(y.high - down + y.low)).astype(np.int32)


def vector(game: Copter) -> jax.Array:
    """Return what the original says of a state beside the picture, float32 [7], pixels.

    The player's y and momentum, the room above and below, how far ahead the next block
    is, its middle (which the original calls its top), and 9 more than that.
    """
    # The original takes the first column that touches the player.
    first = game.columns[jnp.asarray(COLUMNS.slots)[row(game.step), 0, PIXELS.start]]
    y, block = game.y.high, game.block
    above, below = y - (first - GAP), first + GAP - y
    ahead, momentum = _at(BLOCKS.ahead, block), game.momentum.high
    each = (y, momentum, above, below, ahead, block.y, block.y + TALL)
    return jnp.stack([x.astype(np.float32) for x in each])


def _move(game: Copter, up: jax.Array) -> Copter:
    """Move the player, and all else by a step to the left."""
    gain = jax.tree.map(partial(jnp.where, up), _split(CLIMB), _split(FALL))
    momentum = _sum(game.momentum, gain)
    drag = -np.float32(DRAG) * momentum.high
    momentum = _sum(momentum, Precise(drag, jnp.zeros_like(drag)))
    block, passed = (
        each._replace(steps=jnp.minimum(each.steps + 1, BLOCK_STEPS))
        for each in (game.block, game.passed)
    )
    return game._replace(
        y=_sum(game.y, momentum),
        momentum=momentum,
        step=game.step + 1,
        block=block,
        passed=passed,
    )


def _hits_block(game: Copter) -> jax.Array:
    """Return whether the player's square, 2 x 2, overlaps a block."""
    top = whole(game.y) - 1
    hits = jnp.zeros((), bool)
    for block in (game.block, game.passed):
        left, upper = leftmost(block), block.y - TALL // 2
        beside = (left < PIXELS.stop) & (left + 4 > PIXELS.start)
        hits |= beside & (upper < top + 2) & (upper + TALL > top)
    return hits


def _hits_column(game: Copter) -> jax.Array:
    """Return whether the player is above or below the gap of a column that it touches.

    A column's rectangle spans the picture.
    """
    roof, floor = (each[PIXELS] for each in edges(game))
    y = game.y.high
    return (y - HEIGHT <= roof.max() - GAP) | (y >= floor.min() + GAP)


def _at(table: np.ndarray, block: Block) -> jax.Array:
    return jnp.asarray(table)[block.steps, block.start]


def _either(first: jax.Array, one: Block, other: Block) -> Block:
    return Block(*(jnp.where(first, *each) for each in zip(one, other, strict=True)))


def _split(x: float) -> Precise:
    """Return a float64 as the sum of two float32."""
    high = np.float32(x)
    return Precise(high, np.float32(x - float(high)))


def _sum(a: Precise, b: Precise) -> Precise:
    """Add two numbers; Knuth's TwoSum finds what rounding loses."""
    total = a.high + b.high
    part = total - a.high
    lost = (a.high - (total - part)) + (b.high - part) + (a.low + b.low)
    high = total + lost
    return Precise(high, lost - (high - total))
