"""Who drives for a tool: the agent of a run's stores, or a pretrained one."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from worldmodels import compute, trained
from worldmodels.agent import Agent, Weights
from worldmodels.artifacts import Artifact, ArtifactError, open_artifact
from worldmodels.dream import Dream
from worldmodels.lineage import check_input
from worldmodels.settings import Environment


class Driver(NamedTuple):
    """A trained agent, ready to drive, and the world that it was trained in."""

    agent: Agent
    weights: Weights
    controller: np.ndarray  # [D], selected
    generation: int  # generations done when it was
    environment: Environment
    dream: Dream | None = None  # in which it learnt, of an agent store


class Stores(NamedTuple):
    """The stores of one round's agent, made for each other."""

    vision: Artifact
    memory: Artifact
    controller: list[Artifact]


def open_stores(
    controller: Sequence[Path], vision: Path | None, memory: Path | None
) -> Stores:
    """Open the stores that an agent consists of.

    Args:
        controller: controller stores, or folders of them.
        vision, memory: their stores; default: beside the controllers' folder.

    Raises:
        ArtifactError: for a bad store, or V or M of another run.
    """
    blocks = [open_artifact(path, "controller") for path in _blocks(controller)]
    home = blocks[0].path.absolute().parent.parent
    eyes = open_artifact(vision or home / "vision.zarr", "vision")
    mind = open_artifact(memory or home / "memory.zarr", "memory")
    for block in blocks:
        check_input(block, "vision", eyes)
        check_input(block, "memory", mind)
    return Stores(eyes, mind, blocks)


def _blocks(controller: Sequence[Path]) -> list[Path]:
    blocks = []
    for path in controller:
        is_folder = path.is_dir() and not (path / "zarr.json").exists()
        found = sorted(path.glob("block-*.zarr")) if is_folder else [path]
        if not found:
            raise ArtifactError(
                f"{path} holds no controller stores (block-0000.zarr, ...); give the "
                "folder that the controller stage writes to"
            )
        blocks += found
    return blocks


def open_latents(memory: Artifact, latents: Sequence[Path]) -> list[Artifact]:
    """Open the latents that M learnt from; default: those beside its store.

    Raises:
        ArtifactError: when there are none, or M learnt from others.
    """
    beside = memory.path.absolute().parent / "latents"
    found = latents or sorted(beside.glob("shard-*.zarr"))
    if not found:
        raise ArtifactError(
            f"there are no latents beside {memory.path}; give --latents, the stores "
            "that M learnt from: dreams begin at their first frames"
        )
    stores = [open_artifact(path, "latents") for path in found]
    for store in stores:
        check_input(memory, "latents", store)
    return stores


def from_stores(stores: Stores) -> Driver:
    """Return the best tested controller of `stores` on its V and M; sets JAX up."""
    config = stores.controller[0].config
    compute.prepare(config["dtype"])
    agent, weights = trained.load_agent(stores.vision, stores.memory, config)
    best = trained.best_controller(stores.controller)
    return Driver(agent, weights, *best, _environment(config))


def from_pretrained(path: Path) -> Driver:
    """Return the agent of an agent store; sets JAX up.

    Raises:
        ArtifactError: when there is none, or the store is bad or of another kind.
    """
    compute.prepare(trained.PRECISION)
    agent, weights, controller, config = trained.load_pretrained(path)
    world = _environment(config["controller"])
    dream = trained.pretrained_dream(path, agent, weights)
    return Driver(agent, weights, controller, config["generation"], world, dream)


def _environment(config: Mapping[str, Any]) -> Environment:
    """Return the world that a controller was evolved in.

    With as many slots as it was evolved with, or, in the simulator, as it is evaluated
    with by default: the same seed then gives the same drive here as there.
    """
    return Environment(
        environment=config["environment"],
        max_steps=config["max_steps"],
        slots=config.get("slots", Environment.slots),
    )
