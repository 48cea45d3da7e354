"""How P candidates on R tracks become the rows of one batch, and rows shares of it.

A row is one episode: a candidate on the track (or in the dream) of a seed. Wherever a
population is scored, in the simulator, in gymnasium or in dreams, it is laid out and
regrouped here (`returns`), and where devices share the rows, divided here (`Shares`).
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh


class Rows(NamedTuple):
    """N episodes of a population."""

    candidate: np.ndarray  # int [N], index into the population
    seed: np.ndarray  # int64 [N], of the track or the dream


# Plays an episode a row, of at most so many steps, with the candidates of a population
# [P, D], and returns the return of each [N].
PlayRows = Callable[[np.ndarray, Rows, int], np.ndarray]
# The returns [P, R] of a population [P, D] on seeds, [R] or [P, R], in so many steps.
Score = Callable[[np.ndarray, np.ndarray, int], np.ndarray]


def returns(
    play: PlayRows,
    population: np.ndarray,
    seeds: np.ndarray,
    steps: int,
    *,
    seed_by_seed: bool = False,
) -> np.ndarray:
    """Let every candidate [P, D] play its episodes; return their returns, [P, R].

    Args:
        seeds: that all candidates play, [R] (common random numbers), or each
            candidate's own, [P, R].
        steps: in an episode at most.
        seed_by_seed: the order of the rows: all candidates on the first seed, then on
            the next, so that each device gets a share of every candidate's episodes.
            Otherwise one candidate's episodes are neighbours.
    """
    seeds = np.broadcast_to(seeds, (len(population), np.shape(seeds)[-1]))
    candidate = np.broadcast_to(np.arange(len(population))[:, None], seeds.shape)
    if seed_by_seed:
        rows = Rows(candidate.T.ravel(), seeds.T.ravel())
        found = play(population, rows, steps).reshape(seeds.T.shape).T
    else:
        rows = Rows(candidate.ravel(), seeds.ravel())
        found = play(population, rows, steps).reshape(seeds.shape)
    return np.asarray(found)


class Shares(NamedTuple):
    """Rows spread over devices: each device takes its groups one after the other."""

    devices: int
    groups: int  # of each device
    size: int  # rows in a group

    @property
    def share(self) -> int:
        """Return the rows of one device."""
        return self.groups * self.size

    @property
    def rows(self) -> int:
        """Return the rows of all devices, with those that fill up the last groups."""
        return self.devices * self.share


def shares(count: int, mesh: Mesh, together: int) -> Shares:
    """Return how `count` rows are spread over a mesh, as evenly as can be.

    Args:
        together: rows that a core takes at a time, at most; a GPU takes all at once.
    """
    share = -(-count // mesh.size)
    on_cpu = mesh.devices.flat[0].platform == "cpu"
    groups = -(-share // together) if on_cpu else 1
    return Shares(mesh.size, groups, -(-share // groups))


def filled(rows: Any, count: int) -> Any:
    """Repeat the first row of all arrays [N, ...] at their end, up to `count` rows.

    JAX holds them: a number of 64 bits does not fit.
    """
    missing = count - len(jax.tree.leaves(rows)[0])
    return _with_more(rows, missing) if missing else rows


@partial(jax.jit, static_argnums=1)
def _with_more(rows: Any, missing: int) -> Any:
    return jax.tree.map(
        lambda x: jnp.concatenate([x, jnp.repeat(x[:1], missing, axis=0)]), rows
    )
