"""An agent as the numbers of its page: a header of JSON and the bytes of its arrays.

What the page's engine (`web/world.js`) reads is written here and nowhere else: arrays
in the order of its loops, and V's decoder with its first two layers folded into one.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from worldmodels.environments.games import Game
from worldmodels.models import folding
from worldmodels.models.agent import Agent, Weights
from worldmodels.models.dream import Starts
from worldmodels.models.memory import Memory
from worldmodels.models.vision import VAE
from worldmodels.play.recording import Recorded
from worldmodels.runtime.errors import UserError

CELLS = ("lstm", "gru", "dnc")  # those of web/cells.js
TYPES = {"half": np.dtype("<f2"), "single": np.dtype("<f4")}


class Player(NamedTuple):
    """All that a page shows, and who it shows."""

    name: str
    agent: Agent
    weights: Weights
    controller: np.ndarray  # [D]
    starts: Starts  # where dreams begin
    training: Mapping[str, Any]  # round, seed, generation and score, each may be None
    temperature: float | None = None  # of the dream that C learnt in, if it did
    death_threshold: float | None = None  # log-odds; None: death is drawn
    recordings: Sequence[Recorded] = ()


class Packed(NamedTuple):
    """What goes into a page."""

    header: dict[str, Any]  # JSON values
    numbers: bytes


def pack(player: Player, precision: str = "half") -> Packed:
    """Return an agent as its page reads it.

    Args:
        precision: of all arrays, "half" or "single".

    Raises:
        UserError: for a recurrent cell that the page has not, or weights that half
            precision cannot hold.
    """
    agent = player.agent
    if agent.memory.cell not in CELLS:
        raise UserError(
            f"the memory.cell of this M is {agent.memory.cell}, which a page cannot "
            f"run; give an agent with one of: {', '.join(CELLS)}"
        )
    arrays = _of_vision(player.weights.vision, agent.vision)
    arrays |= player.weights.memory
    arrays["controller"] = player.controller
    for name, values in player.starts._asdict().items():
        arrays[f"starts/{name}"] = values
    for n, recorded in enumerate(player.recordings):
        arrays[f"recordings/{n}/actions"] = recorded.actions
        arrays[f"recordings/{n}/mu"] = recorded.mu
    places, numbers = _joined(arrays, precision)
    header = {
        "name": player.name,
        "game": _of_game(agent.controller.game),
        "agent": dict(player.training),
        "vision": _shape_of_vision(agent.vision),
        "memory": _shape_of_memory(agent.memory),
        "controller": _shape_of_controller(agent),
        "dream": {
            "temperature": player.temperature,
            "threshold": player.death_threshold,
        },
        "recordings": [recorded.facts for recorded in player.recordings],
        "arrays": places,
    }
    return Packed(header, numbers)


def _of_vision(params: Mapping[str, Any], model: VAE) -> dict[str, np.ndarray]:
    """Return V's arrays by the names that the page has for them."""
    arrays = {
        f"{layer}/{name}": values
        for layer, values_of in params["encoder"].items()
        for name, values in values_of.items()
    }
    folded = folding.fold(params, model)
    arrays["folded/kernel"], arrays["folded/bias"] = folded.kernel, folded.bias
    for n, layer in enumerate(folded.layers, start=1):
        # What one pixel adds to the image: flax stores it turned around.
        stamp = np.asarray(layer["kernel"])[::-1, ::-1].transpose(2, 0, 1, 3)
        arrays[f"deconv_{n}/kernel"], arrays[f"deconv_{n}/bias"] = stamp, layer["bias"]
    return arrays


def _joined(
    arrays: Mapping[str, Any], precision: str
) -> tuple[dict[str, dict[str, Any]], bytes]:
    """Return where each array is, and the bytes of all."""
    places, parts, start = {}, [], 0
    for name, values in arrays.items():
        values = np.asarray(jax.device_get(values), np.float64)
        with np.errstate(over="ignore"):
            stored = values.astype(TYPES[precision])
        if not np.isfinite(stored).all():
            raise UserError(
                f"{name} of this agent has numbers of up to {np.abs(values).max():.4g} "
                "and half precision ends at 65,504; a page cannot hold it"
            )
        places[name] = {"start": start, "shape": values.shape, "type": precision}
        parts.append(stored.tobytes())
        start += stored.nbytes
    return places, b"".join(parts)


def _of_game(game: Game) -> dict[str, Any]:
    words = ("name", "title", "discrete", "frames_per_second", "max_steps", "score")
    return {
        **{word: getattr(game, word) for word in words},
        "place": game.place,
        "size": game.view.size,
        "actions": [action._asdict() for action in game.actions],
    }


def _shape_of_vision(model: VAE) -> dict[str, Any]:
    return {
        "latent": model.latent_size,
        "size": model.frame_size,
        "channels": list(model.channels),
        "decoder_channels": list(model.decoder_channels),
    }


def _shape_of_memory(model: Memory) -> dict[str, Any]:
    return {
        "cell": model.cell,
        "options": dict(model.cell_options),
        "units": model.hidden_size,
        "mixtures": model.mixtures,
        "target": model.target,
        "least_logstd": model.least_logstd,
        "death": model.death_head,
        "reward": model.reward_head,
    }


def _shape_of_controller(agent: Agent) -> dict[str, Any]:
    controller = agent.controller
    return {
        "inputs": list(controller.reads),
        "hidden": controller.hidden_size,
        "bias": controller.bias,
        "layers": [{"inputs": i, "outputs": o} for i, o in controller.layers],
    }
