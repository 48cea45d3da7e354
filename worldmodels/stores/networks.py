"""Trained networks from their stores: every stage after a training opens them here."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from flax.traverse_util import flatten_dict

from worldmodels.environments.games import Game
from worldmodels.experiment.stages import PRECISION_USED
from worldmodels.models import dream, memory, vision
from worldmodels.models.agent import Agent, Weights
from worldmodels.models.cells.registry import Features
from worldmodels.models.controller import Controller
from worldmodels.models.dream import Dream, Starts
from worldmodels.models.memory import Memory
from worldmodels.models.precision import Precision
from worldmodels.models.vision import VAE
from worldmodels.runtime.wording import count
from worldmodels.stores.artifact import (
    Artifact,
    ArtifactError,
    check_recorded,
    open_artifact,
)
from worldmodels.stores.lineage import check_input
from worldmodels.stores.recorded_models import memory_model, precision_of, vision_model

STARTS = 1000  # first frames that dreams begin at, at most, as the original's
DTYPE = "float32"  # that a pretrained agent computes in, whatever it was trained in


class Selected(NamedTuple):
    """The search's mean with the best mean return on selection tracks."""

    controller: np.ndarray  # [D]
    generation: int  # generations done when it was tested
    returns: np.ndarray  # float32 [S], on the selection tracks


def load_vision(store: Artifact, precision: Precision | None = None) -> tuple[VAE, Any]:
    """Return V and its parameters from a vision store.

    Args:
        precision: that it computes in; None: that it was trained in.

    Raises:
        ArtifactError: when they are not those of its settings.
    """
    model = vision_model(store.config)
    model = model.clone(precision=precision or model.precision)
    return model, _weights(store, "params", model)


def load_memory(
    store: Artifact, precision: Precision | None = None
) -> tuple[Memory, Any]:
    """Return M and its parameters from a memory store.

    Args:
        precision: that it computes in; None: that it was trained in.

    Raises:
        ArtifactError: when they are not those of its settings.
    """
    model = memory_model(store.config)
    model = model.clone(precision=precision or model.precision)
    return model, _weights(store, "params", model)


def _weights(store: Artifact, prefix: str, model: VAE | Memory) -> Any:
    """Return the parameters below `prefix`, which are the model's and no others."""
    wanted = _shapes(model)
    names = {name.removeprefix(f"{prefix}/"): name for name in store.names(prefix)}
    found = {short: store.array(name) for short, name in names.items()}
    for short in sorted(wanted.keys() | found.keys()):
        array, shape = found.get(short), wanted.get(short)
        if array is None or array.shape != shape or array.dtype.kind != "f":
            held = "none" if array is None else f"{array.dtype} {list(array.shape)}"
            asked = "none" if shape is None else f"one of {list(shape)}"
            raise ArtifactError(
                f"{store.path} has as weights {prefix}/{short} {held}, and by its "
                f"settings {asked}; delete it and run its stage again"
            )
    return store.tree(prefix)


@lru_cache
def _shapes(model: VAE | Memory) -> Mapping[str, tuple[int, ...]]:
    """Return the shapes of a model's parameters by their paths."""
    initial = vision.initial if isinstance(model, VAE) else memory.initial
    params = jax.eval_shape(lambda: initial(jax.random.key(0), model))
    return {path: x.shape for path, x in flatten_dict(params, sep="/").items()}


def load_dream(
    memory: Artifact,
    latents: Sequence[Artifact],
    temperature: float,
    death: str = "drawn",
    precision: Precision | None = None,
) -> Dream:
    """Return the dream of a trained M, which begins at the first frames of `latents`.

    Args:
        death: the setting `controller.death`.
        precision: that M computes in; None: that it was trained in.

    Raises:
        ArtifactError: when M was trained on other latents.
    """
    for store in latents:
        check_input(memory, "latents", store)
    starts = (first_frames(latents, name) for name in Starts._fields)
    threshold = death_threshold(memory.config, death)
    model, params = load_memory(memory, precision)
    return Dream(model, params, Starts(*starts), temperature, threshold)


def death_threshold(memory: Mapping[str, Any], death: str) -> float | None:
    """Return the log-odds above which a dreamer dies; None: death is drawn.

    Args:
        memory: settings of M, among them the weight of deaths in its loss.
        death: the setting `controller.death`.
    """
    if death == "drawn" or not memory.get("death_head"):
        return None
    return dream.death_threshold(memory["death_weight"])


def death_rule(controller: Mapping[str, Any]) -> str:
    """Return the setting `controller.death` that a controller learnt with."""
    return controller.get("death", "drawn")  # stores of earlier versions do not say


def first_frames(latents: Sequence[Artifact], name: str) -> np.ndarray:
    """Return the array `name` [S, Z] of the first frames of a thousand episodes."""
    found = []
    for store in latents:
        if (wanted := STARTS - sum(map(len, found))) > 0:
            found.append(store.read(name, (slice(wanted), 0)))
    return np.concatenate(found)


