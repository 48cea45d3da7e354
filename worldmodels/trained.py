"""Trained models from their stores: what every stage after a training opens."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.agent import Agent, Weights
from worldmodels.artifacts import Artifact, ArtifactError, open_artifact
from worldmodels.controller import Controller
from worldmodels.dream import Dream, Starts
from worldmodels.environments.games import game_of
from worldmodels.lineage import check_input
from worldmodels.memory import Memory
from worldmodels.quantities import count
from worldmodels.vision import VAE

STARTS = 1000  # first frames that dreams begin at, at most, as the original's
PRECISION = "float32"  # that a pretrained agent computes in, whatever it was trained in


class Selected(NamedTuple):
    """The CMA mean with the best mean return on selection tracks."""

    controller: np.ndarray  # [D]
    generation: int  # generations done when it was tested
    returns: np.ndarray  # float32 [S], on the selection tracks


def vision_model(config: Mapping[str, Any]) -> VAE:
    """Return the V that a vision stage's settings describe."""
    return VAE(
        latent_size=config["latent_size"],
        channels=tuple(config["channels"]),
        decoder_channels=tuple(config["decoder_channels"]),
        dtype=jnp.dtype(config["dtype"]),
    )


def memory_model(config: Mapping[str, Any]) -> Memory:
    """Return the M that a memory stage's settings describe."""
    return Memory(
        latent_size=config["latent_size"],
        action_size=config["action_size"],
        hidden_size=config["hidden_size"],
        mixtures=config["mixtures"],
        # Stores of earlier versions name no heads, and have none.
        death_head=config.get("death_head", False),
        reward_head=config.get("reward_head", False),
        dtype=jnp.dtype(config["dtype"]),
    )


def load_vision(store: Artifact) -> tuple[VAE, Any]:
    """Return V and its parameters from a vision store."""
    return vision_model(store.config), store.tree("params")


def load_memory(store: Artifact) -> tuple[Memory, Any]:
    """Return M and its parameters from a memory store."""
    return memory_model(store.config), store.tree("params")


def load_dream(
    memory: Artifact, latents: Sequence[Artifact], temperature: float
) -> Dream:
    """Return the dream of a trained M, which begins at the first frames of `latents`.

    Raises:
        ArtifactError: when M was trained on other latents.
    """
    for store in latents:
        check_input(memory, "latents", store)
    starts = (first_frames(latents, name) for name in Starts._fields)
    return Dream(*load_memory(memory), Starts(*starts), temperature)


def first_frames(latents: Sequence[Artifact], name: str) -> np.ndarray:
    """Return the array `name` [S, Z] of the first frames of a thousand episodes."""
    found = []
    for store in latents:
        if (wanted := STARTS - sum(map(len, found))) > 0:
            found.append(store.read(name, (slice(wanted), 0)))
    return np.concatenate(found)


def load_agent(
    vision: Artifact, memory: Artifact, controller: Mapping[str, Any]
) -> tuple[Agent, Weights]:
    """Return the agent of trained V and M whose C has the settings `controller`.

    Raises:
        ArtifactError: when M was trained on another number of latent dimensions, or on
            another game.
    """
    vae, vision_params = load_vision(vision)
    rnn, memory_params = load_memory(memory)
    if vae.latent_size != rnn.latent_size:
        raise ArtifactError(
            f"{memory.path} remembers {rnn.latent_size} latent dimensions and "
            f"{vision.path} sees {vae.latent_size}; run the memory stage again"
        )
    agent = _agent(vae, rnn, controller)
    if rnn.action_size != agent.controller.action_size:
        raise ArtifactError(
            f"{memory.path} reads actions of {count(rnn.action_size, 'number')} and "
            f"those of {agent.controller.game.name} have "
            f"{agent.controller.action_size}; give the memory store of the same game"
        )
    return agent, Weights(vision_params, memory_params)


def _agent(vae: VAE, rnn: Memory, controller: Mapping[str, Any]) -> Agent:
    linear = Controller(
        latent_size=vae.latent_size,
        memory_size=rnn.hidden_size,
        game=game_of(controller["environment"]),
        inputs=controller["inputs"],
        hidden_size=controller["hidden_size"],
        bias=controller.get("bias", True),  # stores of earlier versions do not say
    )
    return Agent(vae, rnn, linear, sample_z=controller["sample_z"])


def load_pretrained(
    path: Path,
) -> tuple[Agent, Weights, np.ndarray, Mapping[str, Any]]:
    """Return the agent of an agent store, which the export stage makes.

    Returns:
        The agent, its weights, its controller float32 [D], and the store's settings:
        of V, M and C in "vision", "memory" and "controller".

    Raises:
        ArtifactError: when there is none, or the store is bad or of another kind.
    """
    if not path.exists():
        raise ArtifactError(
            f"{path} does not exist: no pretrained agent is there; make one with "
            "`snakemake pretrained`, and give its path after --pretrained"
        )
    store = open_artifact(path, "agent")
    single = {"dtype": PRECISION}
    vae = vision_model({**store.config["vision"], **single})
    rnn = memory_model({**store.config["memory"], **single})
    stored = store.tree("vision"), store.tree("memory"), store.read("controller")
    vision, memory, controller = jax.tree.map(lambda x: x.astype(PRECISION), stored)
    agent = _agent(vae, rnn, store.config["controller"])
    return agent, Weights(vision, memory), controller, store.config


def pretrained_dream(path: Path, agent: Agent, weights: Weights) -> Dream | None:
    """Return the dream in which the agent of an agent store learnt, if it did.

    Args:
        agent, weights: as loaded from that store.
    """
    store = open_artifact(path, "agent")
    if not store.names("starts"):
        return None
    starts = (store.read(f"starts/{name}").astype(PRECISION) for name in Starts._fields)
    temperature = store.config["controller"]["temperature"]
    return Dream(agent.memory, weights.memory, Starts(*starts), temperature)


def learnt_in_dream(controller: Mapping[str, Any]) -> bool:
    """Return whether a controller with these settings learnt in M's dream."""
    # Stores of earlier versions do not say where: in the game.
    return controller.get("train_in") == "dream"


def best_controller(blocks: Sequence[Artifact]) -> tuple[np.ndarray, int]:
    """Return the selected controller [D] and the generations done when it was tested.

    Raises:
        ArtifactError: when no mean was tested.
    """
    selected = select(blocks)
    return selected.controller, selected.generation


def select(blocks: Sequence[Artifact]) -> Selected:
    """Return the CMA mean of `blocks` with the best mean return on selection tracks.

    Raises:
        ArtifactError: when no mean was tested.
    """
    means = np.concatenate([b.read("selection/mean") for b in blocks])
    returns = np.concatenate([b.read("selection/returns") for b in blocks])
    generations = np.concatenate([b.read("selection/generation") for b in blocks])
    if not len(means):
        raise ArtifactError(
            f"{blocks[-1].path} has no tested CMA mean; lower controller.select_every"
        )
    best = int(np.argmax(returns.mean(axis=1)))
    return Selected(means[best], int(generations[best]), returns[best])
