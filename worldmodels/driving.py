"""The trained agent as a policy for real environments: one jitted call a step.

The whole population drives together: a slot has a candidate, and the batch holds all
slots. What a slot does depends on its candidate, its episode's seed and the number of
slots alone, so an episode that was lost to a fault can be driven again.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels import agent as agents
from worldmodels.agent import Agent, AgentState, Weights
from worldmodels.environments.episodes import Episode, run
from worldmodels.environments.workers import EnvironmentPool


class Slots(NamedTuple):
    """What each slot is driving, [B] each."""

    candidate: jax.Array  # row of the population
    seed: jax.Array  # the episode's, uint32 [B, 2]: high and low word
    step: jax.Array  # steps driven so far


class AgentPolicy:
    """Drives every slot with its episode's candidate of a population [P, D]."""

    def __init__(
        self, agent: Agent, weights: Weights, population: np.ndarray, slots: int
    ):
        self._agent = agent
        self._weights = jax.device_put(weights)
        self._population = jnp.asarray(population, agent.vision.dtype)
        self._state = agents.initial_state(agent, slots)
        self._candidate = np.zeros(slots, np.int32)
        self._seed = np.zeros((slots, 2), np.uint32)
        self._step = np.zeros(slots, np.int32)

    def start(self, slot: int, episode: Episode) -> None:
        """Begin an episode in `slot` with an empty memory."""
        self._candidate[slot] = episode.candidate
        self._seed[slot] = divmod(episode.seed, 2**32)
        self._step[slot] = 0

    def act(
        self, frames: np.ndarray, active: np.ndarray, noise: np.ndarray | None = None
    ) -> np.ndarray:
        """Return the actions [B, A] on `frames`, uint8 [B, 64, 64, 3].

        `noise` [B, A] is added to them before M remembers what was applied.
        """
        # Copies: the call is asynchronous and its arguments must not change below it.
        slots = Slots(self._candidate.copy(), self._seed.copy(), self._step.copy())
        self._state, actions = _act(
            self._agent,
            self._weights,
            self._population,
            self._state,
            frames,
            slots,
            noise,
        )
        self._step += active
        return np.asarray(actions, np.float32)


@partial(jax.jit, static_argnums=0)
def _act(
    agent: Agent,
    weights: Weights,
    population: jax.Array,
    state: AgentState,
    frames: jax.Array,
    slots: Slots,
    noise: np.ndarray | None,
) -> tuple[AgentState, jax.Array]:
    fresh = (slots.step == 0)[:, None]
    state = jax.tree.map(lambda s: jnp.where(fresh, 0, s), state)
    keys = jax.vmap(_step_key)(slots.seed, slots.step)
    state, step = agents.step(
        agent, weights, population[slots.candidate], state, frames, keys, noise
    )
    return state, step.action


def _step_key(seed: jax.Array, step: jax.Array) -> jax.Array:
    """Return the key of one step of one episode, from its seed [2] and its number."""
    key = jax.random.fold_in(jax.random.key(0), seed[0])
    return jax.random.fold_in(jax.random.fold_in(key, seed[1]), step)


def returns(
    pool: EnvironmentPool,
    agent: Agent,
    weights: Weights,
    population: np.ndarray,
    seeds: np.ndarray,
    steps: int,
) -> np.ndarray:
    """Drive every candidate [P, D] on its tracks and return its returns, [P, R].

    Args:
        seeds: of tracks that all candidates drive, [R] (common random numbers), or of
            each candidate's own, [P, R].
    """
    seeds = np.broadcast_to(seeds, (len(population), np.shape(seeds)[-1]))
    episodes = [
        Episode(seed=int(seed), steps=steps, candidate=candidate)
        for candidate, tracks in enumerate(seeds)
        for seed in tracks
    ]
    policy = AgentPolicy(agent, weights, population, pool.slots)
    totals = np.full(len(episodes), np.nan)
    for result in run(pool, policy, episodes):
        totals[result.index] = result.total_reward
    return totals.reshape(seeds.shape).astype(np.float32)
