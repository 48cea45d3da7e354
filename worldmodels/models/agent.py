"""One step of the whole agent, V then C then M, for a batch of environments.

World Models, section 2.4, "Putting V, M and C together": V turns the frame into z, C
acts on z and on what M remembers *before* this frame, then M consumes (z, action). A
batch is a population: every row has a controller, a state and a key of its own.
"""

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from worldmodels.models import memory, vision
from worldmodels.models.controller import Controller

__all__ = ["Agent", "AgentPolicy", "AgentState", "Weights", "choose", "ready"]


@dataclass(frozen=True)
class Agent:
    """The shapes of V, M and C; hashable, so it can be a static argument of a jit."""

    vision: vision.VAE
    memory: memory.Memory
    controller: Controller
    sample_z: bool = True  # C reads a sample of z, as in the paper; False: its mean


class Weights(NamedTuple):
    """The trained parameters, shared by the whole batch."""

    vision: vision.Prepared
    memory: memory.Params


def ready(agent: Agent, weights: Weights) -> Weights:
    """Return weights for acting alone, prepared once for many steps."""
    return weights._replace(vision=vision.prepared(weights.vision, agent.vision))


def choose(
    agent: Agent,
    weights: Weights,
    controllers: jax.Array,
    state: memory.State,
    frames: jax.Array,
    keys: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    """Return z [B, Z] that V makes of the frames and the actions [B, A] that C takes.

    Args:
        controllers: [B, D] a flat controller for each row.
        state: of M, [B, ...], up to the frame before.
        frames: [B, H, W, 3] in 0..255.
        keys: [B] typed keys, each for one use: they sample z.
    """
    mu, logvar = vision.encode(weights.vision, agent.vision, frames)
    z = jax.vmap(vision.sample)(keys, mu, logvar) if agent.sample_z else mu
    remembered = memory.features(agent.memory, state)
    return z, jax.vmap(agent.controller.act)(controllers, z, remembered)


class AgentState(NamedTuple):
    """All that a batch of agents carries from one step to the next."""

    controllers: jax.Array  # [B, D]
    z: jax.Array  # [B, Z], seen last
    memory: memory.State  # [B, ...]


@partial(
    jax.tree_util.register_dataclass, data_fields=("weights",), meta_fields=("agent",)
)
@dataclass(frozen=True)
class AgentPolicy:
    """The agent as a policy of a batch of environments: `act`, then `remember`."""

    agent: Agent
    weights: Weights

    @jax.jit
    def initial(self, controllers: jax.Array) -> AgentState:
        """Return the state of agents with `controllers` [B, D] before a first frame."""
        batch = len(controllers)
        z = jnp.zeros((batch, self.agent.vision.latent_size), controllers.dtype)
        nothing = memory.initial_state(self.agent.memory, batch)
        return AgentState(controllers, z, nothing)

    def act(
        self, state: AgentState, frames: jax.Array, keys: jax.Array
    ) -> tuple[AgentState, jax.Array]:
        """Return the next state and actions [B, A].

        Args:
            frames: [B, H, W, 3] in 0..255.
            keys: [B] typed keys.
        """
        z, actions = choose(
            self.agent, self.weights, state.controllers, state.memory, frames, keys
        )
        return state._replace(z=z), actions

    def remember(self, state: AgentState, actions: jax.Array) -> AgentState:
        """Return the state after M has read the actions [B, A] that were applied."""
        after = memory.remember(
            self.weights.memory, self.agent.memory, state.memory, state.z, actions
        )
        return state._replace(memory=after)
