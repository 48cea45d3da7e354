"""Stage rollouts: one shard of the episodes that V and M learn from.

Round 0 drives at random (paper, section 2.4 step 1); later rounds drive with the best
controller of the round before, with noise on its actions (section 5).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from worldmodels.environments.games import Game
from worldmodels.environments.processes.episodes import Episode, EpisodeResult
from worldmodels.environments.processes.episodes import run as run_episodes
from worldmodels.experiment import flags
from worldmodels.experiment.settings import Environment, Rollouts, Run, uses_simulator
from worldmodels.experiment.stages import VERSIONS
from worldmodels.models.agent import AgentPolicy
from worldmodels.rollout import in_simulator
from worldmodels.rollout.in_gymnasium import SlotPolicy
from worldmodels.rollout.policies import Noisy, Policy, random_policy
from worldmodels.rollout.pools import pool_of
from worldmodels.runtime.errors import UserError
from worldmodels.runtime.progress import Progress
from worldmodels.runtime.randomness import (
    Purpose,
    episode_keys,
    episode_seeds,
    seed_words,
)
from worldmodels.stores import networks, publication
from worldmodels.stores.artifact import open_artifact
from worldmodels.stores.lineage import check_agent
from worldmodels.stores.neighbours import check_eyes, check_settings
from worldmodels.stores.publication import Writer

STAGE = "rollouts"
Minds = Callable[[np.ndarray], Any]


def run(
    *,
    shared: Run,
    environment: Environment,
    settings: Rollouts,
    round: int,
    shard: int,
    vision: Path | None,
    memory: Path | None,
    controller: Sequence[Path],
    workers: int | None,
    out: Path,
    log: Path | None,
) -> None:
    """Drive one shard of episodes and publish a rollouts store at `out`.

    Args:
        vision, memory, controller: stores of the round before; needed from round 1 on.
        workers: cores, or environment processes, that drive.

    Raises:
        UserError: for a bad store, a full disk or an environment that keeps failing.
    """
    config = flags.recorded(STAGE, round, shared, environment, settings) | {
        "round": round,
        "shard": shard,
    }
    inputs = _inputs(round, vision, memory, controller)
    # The episodes' own limit is the only one.
    environment = replace(environment, max_steps=settings.steps)
    game = check_settings(environment, *inputs.get("controller", ()))
    count = settings.episodes_per_shard
    seeds = episode_seeds(Purpose.ROLLOUT, shared.seed, round, shard * count, count)
    episodes = [Episode(seed=int(seed), steps=settings.steps) for seed in seeds]
    with (
        publication.create(
            out,
            STAGE,
            config=config,
            inputs=inputs,
            stage_version=VERSIONS[STAGE],
            game=game,
        ) as store,
        Progress(STAGE, count, log) as progress,
    ):
        policy, minds = _driver(config, inputs, game)
        shelf = _Shelf(store, seeds, settings.steps)
        for result in _drive(environment, workers, policy, minds, episodes):
            shelf.put(result)
            progress.update(1, episode_return=result.total_reward)
        shelf.close()


def _inputs(
    round: int, vision: Path | None, memory: Path | None, controller: Sequence[Path]
) -> dict:
    if round == 0:
        return {}
    if vision is None or memory is None or not controller:
        raise UserError(
            f"rollouts of round {round} are driven by the controller of round "
            f"{round - 1}; give its --vision, --memory and --controller stores"
        )
    inputs = {
        "vision": open_artifact(vision, "vision"),
        "memory": open_artifact(memory, "memory"),
        "controller": [open_artifact(block, "controller") for block in controller],
    }
    check_agent(**inputs)
    check_eyes(inputs["vision"], inputs["memory"])
    return inputs


def _driver(config: dict, inputs: dict, game: Game) -> tuple[Policy, Minds]:
    """Return who drives, and with what mind, [B, ...], episodes of seeds [B] begin."""
    if not inputs:
        policy = random_policy(config["policy"], game)
        return policy, lambda s: policy.initial(episode_keys(seed_words(s), "policy"))
    blocks = inputs["controller"]
    agent, weights = networks.load_agent(
        inputs["vision"], inputs["memory"], blocks[0].config, game
    )
    best, _ = networks.best_controller(blocks)
    policy = AgentPolicy(agent, weights)
    noisy = Noisy(policy, config["action_noise"], game)
    return noisy, lambda seeds: policy.initial(
        jnp.asarray(np.repeat(best[None], len(seeds), axis=0), agent.vision.dtype)
    )


def _drive(
    environment: Environment,
    workers: int | None,
    policy: Policy,
    minds: Minds,
    episodes: Sequence[Episode],
) -> Iterator[EpisodeResult]:
    """Drive the episodes where the settings say, and yield them with their frames."""
    if uses_simulator(environment):
        mesh = in_simulator.devices()
        yield from in_simulator.episodes(mesh, policy, minds, episodes)
        return
    driver = SlotPolicy(policy, lambda e: minds(np.array([e.seed])), environment.slots)
    with pool_of(environment, workers) as pool:
        yield from run_episodes(pool, driver, episodes, record=True)


class _Shelf:
    """Puts finished episodes into a rollouts store, each in its place."""

    def __init__(self, store: Writer, seeds: np.ndarray, steps: int):
        self._store, self._steps, self._seeds = store, steps, seeds
        count = len(seeds)
        self._frames = None
        self._actions = None
        self._rewards = np.zeros((count, steps), np.float32)
        self._terminated = np.zeros((count, steps), bool)
        self._length = np.zeros(count, np.int32)

    def put(self, result: EpisodeResult) -> None:
        if self._frames is None:
            self._create(result)
        n, at = result.length, result.index
        padded = np.zeros((self._steps, *result.frames.shape[1:]), np.uint8)
        padded[:n] = result.frames
        self._frames.put(at, padded)
        self._actions[at, :n] = result.actions
        self._rewards[at, :n] = result.rewards
        self._terminated[at, n - 1] = result.terminated
        self._length[at] = n

    def _create(self, result: EpisodeResult) -> None:
        image, count = result.frames.shape[1:], len(self._seeds)
        self._frames = self._store.rows(
            "frames",
            (count, self._steps, *image),
            np.uint8,
            ("episode", "time", "y", "x", "channel"),
        )
        size = result.actions.shape[-1]
        self._actions = np.zeros((count, self._steps, size), np.float32)

    def close(self) -> None:
        self._frames.close()
        write = self._store.write
        write("actions", self._actions, ("episode", "time", "action"))
        write("rewards", self._rewards, ("episode", "time"))
        write("terminated", self._terminated, ("episode", "time"))
        write("length", self._length, ("episode",))
        write("seed", self._seeds, ("episode",))
