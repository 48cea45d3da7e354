"""Stage play: an agent as a page to play in, one HTML file that opens offline.

The page dreams with the agent's own V, M and C. A drive in the game goes into it, too,
of the agent and of random actions, to be seen beside what M expected.
"""

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from worldmodels.environments import EnvironmentSpec
from worldmodels.environments.processes.episodes import Episode
from worldmodels.experiment.worlds import spec_of
from worldmodels.models.dream import Starts
from worldmodels.pictures import grids, imagery
from worldmodels.pictures.imagery import FittedVision
from worldmodels.play import packing, page
from worldmodels.play.packing import Player
from worldmodels.play.recording import Recorded, recorded
from worldmodels.rollout.in_gymnasium import AgentSlots, RandomSlots
from worldmodels.rollout.one_slot import first_slot
from worldmodels.rollout.replay import Recording, drive
from worldmodels.runtime.errors import UserError
from worldmodels.runtime.printable import printable
from worldmodels.runtime.progress import Progress
from worldmodels.runtime.wording import size
from worldmodels.stores import agents, networks, places, searches
from worldmodels.stores.agents import AgentStores, Driver
from worldmodels.stores.artifact import Artifact, ArtifactError, open_artifact
from worldmodels.stores.publication import publish_text

STEPS = {"agent": 240, "random": 80}  # recorded, by who drives
_STARTS = 64  # where dreams begin, at most
_RANDOM = "brownian"  # the random policy


def run(
    *,
    agent: Path | None = None,
    controller: Sequence[Path] = (),
    vision: Path | None = None,
    memory: Path | None = None,
    latents: Sequence[Path] = (),
    pretrained: Path | None = None,
    record: int | None = 0,
    quality: int = 80,
    out: Path,
    log: Path | None = None,
) -> None:
    """Write the page of an agent to `out` and print where it is.

    Args:
        agent: an agent store, or controller stores' folder.
        controller: instead, controller stores, or their folder.
        vision, memory: of a controller; default: found in the rounds of the experiment.
        latents: all that M of a controller learnt from, at whose first frames dreams
            begin; default: found in the rounds of its run, if they are there.
        pretrained: instead, an agent store.
        record: the seed of the drives that go into the page; None: no drive does.
        quality: of their pictures, 1 to 100; 100 is exact.

    Raises:
        UserError: for what is no agent, an agent that a page cannot run, a game that
            cannot be played, or a place that may not be written.
    """
    check_out(out)
    opened = _opened(agent, controller, vision, memory, latents, pretrained)
    driver = opened.driver
    recordings = [] if record is None else _recordings(driver, record, quality, log)
    starts = opened.starts or _starts_of(recordings, driver.agent.vision.latent_size)
    player = Player(
        opened.name,
        driver.agent,
        driver.weights,
        driver.controller,
        _some(starts),
        opened.training,
        opened.temperature,
        opened.death_threshold,
        recordings,
    )
    text = page.html(packing.pack(player))
    publish_text(out, text)
    print(
        f"a page of {opened.name}: {out}, {size(len(text.encode()))}; open it in a "
        "browser"
    )


def check_out(out: Path) -> None:
    """Refuse, before anything is read, a page that cannot be written."""
    if out.suffix.lower() not in (".html", ".htm"):
        raise UserError(f"--out is {out} and must end in .html")
    places.check_file(out)


class Opened(NamedTuple):
    """An agent, and what its stores say of it."""

    name: str  # for people
    driver: Driver
    starts: Starts | None  # of dreams; None: its stores have none
    training: dict[str, Any]  # round, seed, generation, score
    temperature: float | None  # of the dream that C learnt in
    death_threshold: float | None


def _opened(
    agent: Path | None,
    controller: Sequence[Path],
    vision: Path | None,
    memory: Path | None,
    latents: Sequence[Path],
    pretrained: Path | None,
) -> Opened:
    given = [bool(x) for x in (agent, controller, pretrained)]
    if sum(given) != 1:
        raise UserError(
            "give one agent: an agent store, --controller with the stores of a run, or "
            "--pretrained"
        )
    if agent is not None and _is_search(agent):
        controller = [agent]
    if controller:
        stores = agents.open_stores(controller, vision, memory)
        return _of_run(stores, _starts_of_run(stores.memory, latents))
    if vision or memory or latents:
        raise UserError(
            "--vision, --memory and --latents belong to --controller; an agent store "
            "has all that it needs"
        )
    return _of_store(agent or pretrained)


