"""PixelCopter's compiled programs, as gymnasium's environments call them.

`jax_process` says what is done before each.
"""

from typing import NamedTuple

import jax
import numpy as np

from worldmodels.environments.jax_process import prepare
from worldmodels.environments.pixelcopter import functional
from worldmodels.environments.pixelcopter.functional import EnvironmentState


class Seen(NamedTuple):
    """What B players are shown."""

    frames: jax.Array  # uint8 [B, 48, 48]
    vector: jax.Array  # float32 [B, 7], see `functional.vector`


def begin(seeds: np.ndarray) -> tuple[EnvironmentState, Seen]:
    """Begin an episode in the level of each seed, uint32 [B].

    Raises:
        UserError: this process was forked from one that had used JAX.
    """
    prepare()
    return _begin(seeds)


def step(
    state: EnvironmentState, actions: np.ndarray, max_steps: int
) -> tuple[EnvironmentState, Seen, jax.Array, jax.Array, jax.Array]:
    """Play 1/30 s: `functional.step`, which see."""
    prepare()
    return _step(state, actions, max_steps)


def replace(
    state: EnvironmentState, seeds: np.ndarray, done: np.ndarray
) -> tuple[EnvironmentState, Seen]:
    """Begin those that are done anew, in the levels of their seeds."""
    prepare()
    return _replace(state, seeds, done)


@jax.jit
def _begin(seeds: np.ndarray) -> tuple[EnvironmentState, Seen]:
    return _seen(*functional.reset(jax.vmap(jax.random.key)(seeds)))


@jax.jit
def _step(
    state: EnvironmentState, actions: np.ndarray, max_steps: int
) -> tuple[EnvironmentState, Seen, jax.Array, jax.Array, jax.Array]:
    state, frames, *outcome = functional.step(state, actions, max_steps)
    return *_seen(state, frames), *outcome


@jax.jit
def _replace(
    state: EnvironmentState, seeds: np.ndarray, done: np.ndarray
) -> tuple[EnvironmentState, Seen]:
    return _seen(*functional.renew(state, jax.vmap(jax.random.key)(seeds), done))


def _seen(state: EnvironmentState, frames: jax.Array) -> tuple[EnvironmentState, Seen]:
    return state, Seen(frames, functional.vector(state))
