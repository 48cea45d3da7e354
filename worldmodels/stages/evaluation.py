"""Stage evaluation: the selected controller on unseen tracks, beside the random policy.

The score is the real game's; the simulator's, on the very same tracks, stands beside
it, where there is a simulator.
Test tracks are the same for every agent and round, and no other stage drives them
(faults 5 of the public implementations: the best of many, on tracks already seen).
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from worldmodels import flags, publication, trained
from worldmodels.artifacts import open_artifact
from worldmodels.driving import AgentSlots, RandomSlots
from worldmodels.progress import Progress
from worldmodels.randomness import Purpose, episode_seeds
from worldmodels.settings import Environment, Evaluation, Run
from worldmodels.stages import VERSIONS, scoring
from worldmodels.stages.pools import pool_of

STAGE = "evaluation"


def run(
    *,
    shared: Run,
    environment: Environment,
    settings: Evaluation,
    round: int,
    vision: Path,
    memory: Path,
    controller: Sequence[Path],
    workers: int | None,
    out: Path,
    log: Path | None,
) -> None:
    """Score the best tested CMA mean and publish an evaluation store at `out`.

    Args:
        controller: all blocks of the round; selection has chosen on its own tracks.
        workers: environment processes, and cores for the simulator.

    Raises:
        UserError: for a bad store, a full disk or an environment that keeps failing.
    """
    inputs = {
        "vision": open_artifact(vision, "vision"),
        "memory": open_artifact(memory, "memory"),
        "controller": [open_artifact(block, "controller") for block in controller],
    }
    config = flags.recorded(STAGE, round, shared, environment, settings) | {
        "round": round
    }
    best, generation = trained.best_controller(inputs["controller"])
    agent, weights = trained.load_agent(
        inputs["vision"], inputs["memory"], inputs["controller"][0].config
    )
    seeds = episode_seeds(Purpose.TEST, shared.seed, round, 0, settings.episodes)
    game = agent.controller.game
    drivers = {
        "agent": AgentSlots(agent, weights, best[None], environment.slots),
        "random": RandomSlots(settings.random_policy, environment.slots, game),
    }
    with (
        publication.create(
            out, STAGE, config=config, inputs=inputs, stage_version=VERSIONS[STAGE]
        ) as store,
        pool_of(environment, workers) as pool,
        Progress(STAGE, len(drivers) * len(seeds), log) as progress,
    ):
        for name, policy in drivers.items():
            drives = scoring.drive(pool, policy, seeds, environment.max_steps, progress)
            scoring.write(store, name, drives)
        if game.simulated:
            steps = environment.max_steps
            simulated = scoring.simulate(agent, weights, best, seeds, steps)
            scoring.write(store, "simulator", simulated)
        store.write("controller", best, ["parameter"])
        store.write("generation", np.int32(generation))
