"""Where dreams begin that begin anywhere: at steps of recorded episodes.

In CarRacing dream and game agree for some 250 steps, and then no longer. Short dreams
from all over the recorded episodes end before that, and show C what whole dreams hardly
reach, such as curves at speed. Model-based policy optimisation (Janner et al. 2019)
branches short rollouts off recorded states for the same reason.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.experiment.sizes import STARTS, STATES
from worldmodels.models import memory
from worldmodels.models.dream import Dream, Starts
from worldmodels.stores.artifact import Artifact
from worldmodels.training.datasets import Items, StoredEpisodes

EPISODES = 1024  # that they are of, at most, spread over all
_TOGETHER = 16  # episodes observed side by side


def anywhere(
    dream: Dream, latents: Sequence[Artifact], generator: np.random.Generator
) -> Dream:
    """Return the dream that begins at random steps of the episodes of `latents`.

    At its start M remembers what it has observed of the episode, the mean of each z.
    What comes after the last reward above 0 is no start: a car that is lost for good
    has nothing left to learn from. An episode without such a reward is used whole.

    Args:
        generator: chooses the steps.
    """
    stored = StoredEpisodes(latents)
    most = _most(dream.model)
    count = min(EPISODES, most, len(stored))
    chosen = np.linspace(0, len(stored) - 1, count).astype(int)
    each = most // count
    found = []
    for first in range(0, count, _TOGETHER):
        some = chosen[first : first + _TOGETHER]
        # As many at a time, so that one program is made; what is repeated is left out.
        items = stored.sequences(np.resize(some, _TOGETHER), stored.longest)
        at = _steps(items, each, generator)
        begun = *_posteriors(items, at), _remembered(dream, items, at)
        rows = slice(len(some) * each)
        found.append(jax.tree.map(lambda x, rows=rows: x[rows], begun))
    mu, logvar, remembered = jax.tree.map(lambda *x: np.concatenate(x), *found)
    return replace(dream, starts=Starts(mu, logvar), remembered=remembered)


def _most(model: memory.Memory) -> int:
    """Return how many starts there may be: a cell with slots has a large state."""
    state = jax.eval_shape(lambda: memory.initial_state(model, 1))
    size = sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(state))
    return max(1, min(STARTS, STATES // size))


def _steps(items: Items, each: int, generator: np.random.Generator) -> np.ndarray:
    """Return steps [B, S] at which dreams may begin, in order, some more than once."""
    earned = items["inside"] & (items["rewards"] > 0)
    length = items["inside"].sum(axis=1)
    last = earned.shape[1] - 1 - np.argmax(earned[:, ::-1], axis=1)
    end = np.where(earned.any(axis=1), last + 1, length)
    return np.sort(generator.integers(0, end[:, None], (len(end), each)), axis=1)


def _posteriors(items: Items, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mu and logvar [B * S, Z] of V at the steps `at` [B, S]."""
    mu, logvar = (
        np.take_along_axis(items[name], at[..., None], axis=1).astype(np.float32)
        for name in Starts._fields
    )
    return mu.reshape(-1, mu.shape[-1]), logvar.reshape(-1, logvar.shape[-1])


def _remembered(dream: Dream, items: Items, at: np.ndarray) -> memory.State:
    """Return what M remembers before it reads the steps `at` [B, S]: [B * S, ...]."""
    z, actions = (np.moveaxis(items[name], 0, 1) for name in ("mu", "actions"))
    z = z[:-1].astype(np.float32)
    kept = _observe(dream.params, z, actions, at, model=dream.model)
    return jax.tree.map(lambda x: np.asarray(x).reshape(-1, *x.shape[2:]), kept)


@partial(jax.jit, static_argnames="model")
def _observe(
    params: memory.Params,
    z: jax.Array,
    actions: jax.Array,
    at: jax.Array,
    *,
    model: memory.Memory,
) -> memory.State:
    """Return the states [B, S, ...] before M reads (z, a) [T, B, ...] of `at`."""
    nothing = memory.initial_state(model, z.shape[1])

    def step(before, seen):
        state, kept = before
        t, z, action = seen

        def keep(kept, now):
            here = (at == t).reshape(at.shape + (1,) * (now.ndim - 1))
            return jnp.where(here, now[:, None], kept)

        kept = jax.tree.map(keep, kept, state)
        return (memory.remember(params, model, state, z, action), kept), None

    kept = jax.tree.map(lambda x: jnp.repeat(x[:, None], at.shape[1], axis=1), nothing)
    times = jnp.arange(len(z))
    return jax.lax.scan(step, (nothing, kept), (times, z, actions))[0][1]
