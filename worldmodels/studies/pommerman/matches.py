"""Games of four equal agents, as agent 0 sees them: what models learn from."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.environments.pommerman import functional
from worldmodels.runtime.randomness import episode_keys

POLICIES = {"cautious": functional.cautious, "uniform": functional.uniform}


class Matches(NamedTuple):
    """B games of T steps; what comes after a game's end means nothing."""

    states: jax.Array  # int8 [T + 1, B, 372]
    actions: jax.Array  # int8 [T, B, 4]
    rewards: jax.Array  # float32 [T, B, 4]
    terminated: jax.Array  # bool [T, B]: agent 0 is dead, or the game is over
    length: jax.Array  # int32 [B]: steps that agent 0 made


@partial(jax.jit, static_argnames=("policy", "steps"))
def play(words: np.ndarray, policy: str, steps: int) -> Matches:
    """Play a game for each seed, whose words are uint32 [B, 2]: see `seed_words`."""
    keys = episode_keys(words, "pommerman actions")
    state, seen = functional.reset(episode_keys(words, "pommerman board"))
    choose = POLICIES[policy]

    def step(carry, time):
        state, over = carry
        now = jax.vmap(partial(jax.random.fold_in), in_axes=(0, None))(keys, time)
        actions = choose(now, state)
        state, seen, rewards, ended, _ = functional.step(state, actions)
        over |= ended | ~state.agents.alive[0]
        return (state, over), (seen, actions, rewards, over)

    start = state, jnp.zeros(len(keys), bool)
    _, (after, actions, rewards, over) = jax.lax.scan(step, start, jnp.arange(steps))
    length = jnp.minimum((~over).sum(axis=0) + 1, steps).astype(jnp.int32)
    states = jnp.concatenate([seen[None], after])
    return Matches(states, actions, rewards, over, length)
