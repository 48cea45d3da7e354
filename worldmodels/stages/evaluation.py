"""Stage evaluation: the selected controller on unseen tracks, beside the random policy.

The score is the real game's. Beside it stand the simulator's, on the very same tracks,
where there is a simulator, and of a controller that learnt in M's dream its score
there: in the dreams of the same seeds, at the temperature that it learnt at.
Test tracks are the same for every agent and round, and no other stage drives them: the
best of many on tracks already seen would score too well.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from worldmodels.environments.processes.episodes import EpisodePolicy
from worldmodels.experiment.settings import Environment, Evaluation, Run
from worldmodels.experiment.stages import PRECISION_USED, STAGES, recorded
from worldmodels.experiment.together import check_scored
from worldmodels.models.agent import Agent, Weights
from worldmodels.rollout import arenas, in_simulator, scoring
from worldmodels.rollout.in_gymnasium import AgentSlots, RandomSlots
from worldmodels.runtime.progress import Progress
from worldmodels.runtime.randomness import Purpose, episode_seeds
from worldmodels.stages.precision import settled
from worldmodels.stores import networks, publication, searches
from worldmodels.stores.artifact import Artifact, open_artifact
from worldmodels.stores.lineage import check_agent, check_scored_alike
from worldmodels.stores.neighbours import check_settings, check_vision_of_memory
from worldmodels.stores.publication import Writer

STAGE = "evaluation"
Inputs = dict[str, Artifact | list[Artifact]]


class Examination(NamedTuple):
    """Who is scored, and on what."""

    agent: Agent
    weights: Weights
    controller: np.ndarray  # [D], selected
    seeds: np.ndarray  # int64 [N], of the tracks
    environment: Environment


def run(
    *,
    shared: Run,
    environment: Environment,
    settings: Evaluation,
    round: int,
    vision: Path,
    memory: Path,
    controller: Sequence[Path],
    latents: Sequence[Path],
    workers: int | None,
    random: Path | None = None,
    out: Path,
    log: Path | None,
) -> None:
    """Score the best tested mean and publish an evaluation store at `out`.

    Args:
        controller: all blocks of the round; selection has chosen on its own tracks.
        latents: the stores that M learnt from, at whose first frames dreams begin;
            needed for a controller that learnt in the dream, and for no other.
        workers: environment processes, and cores for the simulator and the dream.
        random: the random policy's scores; None: they are made here.

    Raises:
        UserError: for a bad store, a full disk or an environment that keeps failing.
    """
    inputs = _inputs(vision, memory, controller, latents)
    learnt = inputs["controller"][0].config
    check_scored(settings.episodes)
    config = recorded(STAGE, round, shared, environment, settings) | {"round": round}
    config = settled(config)
    if random is not None:
        inputs["random"] = open_artifact(random, "random")
        check_scored_alike(inputs["random"], config)
        copied = inputs["random"].tree("random")  # before the work: it may be damaged
    if "latents" in inputs:
        config |= {name: learnt[name] for name in ("train_in", "temperature")}
        config["death"] = networks.death_rule(learnt)
    best, generation = networks.best_controller(inputs["controller"])
    game = check_settings(environment, *inputs["controller"])
    made = inputs["vision"], inputs["memory"]
    agent, weights = networks.load_agent(*made, learnt, game, config[PRECISION_USED])
    seeds = episode_seeds(Purpose.TEST, shared.seed, round, 0, settings.episodes)
    examination = Examination(agent, weights, best, seeds, environment)
    with publication.create(
        out,
        STAGE,
        config=config,
        inputs=inputs,
        stage_version=STAGES[STAGE].version,
        game=game,
    ) as store:
        if "latents" in inputs:  # first, because it may be refused
            _in_dream(examination, inputs, config, store)
        drivers = _drivers(examination, inputs, settings.random_policy)
        _in_game(examination, drivers, workers, store, log)
        if "random" in inputs:
            scoring.write(store, "random", copied)
        if game.simulated:
            steps = environment.max_steps
            score = arenas.simulator(agent, weights, in_simulator.exact)
            simulated = scoring.score_one(score, best, seeds, steps)
            scoring.write(store, "simulator", simulated)
        store.write("controller", best, ["parameter"])
        store.write("generation", np.int32(generation))


def _inputs(
    vision: Path, memory: Path, controller: Sequence[Path], latents: Sequence[Path]
) -> Inputs:
    inputs = {
        "vision": open_artifact(vision, "vision"),
        "memory": open_artifact(memory, "memory"),
        "controller": [open_artifact(block, "controller") for block in controller],
    }
    check_agent(inputs["vision"], inputs["memory"], inputs["controller"])
    check_vision_of_memory(inputs["vision"], inputs["memory"])
    if searches.learnt_in_dream(inputs["controller"][0].config):
        inputs["latents"] = [open_artifact(path, "latents") for path in latents]
    return inputs


def _in_dream(
    examined: Examination, inputs: Inputs, config: Mapping[str, Any], store: Writer
) -> None:
    rules = config["temperature"], config["death"]
    given = inputs["memory"], inputs["latents"]
    dream = arenas.open_dream(*given, *rules, config[PRECISION_USED])
    score, steps = arenas.dreams(examined.agent, dream), examined.environment.max_steps
    dreamt = scoring.score_one(score, examined.controller, examined.seeds, steps)
    scoring.write(store, "dream", dreamt)


def _drivers(
    examined: Examination, inputs: Inputs, random_policy: str
) -> dict[str, EpisodePolicy]:
    """Return who is to drive in the game: the random policy, if it has not yet."""
    agent, slots = examined.agent, examined.environment.slots
    population = examined.controller[None]
    drivers = {"agent": AgentSlots(agent, examined.weights, population, slots)}
    if "random" not in inputs:
        drivers["random"] = RandomSlots(random_policy, slots, agent.controller.game)
    return drivers


def _in_game(
    examined: Examination,
    drivers: Mapping[str, EpisodePolicy],
    workers: int | None,
    store: Writer,
    log: Path | None,
) -> None:
    steps = examined.environment.max_steps
    with (
        arenas.pool_of(examined.environment, workers) as pool,
        Progress(STAGE, len(drivers) * len(examined.seeds), log) as progress,
    ):
        for name, policy in drivers.items():
            drives = scoring.drive(pool, policy, examined.seeds, steps, progress)
            scoring.write(store, name, drives)
