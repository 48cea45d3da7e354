"""One step of the whole agent, V then C then M, for a batch of environments.

World Models, section 2, "Putting everything together": V turns the frame into z, C acts
on z and on what M remembers *before* this frame, then M consumes (z, action). A batch
is a population: every car has a controller, a state and a key of its own.
"""

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from worldmodels.models import memory, vision
from worldmodels.models.controller import Controller
from worldmodels.models.memory import LSTMState as AgentState  # h [B, N], c [B, N]

__all__ = [
    "Agent",
    "AgentPolicy",
    "AgentState",
    "Mind",
    "Weights",
    "choose",
    "initial_state",
]


@dataclass(frozen=True)
class Agent:
    """The shapes of V, M and C; hashable, so it can be a static argument of a jit."""

    vision: vision.VAE
    memory: memory.Memory
    controller: Controller
    sample_z: bool = True  # C reads a sample of z, as in the paper; False: its mean


class Weights(NamedTuple):
    """The trained parameters, shared by all cars."""

    vision: vision.Params
    memory: memory.Params


def initial_state(agent: Agent, batch: int) -> AgentState:
    """Return the state [B, N] at the start of an episode."""
    return memory.initial_state(agent.memory, batch)


def choose(
    agent: Agent,
    weights: Weights,
    controllers: jax.Array,
    state: AgentState,
    frames: jax.Array,
    keys: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    """Return z [B, Z] and the actions [B, A]: what V sees and C does about it.

    Args:
        controllers: [B, D] a flat controller for each car.
        state: what M remembers up to the frame before.
        frames: [B, H, W, 3] in 0..255.
        keys: [B] typed keys, each for one use: they sample z.
    """
    mu, logvar = vision.encode(weights.vision, agent.vision, frames)
    z = jax.vmap(vision.sample)(keys, mu, logvar) if agent.sample_z else mu
    return z, jax.vmap(agent.controller.act)(controllers, z, state.h, state.c)


class Mind(NamedTuple):
    """All that a batch of agents knows between two steps."""

    controllers: jax.Array  # [B, D]
    z: jax.Array  # [B, Z], seen last
    memory: AgentState


@partial(
    jax.tree_util.register_dataclass, data_fields=("weights",), meta_fields=("agent",)
)
@dataclass(frozen=True)
class AgentPolicy:
    """The agent as what drives a batch of environments: `act`, then `remember`."""

    agent: Agent
    weights: Weights

    def initial(self, controllers: jax.Array) -> Mind:
        """Return the minds of agents with `controllers` [B, D], before the first."""
        batch = len(controllers)
        z = jnp.zeros((batch, self.agent.vision.latent_size), controllers.dtype)
        return Mind(controllers, z, initial_state(self.agent, batch))

    def act(
        self, mind: Mind, frames: jax.Array, keys: jax.Array
    ) -> tuple[Mind, jax.Array]:
        """Return the minds and actions [B, A] on frames [B, H, W, 3]; keys [B]."""
        z, actions = choose(
            self.agent, self.weights, mind.controllers, mind.memory, frames, keys
        )
        return mind._replace(z=z), actions

    def remember(self, mind: Mind, actions: jax.Array) -> Mind:
        """Return the minds after M has read the actions [B, A] that were applied."""
        after = memory.remember(
            self.weights.memory, self.agent.memory, mind.memory, mind.z, actions
        )
        return mind._replace(memory=after)
