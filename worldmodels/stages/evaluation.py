"""Stage evaluation: the selected controller on unseen tracks, beside the random policy.

The score is gymnasium's; the simulator's, on the very same tracks, stands beside it.
Test tracks are the same for every agent and round, and no other stage drives them
(faults 5 of the public implementations: the best of many, on tracks already seen).
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from worldmodels import artifacts, flags, simulation, trained
from worldmodels.agent import Agent, Weights
from worldmodels.artifacts import Writer, open_artifact
from worldmodels.driving import AgentSlots, RandomSlots
from worldmodels.environments.episodes import Episode, EpisodePolicy
from worldmodels.environments.episodes import run as run_episodes
from worldmodels.environments.workers import EnvironmentPool
from worldmodels.progress import Progress
from worldmodels.randomness import Purpose, episode_seeds
from worldmodels.settings import Environment, Evaluation, Run
from worldmodels.stages import VERSIONS
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
    drivers = {
        "agent": AgentSlots(agent, weights, best[None], environment.slots),
        "random": RandomSlots(settings.random_policy, environment.slots),
    }
    with (
        artifacts.create(
            out, STAGE, config=config, inputs=inputs, stage_version=VERSIONS[STAGE]
        ) as store,
        pool_of(environment, workers) as pool,
        Progress(STAGE, len(drivers) * len(seeds), log) as progress,
    ):
        for name, policy in drivers.items():
            drives = _drive(pool, policy, seeds, environment.max_steps, progress)
            _write(store, name, drives, ("episode", "time", "action"))
        simulated = _simulated(agent, weights, best, seeds, environment.max_steps)
        store.write("simulator/returns", simulated, ["episode"])
        store.write("simulator/seed", seeds, ["episode"])
        store.write("controller", best, ["parameter"])
        store.write("generation", np.int32(generation))


def _simulated(
    agent: Agent, weights: Weights, best: np.ndarray, seeds: np.ndarray, steps: int
) -> np.ndarray:
    """Return the agent's returns [N] in the simulator, on gymnasium's tracks."""
    mesh, exact = simulation.devices(), simulation.exact
    return simulation.returns(mesh, agent, weights, best[None], seeds, steps, exact)[0]


def _drive(
    pool: EnvironmentPool,
    policy: EpisodePolicy,
    seeds: np.ndarray,
    steps: int,
    progress: Progress,
) -> dict[str, np.ndarray]:
    """Return what happened on each of N tracks; past an episode's end is zero."""
    count = len(seeds)
    drives = {
        "returns": np.full(count, np.nan, np.float32),
        "length": np.zeros(count, np.int32),
        "seed": seeds,
        "rewards": np.zeros((count, steps), np.float32),
    }
    episodes = [Episode(seed=int(seed), steps=steps) for seed in seeds]
    for result in run_episodes(pool, policy, episodes):
        at, n = result.index, result.length
        if "actions" not in drives:
            shape = (count, steps, result.actions.shape[-1])
            drives["actions"] = np.zeros(shape, np.float32)
        drives["returns"][at], drives["length"][at] = result.total_reward, n
        drives["rewards"][at, :n] = result.rewards
        drives["actions"][at, :n] = result.actions
        progress.update(1, episode_return=result.total_reward)
    return drives


def _write(
    store: Writer, driver: str, drives: dict, dimensions: tuple[str, ...]
) -> None:
    for name, values in drives.items():
        store.write(f"{driver}/{name}", values, dimensions[: values.ndim])