def _is_search(path: Path) -> bool:
    """Return whether a path is a controller store, or a folder of some."""
    if not (path / "zarr.json").exists():
        return path.is_dir()
    return open_artifact(path).kind == "controller"


def _of_store(path: Path) -> Opened:
    driver = agents.from_pretrained(path)
    config, dream = open_artifact(path, "agent").config, driver.dream
    training = {name: config.get(name) for name in ("round", "seed", "generation")}
    training["score"] = _known(config.get("selection_score"))
    return Opened(
        printable(path.name.removesuffix(".zarr")),
        driver,
        None if dream is None else dream.starts,
        training,
        None if dream is None else float(dream.temperature),
        None if dream is None else dream.death_threshold,
    )


def _of_run(stores: AgentStores, starts: Starts | None) -> Opened:
    driver = agents.from_stores(stores)
    config = stores.controller[0].config
    selected = networks.select(stores.controller)
    training = {
        "round": config["round"],
        "seed": config["seed"],
        "generation": selected.generation,
        "score": _known(float(selected.returns.mean(dtype=np.float64))),
    }
    in_dream = searches.learnt_in_dream(config)
    death = networks.death_rule(config)
    return Opened(
        _name_of_run(stores.controller[0]),
        driver,
        starts,
        training,
        config["temperature"] if in_dream else None,
        networks.death_threshold(stores.memory.config, death),
    )


def _known(score: float | None) -> float | None:
    """Return a score, or None where it is no number: JSON has none but finite ones."""
    return score if score is not None and math.isfinite(score) else None


def _name_of_run(block: Artifact) -> str:
    """Return the run's name and its round, of results/NAME/round-N/controller/..."""
    folder = Path(os.path.abspath(block.path)).parents[2]
    return printable(f"{folder.name}, round {block.config['round']}")


def _starts_of_run(memory: Artifact, latents: Sequence[Path]) -> Starts | None:
    """Return where M's dreams begin, if its latents are there."""
    try:
        stores = agents.open_latents(memory, latents)
    except ArtifactError:
        if latents:
            raise
        return None
    return Starts(*(networks.first_frames(stores, name) for name in Starts._fields))


def _some(starts: Starts) -> Starts:
    """Return a few of the starts, spread evenly."""
    chosen = grids.spread(len(starts.mu), _STARTS)
    return Starts(*(np.asarray(values)[chosen] for values in starts))


def _starts_of(recordings: Sequence[Recorded], latent_size: int) -> Starts:
    """Return the first frames of the recordings; without any, V's prior."""
    if not recordings:
        return Starts(*np.zeros((2, 1, latent_size), np.float32))
    return Starts(
        np.stack([recorded.mu[0] for recorded in recordings]),
        np.stack([recorded.logvar[0] for recorded in recordings]),
    )


def _recordings(
    driver: Driver, seed: int, quality: int, log: Path | None
) -> list[Recorded]:
    """Let the agent drive an episode, and then random actions the same one."""
    spec = _spec_of(driver)
    v = FittedVision(driver.agent.vision, driver.weights.vision)
    found = []
    with Progress("play", sum(STEPS.values()), log) as progress:
        for by, steps in STEPS.items():
            recording = _drive(spec, driver, by, seed, steps, progress)
            posterior = imagery.encode(v, recording.frames)
            found.append(recorded(by, seed, recording, posterior, quality))
    return found


def _spec_of(driver: Driver) -> EnvironmentSpec:
    try:
        return spec_of(driver.environment)
    except UserError as error:
        without = "or give --record none, for a page without a drive"
        raise UserError(f"{error}; {without}") from None


def _drive(
    spec: EnvironmentSpec,
    driver: Driver,
    by: str,
    seed: int,
    steps: int,
    progress: Progress,
) -> Recording:
    if by == "agent":
        slots = driver.environment.slots  # as evaluated, so the drive is the same
        population = driver.controller[None]
        policy = AgentSlots(driver.agent, driver.weights, population, slots)
    else:
        slots = 1
        policy = RandomSlots(_RANDOM, slots, driver.agent.controller.game)
    policy.start(0, Episode(seed=seed, steps=steps))
    choose = first_slot(policy, slots)

    def step(frame: np.ndarray) -> np.ndarray:
        progress.update(1)
        return choose(frame)

    return drive(spec, seed, step, steps)
