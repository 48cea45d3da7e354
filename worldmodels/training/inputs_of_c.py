"""What C reads, over the episodes that M learnt from: its mean, where a search begins.

M's features lie far from zero: their mean is as large as their spread. A search that
draws weights around zero then draws, before all else, constant actions: a weight times
the mean of what it reads. Where C's inputs are measured from their mean, a new weight
changes how an action depends on them, and nothing else.
"""

from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.models import memory
from worldmodels.models.agent import Agent
from worldmodels.stores.artifact import Artifact
from worldmodels.training.datasets import StoredEpisodes

_EPISODES = 64  # that the mean is taken over, at most
_TOGETHER = 16


def mean_inputs(
    agent: Agent, params: memory.Params, latents: Sequence[Artifact]
) -> np.ndarray:
    """Return the mean [F] of what C reads, over some of the episodes of `latents`.

    They are spread over all of them. M observes the mean of each z.

    Args:
        params: of M.
    """
    stored = StoredEpisodes(latents)
    count = min(_EPISODES, len(stored))
    chosen = np.linspace(0, len(stored) - 1, count).astype(int)
    total, steps = np.zeros(agent.controller.feature_count), 0
    for first in range(0, count, _TOGETHER):
        items = stored.sequences(chosen[first : first + _TOGETHER], stored.longest)
        z, actions, inside = (
            np.moveaxis(items[name], 0, 1) for name in ("mu", "actions", "inside")
        )
        total += _sum(agent, params, z[:-1].astype(np.float32), actions, inside)
        steps += int(inside.sum())
    return (total / steps).astype(agent.vision.dtype)


@partial(jax.jit, static_argnums=0)
def _sum(
    agent: Agent,
    params: memory.Params,
    z: jax.Array,
    actions: jax.Array,
    inside: jax.Array,
) -> jax.Array:
    """Return the sum [F] of what C reads in T steps of B episodes, [T, B, ...].

    Args:
        inside: bool [T, B], which steps are an episode's.
    """

    def step(state: memory.State, seen: tuple) -> tuple[memory.State, jax.Array]:
        z, action, inside = seen
        read = agent.controller.read(z, memory.features(agent.memory, state))
        after = memory.remember(params, agent.memory, state, z, action)
        return after, jnp.where(inside[:, None], read, 0).sum(axis=0)

    nothing = memory.initial_state(agent.memory, z.shape[1])
    return jax.lax.scan(step, nothing, (z, actions, inside))[1].sum(axis=0)
