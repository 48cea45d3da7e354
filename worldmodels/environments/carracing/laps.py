"""The laps that tracks are laid along: the walk of gymnasium's `_create_track`.

A pen walks round twelve checkpoints in steps of 3.5 m for five laps, turning towards
the next checkpoint as fast as it may. Its last complete lap is wanted; where the ends
of that one do not meet, it is not a track.

`draw_checkpoints` and `last_lap` repeat gymnasium's arithmetic in float64.
`random_checkpoints` and `trace` are the same in JAX, with fixed shapes.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

# 13 words of bits for the tiles visited. Of 611,000 tracks one was longer, with 421;
# the shortest had 206, the median 291.
MAX_TILES = 416

STEP = 3.5  # metres, as all lengths: of a tile
RADIUS = 150.0  # a track is a heavily morphed circle
TURN_RATE = 0.31  # radians per step, at most
CHECKPOINTS = 12
SECTOR = 2 * math.pi / CHECKPOINTS
START = 2 * math.pi * (-0.5) / CHECKPOINTS  # angle at which a lap begins
LAPS = 5


class Lap(NamedTuple):
    """The nodes of a track in driving order, one at the far end of each tile."""

    beta: np.ndarray | jax.Array  # [NM] radians; heading of the pen, 0 is along y
    across: np.ndarray | jax.Array  # [NM, 2] cosine and sine of beta, to the right
    centre: np.ndarray | jax.Array  # [NM, 2] x, y, metres
    count: np.ndarray | jax.Array  # int32 [] how many there are; the others are void


def draw_checkpoints(
    uniform: Callable[[float, float], float],
) -> list[tuple[float, float, float]]:
    """Return the alpha, x, y of the checkpoints that `uniform(low, high)` draws."""
    checkpoints = []
    for i in range(CHECKPOINTS):
        noise, radius = uniform(0, SECTOR), uniform(RADIUS / 3, RADIUS)
        alpha = 2 * math.pi * i / CHECKPOINTS + noise
        if i in (0, CHECKPOINTS - 1):  # far out, on both sides of the start
            alpha, radius = 2 * math.pi * i / CHECKPOINTS, 1.5 * RADIUS
        checkpoints.append((alpha, radius * math.cos(alpha), radius * math.sin(alpha)))
    return checkpoints


def last_lap(checkpoints: list[tuple[float, float, float]]) -> Lap | None:
    """Return the nodes [N] between the walk's last two starts, None without them.

    The sine and cosine must be Python's: numpy's differ in the last bit.
    """
    nodes = _walk(checkpoints)
    starts = [i for i in range(1, len(nodes)) if nodes[i - 1][0] <= START < nodes[i][0]]
    if len(starts) < 2:
        return None
    lap = np.array(nodes[starts[-2] : starts[-1] - 1])
    beta, centre = lap[:, 1], lap[:, 2:]
    across = np.array([(math.cos(b), math.sin(b)) for b in beta.tolist()])
    return Lap(beta, across, centre, np.array(len(lap), np.int32))


def _walk(
    checkpoints: list[tuple[float, float, float]],
) -> list[tuple[float, float, float, float]]:
    """Return the alpha, beta, x, y of each step until the pen has made its laps."""
    x, y, beta = 1.5 * RADIUS, 0.0, 0.0
    goal = laps = 0
    below = False  # the x axis, at some time in this lap
    nodes = []
    while laps < LAPS and len(nodes) < 2500:  # some pens circle a checkpoint for ever
        alpha = math.atan2(y, x)
        if below and alpha > 0:
            laps, below = laps + 1, False
        if alpha < 0:
            below = True
            alpha += 2 * math.pi
        while alpha > checkpoints[goal][0]:
            goal += 1
            if goal == CHECKPOINTS:
                goal, alpha = 0, alpha - 2 * math.pi
        _, goal_x, goal_y = checkpoints[goal]
        cos, sin = math.cos(beta), math.sin(beta)
        turn = 6.0 * (cos * (goal_x - x) + sin * (goal_y - y))
        while beta - alpha > 1.5 * math.pi:
            beta -= 2 * math.pi
        while beta - alpha < -1.5 * math.pi:
            beta += 2 * math.pi
        previous = beta
        if abs(turn) > 0.3:
            beta -= math.copysign(min(TURN_RATE, abs(0.001 * turn)), turn)
        x, y = x - sin * STEP, y + cos * STEP
        nodes.append((alpha, previous * 0.5 + beta * 0.5, x, y))
    return nodes


def closes(lap: Lap) -> bool | jax.Array:
    """Return whether the ends of a lap are at most a step apart, as gymnasium does."""
    gap = lap.across[0] * (lap.centre[0] - lap.centre[lap.count - 1])
    return (gap**2).sum() ** 0.5 <= STEP


def padded(lap: Lap) -> Lap:
    """Return a lap of [N] nodes as [NM], zeros behind."""
    padding = MAX_TILES - lap.count
    nodes = [np.pad(x, [(0, padding)] + [(0, 0)] * (x.ndim - 1)) for x in lap[:3]]
    return Lap(*nodes, lap.count)


def random_checkpoints(key: jax.Array) -> jax.Array:
    """Return the alpha, x, y [CHECKPOINTS, 3] of random checkpoints, ordered by alpha.

    `draw_checkpoints`, without its order of the draws, and in float32 whatever JAX's
    default is: a key has one track.
    """
    noise_key, radius_key = jax.random.split(key)
    index = jnp.arange(CHECKPOINTS, dtype=np.float32)
    shape = (CHECKPOINTS,)
    noise = jax.random.uniform(noise_key, shape, np.float32, maxval=SECTOR)
    radius = jax.random.uniform(radius_key, shape, np.float32, RADIUS / 3, RADIUS)
    gate = (index == 0) | (index == CHECKPOINTS - 1)
    alpha = index * SECTOR + jnp.where(gate, 0, noise)
    radius = jnp.where(gate, 1.5 * RADIUS, radius)
    return jnp.stack([alpha, radius * jnp.cos(alpha), radius * jnp.sin(alpha)], axis=1)


class _Pen(NamedTuple):
    alpha: jax.Array  # radians; where it was a step ago, as seen from the origin
    beta: jax.Array  # radians
    x: jax.Array  # metres
    y: jax.Array
    goal: jax.Array  # int32; the next checkpoint
    laps: jax.Array  # int32
    below: jax.Array  # bool; the x axis, at some time in this lap


def trace(checkpoints: jax.Array) -> tuple[Lap, jax.Array]:
    """Return `last_lap` of checkpoints [CHECKPOINTS, 3], and whether it is a track."""

    def step(pen: _Pen, _):
        return _advance(pen, checkpoints)

    zero = jnp.zeros((), checkpoints.dtype)
    pen = _Pen(
        zero, zero, zero + 1.5 * RADIUS, zero, jnp.int32(0), jnp.int32(0), zero > 0
    )
    # gymnasium stops at 2,500, which only lost pens reach. Fewer than one in 45,000
    # others is still in its fifth lap here: its fourth is taken.
    _, (beta, centre, starts) = jax.lax.scan(step, pen, length=LAPS * MAX_TILES)
    steps = jnp.arange(len(starts), dtype=np.int32)
    last = jnp.max(jnp.where(starts, steps, 0))
    first = jnp.max(jnp.where(starts & (steps < last), steps, 0))
    index = (first + steps[:MAX_TILES]) % len(steps)
    beta, centre = beta[index], centre[index]
    across = jnp.stack([jnp.cos(beta), jnp.sin(beta)], axis=1)
    lap = Lap(beta, across, centre, last - 1 - first)
    return lap, (first > 0) & (lap.count <= MAX_TILES) & closes(lap)


def _advance(pen: _Pen, checkpoints: jax.Array):
    """Return the pen a step on, and that step's beta, x, y and whether a lap starts."""
    alpha = jnp.arctan2(pen.y, pen.x)
    lapped = pen.below & (alpha > 0)
    below = (pen.below & ~lapped) | (alpha < 0)
    alpha = jnp.where(alpha < 0, alpha + 2 * math.pi, alpha)
    # The first checkpoint from pen.goal on that is not behind: they ascend.
    goal = jnp.maximum(pen.goal, (alpha > checkpoints[:, 0]).sum(dtype=jnp.int32))
    rounded = goal == CHECKPOINTS
    goal = jnp.where(rounded, 0, goal)
    alpha = jnp.where(rounded, alpha - 2 * math.pi, alpha)
    starts = (pen.laps < LAPS) & (pen.alpha <= START) & (alpha > START)

    _, goal_x, goal_y = checkpoints[goal]
    cos, sin = jnp.cos(pen.beta), jnp.sin(pen.beta)
    turn = 6.0 * (cos * (goal_x - pen.x) + sin * (goal_y - pen.y))
    turn = jnp.where(abs(turn) > 0.3, jnp.clip(0.001 * turn, -TURN_RATE, TURN_RATE), 0)
    away = pen.beta - alpha  # brought within 3/4 of a turn, by as few turns as it takes
    turns = jnp.ceil(abs(away) / (2 * math.pi) - 0.75)
    previous = pen.beta - jnp.sign(away) * jnp.maximum(turns, 0) * (2 * math.pi)
    beta = previous - turn
    x, y = pen.x - sin * STEP, pen.y + cos * STEP
    pen = _Pen(alpha, beta, x, y, goal, pen.laps + lapped, below)
    return pen, (0.5 * previous + 0.5 * beta, jnp.stack([x, y]), starts)
