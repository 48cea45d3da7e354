"""Scores: returns on given tracks, of any policy in the game, of an agent anywhere.

What the stage evaluation and the tool evaluate share.
"""

import numpy as np

from worldmodels.environments.processes.episodes import Episode, EpisodePolicy
from worldmodels.environments.processes.episodes import run as run_episodes
from worldmodels.environments.processes.pool import EnvironmentPool
from worldmodels.models.agent import Agent, Weights
from worldmodels.models.dream import Dream
from worldmodels.rollout import in_dream, in_simulator
from worldmodels.runtime.progress import Progress
from worldmodels.stores.publication import Writer

_DIMENSIONS = ("episode", "time", "action")


def drive(
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


def simulate(
    agent: Agent,
    weights: Weights,
    controller: np.ndarray,
    seeds: np.ndarray,
    steps: int,
) -> dict[str, np.ndarray]:
    """Return what a controller [D] scores in the simulator, on gymnasium's N tracks."""
    mesh, exact = in_simulator.devices(), in_simulator.exact
    returns = in_simulator.returns(
        mesh, agent, weights, controller[None], seeds, steps, exact
    )
    return {"returns": returns[0], "seed": seeds}


def let_dream(
    agent: Agent, dream: Dream, controller: np.ndarray, seeds: np.ndarray, steps: int
) -> dict[str, np.ndarray]:
    """Return what a controller [D] scores in the dreams of the game's N seeds."""
    mesh, linear = in_simulator.devices(), agent.controller
    returns = in_dream.returns(mesh, dream, linear, controller[None], seeds, steps)
    return {"returns": returns[0], "seed": seeds}


def write(store: Writer, driver: str, drives: dict[str, np.ndarray]) -> None:
    """Write what happened to an evaluation store, below the name of who drove."""
    for name, values in drives.items():
        store.write(f"{driver}/{name}", values, _DIMENSIONS[: values.ndim])
