"""Policies in charge of a pool's slots: one jitted call a step for all of them.

What a slot does depends on its episode and on the number of slots alone, so an episode
that was lost to a fault can be driven again.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import numpy as np

from worldmodels.environments.games import Game
from worldmodels.environments.processes.episodes import Episode, run
from worldmodels.environments.processes.pool import EnvironmentPool
from worldmodels.models.agent import Agent, AgentPolicy, Weights, ready
from worldmodels.rollout.grouping import Rows
from worldmodels.rollout.policies import Policy, random_policy
from worldmodels.runtime.randomness import episode_keys, seed_words, step_keys


class SlotPolicy:
    """An `EpisodePolicy`: a policy that drives S slots, each in an episode of its own.

    Args:
        initial: returns the carry, of one row, that an episode begins with.
    """

    def __init__(self, policy: Policy, initial: Callable[[Episode], Any], slots: int):
        self._policy = jax.device_put(policy)
        self._initial = initial
        self._carries = None  # unknown before the first episode's
        self._seed = np.zeros((slots, 2), np.uint32)  # the episodes', as words
        self._step = np.zeros(slots, np.int32)  # steps driven so far

    def start(self, slot: int, episode: Episode) -> None:
        """Begin an episode in `slot` with a carry that has seen nothing."""
        carry = self._initial(episode)
        if self._carries is None:
            self._carries = _empty(carry, len(self._step))
        self._carries = _put(self._carries, slot, carry)
        self._seed[slot] = seed_words(episode.seed)
        self._step[slot] = 0

    def act(self, frames: np.ndarray, active: np.ndarray) -> np.ndarray:
        """Return the actions [S, A] on `frames`, uint8 [S, H, W, 3]."""
        # Copies: the call is asynchronous and its arguments must not change below it.
        self._carries, actions = _act(
            self._policy, self._carries, frames, self._seed.copy(), self._step.copy()
        )
        self._step += active
        return np.asarray(actions, np.float32)


def _empty(carry: Any, slots: int) -> Any:
    """Return the carries of slots without an episode yet, from a carry of one row."""
    return jax.tree.map(lambda x: np.zeros((slots, *x.shape[1:]), x.dtype), carry)


# Carries are donated: they may hold weights, which are not to be copied at every step.
@partial(jax.jit, donate_argnums=0)
def _put(carries: Any, slot: jax.Array, carry: Any) -> Any:
    """Return the carries [S] with that of one slot replaced."""
    return jax.tree.map(lambda rows, row: rows.at[slot].set(row[0]), carries, carry)


@partial(jax.jit, donate_argnums=1)
def _act(
    policy: Policy, carries: Any, frames: jax.Array, seed: jax.Array, step: jax.Array
) -> tuple[Any, jax.Array]:
    carries, actions = policy.act(carries, frames, step_keys(seed, step))
    return policy.remember(carries, actions), actions


class RandomSlots(SlotPolicy):
    """Drives every slot of a game with the random policy of that name.

    Raises:
        UserError: for an unknown name.
    """

    def __init__(self, name: str, slots: int, game: Game):
        policy = random_policy(name, game)

        @jax.jit
        def draw(words: jax.Array) -> Any:
            return policy.initial(episode_keys(words, "policy"))

        super().__init__(policy, lambda e: draw(seed_words([e.seed])), slots)


class AgentSlots(SlotPolicy):
    """Drives every slot with its episode's candidate of a population [P, D]."""

    def __init__(
        self, agent: Agent, weights: Weights, population: np.ndarray, slots: int
    ):
        policy = AgentPolicy(agent, ready(agent, weights))
        population = np.asarray(population, agent.vision.dtype)
        super().__init__(
            policy, lambda e: policy.initial(population[e.candidate][None]), slots
        )


def play(
    pool: EnvironmentPool,
    agent: Agent,
    weights: Weights,
    population: np.ndarray,
    rows: Rows,
    steps: int,
) -> np.ndarray:
    """Drive an episode a row, N in all, and return their returns [N]: a `PlayRows`.

    Args:
        population: candidates [P, D].
    """
    episodes = [
        Episode(seed=int(seed), steps=steps, candidate=int(candidate))
        for candidate, seed in zip(*rows, strict=True)
    ]
    policy = AgentSlots(agent, weights, population, pool.slots)
    totals = np.full(len(episodes), np.nan)
    for result in run(pool, policy, episodes):
        totals[result.index] = result.total_reward
    return totals.astype(np.float32)
