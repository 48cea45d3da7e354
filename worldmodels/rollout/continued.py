"""A dream that goes on from a drive: M has watched what came before its first step."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import numpy as np

from worldmodels.models import memory
from worldmodels.models.dream import Dream, DreamState, StepNoise


@partial(
    jax.tree_util.register_dataclass, data_fields=("dream", "first"), meta_fields=()
)
@dataclass(frozen=True)
class Continued:
    """A dream that always begins in one state: `reset`, then `step` by `step`."""

    dream: Dream
    first: DreamState

    def reset(self, key: jax.Array) -> DreamState:
        """Begin; nothing is drawn."""
        return self.first

    def step(
        self, state: DreamState, action: jax.Array, key: jax.Array
    ) -> tuple[DreamState, jax.Array, jax.Array]:
        """Dream on under the action [A]; the rest as of `Dream.step`."""
        return self.dream.step(state, action, key)

    def noise(self, key: jax.Array) -> StepNoise:
        """Return the noise of the step that has this key."""
        return self.dream.noise(key)

    def follow(
        self, state: DreamState, action: jax.Array, noise: StepNoise
    ) -> tuple[DreamState, jax.Array, jax.Array]:
        """Do what `step` does, with its noise in place of its key."""
        return self.dream.follow(state, action, noise)


def after(dream: Dream, z: np.ndarray, actions: np.ndarray) -> Continued:
    """Return the dream that begins after M has watched z [T, Z].

    Args:
        actions: [T - 1, A], done on all but the last z, which the dream begins with.
    """
    model = dream.model
    z, actions = (np.asarray(x, model.dtype) for x in (z, actions))
    return Continued(dream, _watched(model, dream.params, z, actions))


@partial(jax.jit, static_argnums=0)
def _watched(model: Any, params: Any, z: jax.Array, actions: jax.Array) -> DreamState:
    def step(state: Any, at_t: tuple[jax.Array, jax.Array]):
        return memory.remember(params, model, state, *at_t), None

    begun = jax.tree.map(lambda x: x[0], memory.initial_state(model, 1))
    state, _ = jax.lax.scan(step, begun, (z[:-1], actions))
    return DreamState(z[-1], state)
