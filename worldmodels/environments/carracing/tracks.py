"""Random tracks: gymnasium's `CarRacing._create_track`, on the host and in JAX.

`from_seed` makes the very track of an episode seed, `from_key` draws one of the same
distribution inside a jitted program. Both draw checkpoints until laps.py makes a closed
lap of them, and lay tiles and kerbs along it.
"""

from types import ModuleType
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.environments.carracing import laps
from worldmodels.environments.carracing.laps import MAX_TILES, TURN_RATE, Lap
from worldmodels.runtime.errors import UserError

HALF_WIDTH = 20 / 3  # metres, of the road
KERB_WIDTH = 4 / 3

# RGB of tile i: ROAD[i % 3], and of the kerb beside it: KERB[i % 2].
ROAD = np.array([[102] * 3, [104] * 3, [107] * 3], np.uint8)
KERB = np.array([[255, 255, 255], [255, 0, 0]], np.uint8)


class Track(NamedTuple):
    """N <= MAX_TILES = NM tiles in driving order; what is beyond them is zero.

    A quad has the left and right vertex of the tile's own node, then the right and left
    one of the node before it. A kerb's "left" is its edge along the road. Tile i is
    grey, (102, 104, 107)[i % 3]; its kerb is white where i is even, else red.
    """

    tiles: np.ndarray | jax.Array  # [..., NM, 4, 2] metres
    kerbs: np.ndarray | jax.Array  # [..., NM, 4, 2] metres, zeros where there is none
    kerb: np.ndarray | jax.Array  # bool [..., NM] tiles that have a kerb
    count: np.ndarray | jax.Array  # int32 [...] N
    start: np.ndarray | jax.Array  # [..., 3] beta, x, y of node 0: where the car is put


def from_seed(seed: int) -> Track:
    """Return the track of gymnasium's `reset(seed=seed)`, bit for bit, in float64.

    Raises:
        UserError: it has more than MAX_TILES tiles.
    """
    return from_generator(generator(seed), seed)


def generator(seed: int) -> np.random.Generator:
    """Return the generator of gymnasium's `reset(seed=seed)`."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))


def from_generator(rng: np.random.Generator, seed: int | None = None) -> Track:
    """Return the next track that gymnasium would make, and leave `rng` as it would.

    Args:
        seed: what `rng` was made of for this track; None: a track that is too long is
            drawn again.

    Raises:
        UserError: the seed's track has more than MAX_TILES tiles.
    """
    while True:
        lap = laps.last_lap(laps.draw_checkpoints(rng.uniform))
        if lap is None or not laps.closes(lap):
            continue
        if lap.count <= MAX_TILES:
            return lay(laps.padded(lap), np)
        if seed is not None:
            raise UserError(
                f"The track of seed {seed} has {lap.count} tiles, more than the "
                f"{MAX_TILES} that the simulator holds: choose another seed."
            )


def from_key(key: jax.Array) -> Track:
    """Return a track drawn from gymnasium's distribution, in float32.

    A lap that does not close, or has more than MAX_TILES tiles, is drawn again. Under
    `vmap` all members draw again until the last one is done: three times for hundreds.
    """

    def draw_again(attempt: _Attempt) -> _Attempt:
        checkpoints = laps.random_checkpoints(jax.random.fold_in(key, attempt.number))
        return _Attempt(attempt.number + 1, *laps.trace(checkpoints))

    nothing = jnp.zeros((MAX_TILES, 2), np.float32)
    lap = Lap(nothing[:, 0], nothing, nothing, jnp.int32(0))
    first = _Attempt(jnp.int32(0), lap, jnp.array(False))
    return lay(jax.lax.while_loop(lambda a: ~a.success, draw_again, first).lap, jnp)


class _Attempt(NamedTuple):
    number: jax.Array  # int32 [] how many were made
    lap: Lap  # of the latest
    success: jax.Array  # bool []


def started(track: Track, share: jax.Array) -> Track:
    """Return a track on which a car is put `share` [] of the lap, in [0, 1), further.

    It stands on the middle of a tile's node and looks along the lap, as at node 0.
    """
    index = jnp.minimum((share * track.count).astype(np.int32), track.count - 1)
    left, right = track.tiles[index, 0], track.tiles[index, 1]
    across = right - left  # (cos beta, sin beta) times the width
    beta = jnp.arctan2(across[1], across[0])
    return track._replace(start=jnp.concatenate([beta[None], (left + right) / 2]))


def lay(lap: Lap, xp: ModuleType) -> Track:
    """Return the tiles and kerbs along a lap that closes; xp is numpy or jax.numpy."""
    index = xp.arange(len(lap.beta))
    exists = index < lap.count
    before = (index - 1) % lap.count
    turn = lap.beta - lap.beta[before]
    kerb = _kerbs(turn, lap.count, xp) & exists
    outside = -xp.sign(turn)[:, None]

    def quads(left, right, exist):
        here, there = lap.centre, lap.centre[before]
        out, out_there = lap.across, lap.across[before]
        vertices = [here + left * out, here + right * out]
        vertices += [there + right * out_there, there + left * out_there]
        return xp.where(exist[:, None, None], xp.stack(vertices, 1), 0)

    return Track(
        tiles=quads(-HALF_WIDTH, HALF_WIDTH, exists),
        kerbs=quads(outside * HALF_WIDTH, outside * (HALF_WIDTH + KERB_WIDTH), kerb),
        kerb=kerb,
        count=lap.count,
        start=xp.concatenate([lap.beta[:1], lap.centre[0]]),
    )


def _kerbs(turn, count, xp: ModuleType):
    """Return which tiles end four hard turns to one side, or are up to three before.

    gymnasium marks those before in place, tile by tile. At the first tiles Python's
    negative indices mark the last ones, which then mark those before them in turn.
    """
    index = xp.arange(len(turn))
    hard = xp.sign(turn) * (abs(turn) > TURN_RATE * 0.2)
    ends = abs(sum(hard[(index - k) % count] for k in range(4))) == 4
    ends &= index < count
    ends = ends | sum(
        ends[(index + k) % count] & (index + k >= count) & (index < count)
        for k in range(1, 4)
    ).astype(bool)
    ends = xp.concatenate([ends, xp.zeros(3, bool)])
    return sum(ends[k : len(turn) + k] for k in range(4)).astype(bool)
