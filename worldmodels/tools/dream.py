"""Tool dream: film what M dreams, driven by C, by recorded actions or at random.

The dream begins at the first frame of one of the episodes that M learnt from, or of the
one whose actions are done again; from there M feeds on its own samples alone, and V
shows what it dreams of.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from worldmodels.environments.games import Game
from worldmodels.experiment.settings import Controller
from worldmodels.models.dream import Dream, Starts
from worldmodels.pictures import drawing, imagery, video
from worldmodels.pictures.drawing import DreamFilm
from worldmodels.pictures.imagery import FittedVision
from worldmodels.rollout.in_dream import Actor, AtRandom, Controlled, Recorded
from worldmodels.rollout.policies import random_policy
from worldmodels.runtime import devices
from worldmodels.runtime.errors import UserError
from worldmodels.runtime.progress import Progress
from worldmodels.runtime.randomness import episode_keys, seed_words
from worldmodels.runtime.wording import count
from worldmodels.stores import agents, networks
from worldmodels.stores.agents import Driver
from worldmodels.stores.artifact import Artifact, ArtifactError, open_artifact
from worldmodels.stores.lineage import check_any_input
from worldmodels.stores.neighbours import game_of, place_of_input


class DreamTask(NamedTuple):
    """Who dreams what."""

    dream: Dream
    vision: FittedVision
    game: Game
    actor: Actor
    carry: Any  # the actor's at the start
    steps: int  # at most
    real: np.ndarray | None  # uint8 [T, H, W, 3], what happened in the game instead


class DreamStores(NamedTuple):
    """M with the V and the latents that it learnt from."""

    vision: Artifact
    memory: Artifact
    latents: list[Artifact]


def run(
    *,
    memory: Path | None = None,
    vision: Path | None = None,
    latents: Sequence[Path] = (),
    controller: Sequence[Path] = (),
    actions: str | None = None,
    pretrained: Path | None = None,
    temperature: float | None = None,
    seed: int = 0,
    steps: int | None = None,
    out: Path,
) -> None:
    """Dream the dream of `seed`, film it to `out` and print its score.

    Args:
        memory: the store of M.
        vision: the store of its V; default: found in the rounds of its experiment.
        latents: all stores that M learnt from; default: found in its run's rounds.
        controller: controller stores, or their folder; the best tested mean acts.
        actions: "STORE:EPISODE" of rollouts or latents, whose actions are done again;
            with neither, random actions are held for a few steps each.
        pretrained: an agent store, instead of all these.
        temperature: default: that of the settings, or of the agent store.
        steps: at most; default: a whole episode.
        out: an .mp4 or .gif file.

    Raises:
        UserError: for a bad store, stores of different runs, an episode that is not
            there, two that would act, or another kind of film.
    """
    video.prepare(out)
    if controller and actions:
        raise UserError("give --controller or --actions: only one of them can act")
    _refuse_two(memory, pretrained, (vision, latents, controller, actions))
    driver = None if pretrained is None else _driver(pretrained)
    if temperature is None:
        default = Controller().temperature
        temperature = default if driver is None else driver.dream.temperature
    if seed < 0 or not 0 <= temperature < inf or (steps is not None and steps < 1):
        raise UserError(
            f"a dream of {steps} steps on seed {seed} at temperature {temperature} is "
            "impossible; give at least one step, a seed of at least 0, and a finite "
            "temperature of at least 0"
        )
    if driver is None:
        stores = _open(memory, vision, latents)
        devices.prepare(stores.memory.config["dtype"])
        task = _task(stores, controller, actions, temperature, seed)
    else:
        task = _own(driver, temperature)
    film = _dream(task, seed, steps)
    with Progress("dream", len(film.actions), None) as progress:
        _write(film, out, progress)
    total = film.rewards.sum()
    told = f"{total:.1f}" if np.isfinite(total) else "unknown to M"
    steps = count(len(film.actions), "step")
    print(
        f"{task.game.score} {told} in {steps} of the dream of seed {seed} "
        f"at temperature {temperature:g}; film: {out}"
    )


def _refuse_two(
    memory: Path | None, pretrained: Path | None, others: Sequence[Any]
) -> None:
    if (memory is None) == (pretrained is None) or (pretrained and any(others)):
        raise UserError(
            "give either --memory, with what belongs to it, or --pretrained, an agent "
            "in one store"
        )


def _driver(pretrained: Path) -> Driver:
    """Return the agent of an agent store that has a dream."""
    driver = agents.from_pretrained(pretrained)
    if driver.dream is None:
        raise UserError(
            f"{pretrained} holds no first frames that a dream could begin at: its C "
            "learnt in the game; give --memory, the store of its M"
        )
    return driver


def _own(driver: Driver, temperature: float) -> DreamTask:
    """Return the task to dream an agent store's own dream."""
    agent, weights, controller, _, world, dream = driver
    vision = FittedVision(agent.vision, weights.vision)
    dream, linear = replace(dream, temperature=temperature), agent.controller
    actor, steps = Controlled(linear, dream.model), world.max_steps
    return DreamTask(dream, vision, linear.game, actor, controller, steps, None)


