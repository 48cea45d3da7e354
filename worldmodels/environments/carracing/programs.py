"""The simulator's compiled programs, as gymnasium's environments call them.

Compiling them takes longer than a thousand steps, so they are kept on disk, unless JAX
was already told where to keep its programs.

A process that was forked from one that had used JAX has none of JAX's threads, and
would wait for them for ever. It is refused instead.
"""

import os

import jax
import jax.numpy as jnp
import numpy as np

# Not public, but there is no other way to ask without JAX being started by it.
from jax._src import xla_bridge
from jax.experimental.compilation_cache import compilation_cache

from worldmodels.environments.carracing import functional, simulator, tracks
from worldmodels.environments.carracing.colors import Palette
from worldmodels.environments.carracing.functional import EnvironmentState
from worldmodels.environments.carracing.tracks import Track
from worldmodels.runtime import devices
from worldmodels.runtime.errors import UserError

NEVER = np.iinfo(np.int32).max  # steps until truncation


class _Process:
    """What is known of this process."""

    used_jax = False  # before its latest fork
    forked = False  # from one that had used JAX
    prepared = False


def begin(made: Track, palette: Palette) -> tuple[EnvironmentState, jax.Array]:
    """Begin an episode on each of R tracks, of those colours; both have a leading [R].

    Returns:
        The state and the first frames, uint8 [R, 64, 64, 3].

    Raises:
        UserError: this process was forked from one that had used JAX.
    """
    _prepare()
    return _begin(made, palette)


def step(
    state: EnvironmentState, actions: np.ndarray, max_steps: int, lap_complete: float
) -> tuple[EnvironmentState, jax.Array, jax.Array, jax.Array, jax.Array]:
    """Drive all cars 1/50 s: `functional.step`, which see.

    Raises:
        UserError: as for `begin`.
    """
    _prepare()
    return _step(state, actions, max_steps, lap_complete)


def replace(
    state: EnvironmentState, made: Track, palette: Palette, done: np.ndarray
) -> tuple[EnvironmentState, jax.Array]:
    """Begin those that are done anew: `functional.replace`, which see."""
    _prepare()
    return _replace(state, made, palette, done)


def draw(rng: np.random.Generator, count: int) -> Track:
    """Draw tracks [count] of gymnasium's distribution, all at once."""
    _prepare()
    return _draw(jax.random.split(jax.random.key(rng.integers(2**31)), count))


# Donated: the tracks stay where they are.
_step = jax.jit(functional.step, donate_argnums=0)
_replace = jax.jit(functional.replace, donate_argnums=0)
_draw = jax.jit(jax.vmap(tracks.from_key))


@jax.jit
def _begin(made: Track, palette: Palette) -> tuple[EnvironmentState, jax.Array]:
    track = jnp.arange(len(made.count), dtype=np.int32)
    return functional.start(simulator.build(made, palette), track)


def _prepare() -> None:
    if _Process.forked:
        raise UserError(
            "this process was forked from one that had used JAX, which cannot go on "
            "here: leave vectorization_mode out of gymnasium.make_vec, as all cars are "
            "then one batch, or start processes afresh with "
            "vector_kwargs={'context': 'spawn'}"
        )
    if not _Process.prepared:
        _Process.prepared = True
        if jax.config.jax_compilation_cache_dir is None:
            devices.keep_programs()
            # Where JAX has compiled before it has concluded that nothing is kept.
            compilation_cache.reset_cache()


def _before_fork() -> None:
    _Process.used_jax = xla_bridge.backends_are_initialized()


def _after_fork() -> None:
    _Process.forked = _Process.used_jax


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_child=_after_fork)
