"""The simulator's compiled programs, as gymnasium's environments call them.

`jax_process` says what is done before each.
"""

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.environments.carracing import functional, simulator, tracks
from worldmodels.environments.carracing.colors import Palette
from worldmodels.environments.carracing.functional import EnvironmentState
from worldmodels.environments.carracing.tracks import Track
from worldmodels.environments.jax_process import prepare


def begin(made: Track, palette: Palette) -> tuple[EnvironmentState, jax.Array]:
    """Begin an episode on each of R tracks, of those colours; both have a leading [R].

    Returns:
        The state and the first frames, uint8 [R, 64, 64, 3].

    Raises:
        UserError: this process was forked from one that had used JAX.
    """
    prepare()
    return _begin(made, palette)


def step(
    state: EnvironmentState, actions: np.ndarray, max_steps: int, lap_complete: float
) -> tuple[EnvironmentState, jax.Array, jax.Array, jax.Array, jax.Array]:
    """Drive all cars 1/50 s: `functional.step`, which see.

    Raises:
        UserError: as for `begin`.
    """
    prepare()
    return _step(state, actions, max_steps, lap_complete)


def replace(
    state: EnvironmentState, made: Track, palette: Palette, done: np.ndarray
) -> tuple[EnvironmentState, jax.Array]:
    """Begin those that are done anew: `functional.replace`, which see."""
    prepare()
    return _replace(state, made, palette, done)


def draw(rng: np.random.Generator, count: int) -> Track:
    """Draw tracks [count] of gymnasium's distribution, all at once."""
    prepare()
    return _draw(jax.random.split(jax.random.key(rng.integers(2**31)), count))


# Donated: the tracks stay where they are.
_step = jax.jit(functional.step, donate_argnums=0)
_replace = jax.jit(functional.replace, donate_argnums=0)
_draw = jax.jit(jax.vmap(tracks.from_key))


@jax.jit
def _begin(made: Track, palette: Palette) -> tuple[EnvironmentState, jax.Array]:
    track = jnp.arange(len(made.count), dtype=np.int32)
    return functional.start(simulator.build(made, palette), track)