def _open(memory: Path, vision: Path | None, latents: Sequence[Path]) -> DreamStores:
    home = Path(os.path.abspath(memory)).parent
    learnt = open_artifact(memory, "memory")
    stores = agents.open_latents(learnt, latents)
    vision = vision or place_of_input(stores, "vision", home)
    vision = open_artifact(vision, "vision")
    # One V made all latents of an M; each round that it stays for has a store of it,
    # which the latents of that round name.
    check_any_input(stores, "vision", vision)
    return DreamStores(vision, learnt, stores)


def _task(
    stores: DreamStores,
    controller: Sequence[Path],
    actions: str | None,
    temperature: float,
    seed: int,
) -> DreamTask:
    vision = FittedVision(*networks.load_vision(stores.vision))
    dream = networks.load_dream(stores.memory, stores.latents, temperature)
    if controller:
        paths = stores.vision.path, stores.memory.path
        learnt = agents.open_stores(controller, *paths)
        driver = agents.from_stores(learnt)
        death = networks.death_rule(learnt.controller[0].config)
        threshold = networks.death_threshold(stores.memory.config, death)
        # M in the precision that C learnt with.
        model = driver.agent.memory
        dream = replace(dream, model=model, death_threshold=threshold)
        linear, steps = driver.agent.controller, driver.environment.max_steps
        actor, carry = Controlled(linear, dream.model), driver.controller
        return DreamTask(dream, vision, linear.game, actor, carry, steps, None)
    if actions:
        return _again(dream, vision, actions, stores)
    game = _game(*stores.latents, stores.memory, stores.vision)
    policy = random_policy("held_uniform", game)
    carry = policy.initial(episode_keys(seed_words(np.array([seed])), "policy"))
    return DreamTask(dream, vision, game, AtRandom(policy), carry, game.max_steps, None)


def _game(*stores: Artifact) -> Game:
    """Return the game that stores are of, or what they were made from.

    Raises:
        ArtifactError: for stores of two games, or where nothing tells.
    """
    game = game_of(*stores)
    if game is None:
        raise ArtifactError(
            f"{stores[0].path} is of a version that did not record its game, and its "
            "rollouts are not in the rounds of its run; give --controller, or rollouts "
            "as --actions, which name it"
        )
    return game


def _again(
    dream: Dream, vision: FittedVision, recorded: str, made: DreamStores
) -> DreamTask:
    """Return the task to do again what was done in STORE:EPISODE, from its start on."""
    path, _, number = recorded.rpartition(":")
    if not path or not number.isdecimal():
        raise UserError(
            f"--actions is {recorded!r}; it must be a store of rollouts or latents and "
            "the number of an episode, such as rollouts/shard-000.zarr:7"
        )
    store, episode = open_artifact(path), int(number)
    if store.kind not in ("rollouts", "latents"):
        raise ArtifactError(
            f"{path} is a {store.kind} store; actions are in rollouts and latents"
        )
    lengths = store.read("length")
    if episode >= len(lengths):
        raise UserError(
            f"{path} has {count(len(lengths), 'episode')}, from 0 on, and no {episode}"
        )
    size = store.array("actions").shape[-1]
    if size != dream.model.action_size:
        raise ArtifactError(
            f"{path} has actions of {count(size, 'number')} and M reads those of "
            f"{dream.model.action_size}; give a store of the same game"
        )
    game = _game(store, *made.latents, made.memory)
    steps = int(lengths[episode])
    actions = store.read("actions", (episode, slice(steps)))
    starts, real = _start(vision, store, episode)
    dream = replace(dream, starts=starts)
    return DreamTask(dream, vision, game, Recorded(), actions, steps, real)


def _start(
    vision: FittedVision, store: Artifact, episode: int
) -> tuple[Starts, np.ndarray | None]:
    """Return V's posterior of an episode's first frame, and its frames where stored."""
    if store.kind == "latents":
        names = "mu", "logvar"
        return Starts(
            *(store.read(n, (slice(episode, episode + 1), 0)) for n in names)
        ), None
    frames = store.read("frames", episode)
    return Starts(*imagery.encode(vision, frames[:1])), frames


def _dream(task: DreamTask, seed: int, steps: int | None) -> DreamFilm:
    steps = task.steps if steps is None else min(steps, task.steps)
    seen = imagery.dream_rollout(
        task.vision, task.dream, task.actor, task.carry, seed, steps
    )
    real = None if task.real is None else task.real[: len(seen[0])]
    return DreamFilm(*seen, game=task.game, real=real)


def _write(film: DreamFilm, out: Path, progress: Progress) -> None:
    # A GIF packs worse than a film, and no viewer shows it as fast as a game runs.
    every = 2 if out.suffix.lower() == ".gif" else 1
    steps = len(film.actions)

    def pictures() -> Iterator[np.ndarray]:
        drawn = drawing.draw(film, scale=8 // len(film.views), every=every)
        for first, picture in zip(range(0, steps, every), drawn, strict=True):
            progress.update(min(every, steps - first))
            yield picture

    video.write(out, pictures(), film.game.frames_per_second / every)
