"""Random tracks: gymnasium's `CarRacing._create_track`, on the host and in JAX.

A pen walks round twelve checkpoints in steps of 3.5 m for five laps, turning towards
the next checkpoint as fast as it may. The last lap that it closes is the track, one
tile a step; where its ends do not meet, or it closes none, new checkpoints are drawn.

`from_seed` repeats gymnasium's arithmetic in float64, for the very track of an episode
seed. `from_key` draws from the same distribution inside a jitted program.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np

from worldmodels.errors import UserError

MAX_TILES = 400

RADIUS = 150.0  # metres, as all lengths: the track is a heavily morphed circle
STEP = 3.5  # length of a tile
HALF_WIDTH = 20 / 3
KERB_WIDTH = 4 / 3
TURN_RATE = 0.31  # rad per step, at most
CHECKPOINTS = 12
MAX_STEPS = 2500  # a pen that circles a checkpoint for ever is stopped here

# RGB of tile i: ROAD[i % 3], and of the kerb beside it: KERB[i % 2].
ROAD = np.array([[102] * 3, [104] * 3, [107] * 3], np.uint8)
KERB = np.array([[255, 255, 255], [255, 0, 0]], np.uint8)


class Track(NamedTuple):
    """N <= MAX_TILES = NM tiles in driving order; what is beyond them is zero.

    Vertices are in gymnasium's order: left and right of the tile's own node, then right
    and left of the node before it. For kerbs "left" is the edge along the road. Tile i
    is grey, (102, 104, 107)[i % 3]; its kerb is white where i is even, else red.
    """

    tiles: np.ndarray | jax.Array  # [..., NM, 4, 2] metres
    kerbs: np.ndarray | jax.Array  # [..., NM, 4, 2] metres, zeros where there is none
    kerb: np.ndarray | jax.Array  # bool [..., NM] tiles that have a kerb
    count: np.ndarray | jax.Array  # int32 [...] N
    start: np.ndarray | jax.Array  # [..., 3] beta, x, y of node 0: where the car is put


Node = tuple[float, float, float, float]  # alpha, beta (radians), x, y (metres)
Checkpoint = tuple[float, float, float]  # alpha, x, y


def from_seed(seed: int) -> Track:
    """Return the track of gymnasium's `reset(seed=seed)`, bit for bit, in float64.

    Raises:
        UserError: it has more than MAX_TILES tiles.
    """
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))
    nodes = None
    while nodes is None:
        nodes = closed_lap(walk(draw_checkpoints(rng.uniform)))
    if len(nodes) > MAX_TILES:
        raise UserError(
            f"The track of seed {seed} has {len(nodes)} tiles, more than the "
            f"{MAX_TILES} that the simulator holds: choose another seed."
        )
    return _lay(nodes)


def draw_checkpoints(uniform: Callable[[float, float], float]) -> list[Checkpoint]:
    """Return the checkpoints that `uniform(low, high)` draws, angle by angle."""
    sector = 2 * math.pi / CHECKPOINTS
    checkpoints = []
    for i in range(CHECKPOINTS):
        noise, radius = uniform(0, sector), uniform(RADIUS / 3, RADIUS)
        alpha = 2 * math.pi * i / CHECKPOINTS + noise
        if i in (0, CHECKPOINTS - 1):  # a wide gate on both sides of the start
            alpha, radius = 2 * math.pi * i / CHECKPOINTS, 1.5 * RADIUS
        checkpoints.append((alpha, radius * math.cos(alpha), radius * math.sin(alpha)))
    return checkpoints


def walk(checkpoints: list[Checkpoint]) -> list[Node]:
    """Return the nodes of a pen that rounds the checkpoints until its fifth lap."""
    x, y, beta = 1.5 * RADIUS, 0.0, 0.0
    goal = laps = 0
    below = False  # the x axis, since the last lap was counted
    nodes = []
    while laps <= 4 and len(nodes) < MAX_STEPS:
        alpha = math.atan2(y, x)
        if below and alpha > 0:
            laps, below = laps + 1, False
        if alpha < 0:
            below = True
            alpha += 2 * math.pi
        alpha, goal = _next_goal(checkpoints, alpha, goal)
        turned = _turn(beta, alpha, checkpoints[goal][1] - x, checkpoints[goal][2] - y)
        x += -math.sin(beta) * STEP
        y += math.cos(beta) * STEP
        beta = turned[1]
        nodes.append((alpha, turned[0] * 0.5 + turned[1] * 0.5, x, y))
    return nodes


def _next_goal(
    checkpoints: list[Checkpoint], alpha: float, goal: int
) -> tuple[float, int]:
    """Return alpha, less a turn past the last checkpoint, and the checkpoint ahead."""
    while alpha > checkpoints[goal][0]:
        goal += 1
        if goal == CHECKPOINTS:
            goal = 0
            alpha -= 2 * math.pi
    return alpha, goal


def _turn(beta: float, alpha: float, dx: float, dy: float) -> tuple[float, float]:
    """Return the heading within 3/4 turn of alpha, before and after one step's turn."""
    ahead = 6.0 * (math.cos(beta) * dx + math.sin(beta) * dy)
    while beta - alpha > 1.5 * math.pi:
        beta -= 2 * math.pi
    while beta - alpha < -1.5 * math.pi:
        beta += 2 * math.pi
    turn = min(TURN_RATE, abs(0.001 * ahead)) if abs(ahead) > 0.3 else 0.0
    return beta, beta - math.copysign(turn, ahead)


