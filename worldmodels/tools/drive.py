"""Tool drive: film the trained agent on a track.

The best tested controller drives live. The film shows the real frame beside what V
reconstructs of it and what M, one step before, dreamt that it would be.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from worldmodels.environments.processes.episodes import Episode
from worldmodels.experiment.worlds import spec_of
from worldmodels.models.agent import Agent, Weights
from worldmodels.pictures import drawing, imagery, video
from worldmodels.pictures.drawing import DriveFilm
from worldmodels.pictures.imagery import FittedMemory, FittedVision
from worldmodels.rollout.in_gymnasium import AgentSlots
from worldmodels.rollout.one_slot import first_slot
from worldmodels.rollout.replay import Recording, drive
from worldmodels.runtime.errors import UserError
from worldmodels.runtime.progress import Progress
from worldmodels.runtime.wording import count
from worldmodels.stores import agents
from worldmodels.stores.agents import Driver


def run(
    *,
    controller: Sequence[Path] = (),
    vision: Path | None = None,
    memory: Path | None = None,
    pretrained: Path | None = None,
    seed: int = 0,
    steps: int | None = None,
    out: Path,
) -> None:
    """Drive the track of `seed`, film it to `out` and print the return.

    Args:
        controller: controller stores, or their folder; the best tested mean of all.
        vision, memory: their stores; default: found in the rounds of the experiment.
        pretrained: an agent store, instead of all three.
        steps: at most; default: a whole episode.
        out: an .mp4 or .gif file.

    Raises:
        UserError: for a bad store, V or M of another run, another kind of film, or not
            exactly one of a controller and a pretrained agent.
    """
    video.prepare(out)  # and not after the drive, which would be lost
    driver = _driver(controller, vision, memory, pretrained)
    recording = live(driver, seed, steps)
    film = _film(driver.agent, driver.weights, recording)
    _write(film, out)
    print(
        f"{film.game.score} {film.total_reward:.1f} in "
        f"{count(len(recording.rewards), 'step')}, {film.game.place} of seed {seed}; "
        f"film: {out}"
    )


def _write(film: DriveFilm, out: Path) -> None:
    rate = film.game.frames_per_second
    if out.suffix.lower() == ".gif":
        # No viewer shows a GIF at 50 frames a second, and it packs worse than a film.
        video.write(out, drawing.draw(film, scale=3, every=2), rate / 2)
    else:
        video.write(out, drawing.draw(film), rate)


def _driver(
    controller: Sequence[Path],
    vision: Path | None,
    memory: Path | None,
    pretrained: Path | None,
) -> Driver:
    if bool(controller) == (pretrained is not None):
        raise UserError(
            "give either --controller, the stores of a run, or --pretrained, an agent "
            "in one store"
        )
    if pretrained is None:
        return agents.from_stores(agents.open_stores(controller, vision, memory))
    if vision or memory:
        raise UserError(
            "--vision and --memory belong to --controller; a pretrained agent has V "
            "and M of its own"
        )
    return agents.from_pretrained(pretrained)


def live(driver: Driver, seed: int, steps: int | None) -> Recording:
    """Let an agent drive the episode of `seed`, for at most `steps` steps.

    Raises:
        UserError: for a seed below 0, or less than one step.
    """
    world = driver.environment
    spec = spec_of(world)
    steps = world.max_steps if steps is None else min(steps, world.max_steps)
    if steps < 1 or seed < 0:
        raise UserError(
            f"a drive of {steps} steps on seed {seed} is impossible; give "
            "at least one step and a seed of at least 0"
        )
    population = driver.controller[None]
    policy = AgentSlots(driver.agent, driver.weights, population, world.slots)
    policy.start(0, Episode(seed=seed, steps=steps))
    choose = first_slot(policy, world.slots)
    with Progress("drive", steps, None) as progress:

        def step(frame: np.ndarray) -> np.ndarray:
            progress.update(1)
            return choose(frame)

        return drive(spec, seed, step, steps)


def _film(agent: Agent, weights: Weights, recording: Recording) -> DriveFilm:
    v = FittedVision(agent.vision, weights.vision)
    m = FittedMemory(agent.memory, weights.memory)
    frames, actions, rewards = recording
    seen, dreamt = imagery.one_step_ahead(v, m, frames, actions)
    game = agent.controller.game
    return DriveFilm(frames, seen, dreamt, actions, rewards, game)
