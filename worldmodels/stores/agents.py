"""Agents for tools: from the stores of a run, or a pretrained one."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from worldmodels.environments import EnvironmentSpec
from worldmodels.experiment.settings import Environment
from worldmodels.models.agent import Agent, Weights
from worldmodels.models.dream import Dream
from worldmodels.runtime import devices
from worldmodels.runtime.streams import tell
from worldmodels.runtime.wording import count
from worldmodels.stores import networks
from worldmodels.stores.artifact import Artifact, ArtifactError, open_artifact
from worldmodels.stores.lineage import check_follow, check_input, had_input
from worldmodels.stores.neighbours import (
    check_vision_of_memory,
    inputs_of,
    place_of_input,
)


class Driver(NamedTuple):
    """A trained agent, ready to drive, and the world that it was trained in."""

    agent: Agent
    weights: Weights
    controller: np.ndarray  # [D], selected
    generation: int  # generations done when it was
    environment: Environment
    # Of an agent store that has one: mostly, it learnt there.
    dream: Dream | None = None


class AgentStores(NamedTuple):
    """The stores of one round's agent, made for each other."""

    vision: Artifact
    memory: Artifact
    controller: list[Artifact]


def open_stores(
    controller: Sequence[Path], vision: Path | None, memory: Path | None
) -> AgentStores:
    """Open the stores that an agent consists of.

    Args:
        controller: controller stores of one search, or their folder.
        vision, memory: their stores; default: found in the rounds of the experiment.

    Raises:
        ArtifactError: for a bad store, blocks of several searches, or V or M of another
            run.
    """
    blocks = _blocks(controller)
    home = Path(os.path.abspath(blocks[0].path)).parent.parent
    v_store = vision or place_of_input(blocks, "vision", home)
    m_store = memory or place_of_input(blocks, "memory", home)
    v_store, m_store = (
        open_artifact(v_store, "vision"),
        open_artifact(m_store, "memory"),
    )
    for block in blocks:
        check_input(block, "vision", v_store)
        check_input(block, "memory", m_store)
    check_vision_of_memory(v_store, m_store)
    return AgentStores(v_store, m_store, blocks)


def _blocks(controller: Sequence[Path]) -> list[Artifact]:
    """Open the blocks of a search, or a part of it without gaps, in their order."""
    blocks: list[Artifact] = []
    for path in controller:
        is_folder = path.is_dir() and not (path / "zarr.json").exists()
        blocks += _search(path) if is_folder else [open_artifact(path, "controller")]
    blocks.sort(key=lambda block: block.config["block"])
    check_follow(blocks)
    return blocks


def _search(folder: Path) -> list[Artifact]:
    """Open the blocks in a folder, from block 0 on as far as each follows the last.

    After a change Snakemake keeps the blocks of the old search that the new one, of
    fewer generations, does not write again.
    """
    paths = sorted(folder.glob("block-*.zarr"))
    if not paths or paths[0].name != "block-0000.zarr":
        raise ArtifactError(
            f"{folder} holds no controller stores from block-0000.zarr on; give the "
            "folder that the controller stage writes to"
        )
    blocks = [open_artifact(paths[0], "controller")]
    for path in paths[1:]:
        block = open_artifact(path, "controller")
        if not had_input(block, "previous", blocks[-1]):
            tell(
                f"{path} does not go on from {blocks[-1].path}: it is left out, with "
                "all blocks after it"
            )
            break
        blocks.append(block)
    return blocks


def open_latents(memory: Artifact, latents: Sequence[Path]) -> list[Artifact]:
    """Open all latents that M learnt from, in the order that it read them in.

    Args:
        latents: their stores, in any order; default: found in the rounds of M's run.

    Raises:
        ArtifactError: for a bad store, one that M did not learn from, or when not all
            are there.
    """
    wanted = memory.attributes["inputs"].get("latents", [])
    paths = latents or inputs_of(memory, "latents")
    stores = [open_artifact(path, "latents") for path in paths]
    for store in stores:
        check_input(memory, "latents", store)
    found = {store.provenance: store for store in stores}
    if len(found) < len(set(wanted)):
        where = "given" if latents else "in the rounds of its run"
        raise ArtifactError(
            f"{len(found)} of the {count(len(wanted), 'latents store')} that "
            f"{memory.path} learnt from are {where}; give all of them after --latents: "
            "dreams begin at their first frames"
        )
    return [found[provenance] for provenance in wanted]


def from_stores(stores: AgentStores) -> Driver:
    """Return the best tested controller of `stores` on its V and M; sets JAX up."""
    config = stores.controller[0].config
    devices.prepare(config["dtype"])
    game = networks.known_game(stores.controller[0])
    agent, weights = networks.load_agent(stores.vision, stores.memory, config, game)
    best = networks.best_controller(stores.controller)
    return Driver(agent, weights, *best, _environment(config))


def from_pretrained(path: Path) -> Driver:
    """Return the agent of an agent store; sets JAX up.

    Raises:
        ArtifactError: when there is none, or the store is bad or of another kind.
    """
    devices.prepare(networks.DTYPE)
    agent, weights, controller, config = networks.load_pretrained(path)
    world = _environment(config["controller"])
    dream = networks.pretrained_dream(path, agent, weights)
    return Driver(agent, weights, controller, config["generation"], world, dream)


def _environment(config: Mapping[str, Any]) -> Environment:
    """Return the world that a controller was evolved in.

    With as many slots as it was evolved with, or, in the simulator, as it is evaluated
    with by default: the same seed then gives the same drive here as there.
    """
    spec = asdict(EnvironmentSpec.of(config))
    slots = {"slots": config["slots"]} if "slots" in config else {}
    return Environment(**spec, **slots)