def closed_lap(nodes: list[Node]) -> list[Node] | None:
    """Return the last lap between two crossings of the start, None if it is open."""
    start = 2 * math.pi * (-0.5) / CHECKPOINTS
    crossings = [
        i
        for i in range(1, len(nodes))
        if nodes[i][0] > start and nodes[i - 1][0] <= start
    ]
    if len(crossings) < 2:
        return None
    lap = nodes[crossings[-2] : crossings[-1] - 1]
    (_, beta, x, y), (_, _, last_x, last_y) = lap[0], lap[-1]
    gap = np.sqrt(
        np.square(math.cos(beta) * (x - last_x))
        + np.square(math.sin(beta) * (y - last_y))
    )
    return None if gap > STEP else lap


def _kerb_flags(beta: list[float]) -> list[bool]:
    """Return which tiles end a hard turn of four steps or lie just before such an end.

    Indices below zero wrap round, and a flag set that way spreads in its turn.
    """
    turns = [beta[i] - beta[i - 1] for i in range(len(beta))]
    flags = []
    for i in range(len(turns)):
        last = [turns[i - k] for k in range(4)]
        same_side = abs(sum(np.sign(last))) == 4
        flags.append(same_side and all(abs(t) > TURN_RATE * 0.2 for t in last))
    for i in range(len(turns)):
        for k in range(4):
            flags[i - k] |= flags[i]
    return flags


def _lay(nodes: list[Node]) -> Track:
    """Return the tiles and kerbs along a lap's nodes."""
    count = len(nodes)
    beta = [node[1] for node in nodes]
    kerb = np.array(_kerb_flags(beta))
    # numpy's own sine and cosine differ from the C library's in the last bit.
    across = np.array([(math.cos(b), math.sin(b)) for b in beta])
    centre = np.array([node[2:] for node in nodes])
    side = np.sign(np.roll(beta, 1) - beta)[:, None]
    before = np.roll(across, 1, axis=0), np.roll(centre, 1, axis=0)

    def quads(left, right):
        sides = (left, across, centre), (right, across, centre)
        sides += (right, *before), (left, *before)
        return np.stack([at + offset * out for offset, out, at in sides], axis=1)

    tiles = quads(-HALF_WIDTH, HALF_WIDTH)
    kerbs = quads(side * HALF_WIDTH, side * (HALF_WIDTH + KERB_WIDTH))

    def padded(array):
        padding = [(0, MAX_TILES - count)] + [(0, 0)] * (array.ndim - 1)
        return np.pad(array, padding)

    return Track(
        tiles=padded(tiles),
        kerbs=padded(np.where(kerb[:, None, None], kerbs, 0)),
        kerb=padded(kerb),
        count=np.array(count, np.int32),
        start=np.array(nodes[0][1:]),
    )
