"""An agent small enough to compute by hand, and weights for any agent."""

import jax

from worldmodels.environments.games import CARRACING
from worldmodels.models import memory, vision
from worldmodels.models.agent import Agent, Weights
from worldmodels.models.controller import Controller

MEMORY = memory.Memory(latent_size=4, hidden_size=5, mixtures=2)
AGENT = Agent(
    vision.VAE(latent_size=4, channels=(2, 2, 2, 2), decoder_channels=(2, 2, 2)),
    MEMORY,
    Controller(4, MEMORY.size.features, CARRACING),
)


def untrained(agent: Agent) -> Weights:
    """Return random weights of `agent`'s V and M, the same at every call."""
    return Weights(
        vision.initial(jax.random.key(0), agent.vision),
        memory.initial(jax.random.key(1), agent.memory),
    )
