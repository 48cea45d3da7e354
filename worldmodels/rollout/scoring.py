"""Scores on given seeds, of any policy in the game and of one controller anywhere.

What the stage evaluation and the tool evaluate share.
"""

import numpy as np

from worldmodels.environments.processes.episodes import Episode, EpisodePolicy
from worldmodels.environments.processes.episodes import run as run_episodes
from worldmodels.environments.processes.pool import EnvironmentPool
from worldmodels.rollout.grouping import Score
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


def score_one(
    score: Score, controller: np.ndarray, seeds: np.ndarray, steps: int
) -> dict[str, np.ndarray]:
    """Return what a controller [D] scores on N seeds, where `score` plays them."""
    return {"returns": score(controller[None], seeds, steps)[0], "seed": seeds}


def write(store: Writer, driver: str, drives: dict[str, np.ndarray]) -> None:
    """Write what happened to an evaluation store, below the name of who drove."""
    for name, values in drives.items():
        store.write(f"{driver}/{name}", values, _DIMENSIONS[: values.ndim])
