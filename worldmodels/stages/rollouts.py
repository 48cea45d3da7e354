"""Stage rollouts: one shard of the episodes that V and M learn from.

Round 0 drives at random (paper, section 3.2 step 1); later rounds drive with the best
controller of the round before, with noise on its actions, which is not in the paper.

An episode of fewer than `min_steps` steps is not kept, as in the released code for
TakeCover, whose least is 101. It is driven again with its next seed, so a shard always
holds as many episodes, and which ones they are depends on the settings alone.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.environments.games import IMPORTED, Game
from worldmodels.environments.processes.episodes import Episode, EpisodeResult
from worldmodels.environments.processes.episodes import run as run_episodes
from worldmodels.experiment.settings import Environment, Rollouts, Run
from worldmodels.experiment.stages import PRECISION_USED, STAGES, policy_of, recorded
from worldmodels.experiment.worlds import uses_simulator
from worldmodels.models.agent import AgentPolicy, ready
from worldmodels.rollout import in_simulator
from worldmodels.rollout.arenas import pool_of
from worldmodels.rollout.in_gymnasium import SlotPolicy
from worldmodels.rollout.policies import Noisy, Policy, random_policy
from worldmodels.runtime.errors import UserError
from worldmodels.runtime.progress import Progress
from worldmodels.runtime.randomness import (
    MAX_EPISODES,
    Purpose,
    episode_keys,
    episode_seeds,
    seed_words,
)
from worldmodels.stages.precision import settled
from worldmodels.stores import networks, publication
from worldmodels.stores.artifact import open_artifact
from worldmodels.stores.episode_shelf import EpisodeShelf
from worldmodels.stores.lineage import check_agent
from worldmodels.stores.neighbours import check_settings, check_vision_of_memory

STAGE = "rollouts"
# Episode n of a round has the seeds of the places n, n + APART, n + 2 * APART, ...
APART = 2**20
_ATTEMPTS = MAX_EPISODES // APART
Carries = Callable[[np.ndarray], Any]  # of seeds [B]: what a policy begins with
DriveEpisodes = Callable[[Sequence[Episode]], Iterator[EpisodeResult]]  # in any order


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
    if round == 0 and settings.policy == IMPORTED:
        raise UserError(
            f"rollouts.policy is imported and {out} is not there; make it of your own "
            f"episodes with `worldmodels import-rollouts FOLDER --out {out.parent}`"
        )
    config = recorded(STAGE, round, shared, environment, settings) | {
        "round": round,
        "shard": shard,
    }
    inputs = _inputs(round, vision, memory, controller)
    if inputs:  # round 0 computes nothing with V and M
        config = settled(config)
    # The episodes' own limit is the only one.
    environment = environment.changed(max_steps=settings.steps)
    game = check_settings(environment, *inputs.get("controller", ()))
    count = settings.episodes_per_shard
    seeds = partial(seeds_of, shared.seed, round, shard * count, count)
    if settings.min_steps:
        check_places((shard + 1) * count)
    with (
        publication.create(
            out,
            STAGE,
            config=config,
            inputs=inputs,
            stage_version=STAGES[STAGE].version,
            game=game,
        ) as store,
        Progress(STAGE, count, log) as progress,
    ):
        driver = _driver(config, inputs, game)
        shelf = EpisodeShelf(store, count, settings.steps)
        with _world(environment, settings.start, workers, *driver) as drive:
            for place, result in long_enough(drive, seeds, settings):
                shelf.put(place, result)
                progress.update(1, episode_return=result.total_reward)
        shelf.close()


def seeds_of(
    run_seed: int, round: int, start: int, count: int, attempt: int
) -> np.ndarray:
    """Return the seeds [E] of an attempt at each of a shard's episodes."""
    first = start + attempt * APART
    return episode_seeds(Purpose.ROLLOUT, run_seed, round, first, count)


def check_places(episodes: int) -> None:
    """Refuse more episodes than have seeds of their own for further attempts."""
    if episodes > APART:
        raise UserError(
            f"rollouts.min_steps is above 0 and this shard ends with episode "
            f"{episodes:,} of its round; at most {APART:,} can be driven again when "
            "they are too short: lower rollouts.episodes, or set rollouts.min_steps to "
            "0"
        )


def long_enough(
    drive: DriveEpisodes,
    seeds: Callable[[int], np.ndarray],
    settings: Rollouts,
) -> Iterator[tuple[int, EpisodeResult]]:
    """Yield each of a shard's places with its first episode that is long enough.

    Args:
        seeds: returns the seeds [E] of attempt 0, 1, ...

    Raises:
        UserError: for an episode whose attempts are all too short.
    """
    places = list(range(settings.episodes_per_shard))
    for attempt in range(_ATTEMPTS):
        own = seeds(attempt)
        planned = [Episode(seed=int(own[n]), steps=settings.steps) for n in places]
        short = []
        for result in drive(planned):
            place = places[result.index]
            if result.length < settings.min_steps:
                short.append(place)
            else:
                yield place, result
        if not short:
            return
        places = sorted(short)
    raise UserError(
        f"{_ATTEMPTS} attempts at an episode of at least {settings.min_steps} steps "
        f"were all shorter, of {len(places)} of the shard's "
        f"{settings.episodes_per_shard} episodes; lower rollouts.min_steps"
    )


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
    check_vision_of_memory(inputs["vision"], inputs["memory"])
    return inputs


def _driver(config: dict, inputs: dict, game: Game) -> tuple[Policy, Carries]:
    """Return the policy, and what gives its carry [B, ...] at the start of episodes."""
    if not inputs:
        policy = random_policy(policy_of(config["policy"]), game)

        @jax.jit
        def draw(words: jax.Array) -> Any:
            return policy.initial(episode_keys(words, "policy"))

        return policy, lambda seeds: draw(seed_words(seeds))
    blocks = inputs["controller"]
    agent, weights = networks.load_agent(
        inputs["vision"],
        inputs["memory"],
        blocks[0].config,
        game,
        config[PRECISION_USED],
    )
    best, _ = networks.best_controller(blocks)
    policy = AgentPolicy(agent, ready(agent, weights))
    noisy = Noisy(policy, config["action_noise"], game)
    return noisy, lambda seeds: policy.initial(
        jnp.asarray(np.repeat(best[None], len(seeds), axis=0), agent.vision.dtype)
    )


@contextmanager
def _world(
    environment: Environment,
    start: str,
    workers: int | None,
    policy: Policy,
    carries: Carries,
) -> Iterator[DriveEpisodes]:
    """Give what drives episodes with their frames, in the simulator or gymnasium."""
    if uses_simulator(environment):
        mesh = in_simulator.devices()
        view = environment.view
        yield partial(in_simulator.episodes, mesh, policy, carries, start, view)
        return
    driver = SlotPolicy(
        policy, lambda e: carries(np.array([e.seed])), environment.slots
    )
    with pool_of(environment, workers) as pool:
        yield partial(run_episodes, pool, driver, record=True)