def load_agent(
    vision: Artifact,
    memory: Artifact,
    controller: Mapping[str, Any],
    game: Game,
    precision: Precision | None = None,
) -> tuple[Agent, Weights]:
    """Return the agent of trained V and M whose C has the settings `controller`.

    Args:
        game: that it plays.
        precision: that V and M compute in; None: that C learnt with.

    Raises:
        ArtifactError: when M was trained on another number of latent dimensions, or on
            another game.
    """
    precision = precision or precision_of(controller)
    vae, vision_params = load_vision(vision, precision)
    rnn, memory_params = load_memory(memory, precision)
    if vae.latent_size != rnn.latent_size:
        raise ArtifactError(
            f"{memory.path} remembers {rnn.latent_size} latent dimensions and "
            f"{vision.path} sees {vae.latent_size}; run the memory stage again"
        )
    agent = Agent(
        vae,
        rnn,
        _linear(controller, vae.latent_size, rnn.size.features, game),
        sample_z=controller["sample_z"],
    )
    if rnn.action_size != agent.controller.action_size:
        raise ArtifactError(
            f"{memory.path} reads actions of {count(rnn.action_size, 'number')} and "
            f"those of {game.label} have "
            f"{agent.controller.action_size}; give the memory store of the same game"
        )
    return agent, Weights(vision_params, memory_params)


def _linear(
    config: Mapping[str, Any], latent_size: int, features: Features, game: Game
) -> Controller:
    return Controller(
        latent_size=latent_size,
        features=features,
        game=game,
        inputs=config["inputs"],
        hidden_size=config["hidden_size"],
        bias=config.get("bias", True),  # stores of earlier versions do not say
    )


def known_game(store: Artifact) -> Game:
    """Return the game that a store says it is of.

    Raises:
        ArtifactError: when it does not say.
    """
    if store.game is None:
        raise ArtifactError(
            f"{store.path} does not say which game it is of; run its stage again"
        )
    return store.game


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
    check_recorded(store)
    config = store.config["controller"]
    single = {"dtype": DTYPE, PRECISION_USED: precision_of(config)}
    vae = vision_model({**store.config["vision"], **single})
    rnn = memory_model({**store.config["memory"], **single})
    linear = _linear(config, vae.latent_size, rnn.size.features, known_game(store))
    agent = Agent(vae, rnn, linear, sample_z=config["sample_z"])
    parts = _weights(store, "vision", vae), _weights(store, "memory", rnn)
    stored = *parts, controller_of(store, linear)
    of_v, of_m, weights = jax.tree.map(lambda x: x.astype(DTYPE), stored)
    return agent, Weights(of_v, of_m), weights, store.config


def controller_of(store: Artifact, linear: Controller) -> np.ndarray:
    """Return the controller [D] of an agent or an evaluation store.

    Raises:
        ArtifactError: when it is none of that form.
    """
    weights = store.read("controller")
    _check_size(store, weights.size, linear)
    return weights


def _check_size(store: Artifact, found: int, linear: Controller) -> None:
    if found != linear.parameter_count:
        raise ArtifactError(
            f"{store.path} has a controller of {count(found, 'parameter')} and by its "
            f"settings one of {linear.parameter_count:,}; delete it and run its stage "
            "again"
        )


def pretrained_dream(path: Path, agent: Agent, weights: Weights) -> Dream | None:
    """Return the dream in which the agent of an agent store learnt, if it did.

    Args:
        agent, weights: as loaded from that store.
    """
    store = open_artifact(path, "agent")
    if not store.names("starts"):
        return None
    starts = (store.read(f"starts/{name}").astype(DTYPE) for name in Starts._fields)
    learnt = store.config["controller"]
    threshold = death_threshold(store.config["memory"], death_rule(learnt))
    temperature = learnt["temperature"]
    return Dream(agent.memory, weights.memory, Starts(*starts), temperature, threshold)


def _features(config: Mapping[str, Any]) -> Features | None:
    """Return what C could read of M, as a controller store records it."""
    if "features" in config:
        return tuple(config["features"].items())
    if (units := config.get("memory_size")) is None:
        return None
    return ("h", units), ("c", units)  # an LSTM's: stores of earlier versions


def best_controller(blocks: Sequence[Artifact]) -> tuple[np.ndarray, int]:
    """Return the selected controller [D] and the generations done when it was tested.

    Raises:
        ArtifactError: when no mean was tested.
    """
    selected = select(blocks)
    return selected.controller, selected.generation


def select(blocks: Sequence[Artifact]) -> Selected:
    """Return the mean of `blocks` with the best mean return on selection tracks.

    Raises:
        ArtifactError: when no mean was tested, or none is of the settings' form.
    """
    for block in blocks:
        config, features = block.config, _features(block.config)
        # Stores of earlier versions do not say how large their V and M are.
        if features is not None and "latent_size" in config:
            linear = _linear(config, config["latent_size"], features, known_game(block))
            _check_size(block, block.array("selection/mean").shape[1], linear)
    means = np.concatenate([b.read("selection/mean") for b in blocks])
    returns = np.concatenate([b.read("selection/returns") for b in blocks])
    generations = np.concatenate([b.read("selection/generation") for b in blocks])
    if not len(means):
        raise ArtifactError(
            f"{blocks[-1].path} has no tested mean; lower controller.select_every"
        )
    best = int(np.argmax(returns.mean(axis=1)))
    return Selected(means[best], int(generations[best]), returns[best])
