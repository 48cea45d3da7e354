"""Pommerman as pure functions: to train anything on, within a jitted program.

    keys = jax.random.split(jax.random.key(0), 128)
    state, seen = jax.jit(reset)(keys)
    state, seen, rewards, terminated, truncated = jax.jit(step)(state, actions)

All B games advance together: there is nothing to vmap. Each is played on a board of its
own, drawn from its key. Games are the last axis of all fields of a state, and the first
of all else: actions are int [B, 4], one for each agent (0 stop, 1 up, 2 down, 3 left,
4 right, 5 lay a bomb; any other number: stop); what is seen is int8 [B, 372], agent 0's
view (`observe` gives the others'); rewards are float32 [B, 4].

`cautious` and `uniform` play all four agents (`policies`); `paint` draws boards.

Nothing resets itself. A game that is over may be stepped on, but what it earns then
means nothing: mask it, or begin a new one with `renew`.
"""

import jax
import jax.numpy as jnp

from worldmodels.environments.batches import renewed, shaped, typed
from worldmodels.environments.pommerman import board
from worldmodels.environments.pommerman.observation import featurize
from worldmodels.environments.pommerman.painting import paint
from worldmodels.environments.pommerman.policies import cautious, uniform
from worldmodels.environments.pommerman.state import AGENTS, MAX_STEPS, State
from worldmodels.environments.pommerman.step import advance

__all__ = ["cautious", "observe", "paint", "renew", "reset", "step", "uniform"]

_AT_ONCE = 8  # boards that `renew` draws at a time


def reset(keys: jax.Array) -> tuple[State, jax.Array]:
    """Begin B games, each on a fresh board, from typed keys [B] (or one key: B = 1).

    Returns:
        The state, and what agent 0 sees, int8 [B, 372].

    Raises:
        UserError: the keys are not typed.
    """
    state = board.start(typed(keys))
    return state, observe(state)


def step(
    state: State, actions: jax.Array, max_steps: int | jax.Array = MAX_STEPS
) -> tuple[State, jax.Array, jax.Array, jax.Array, jax.Array]:
    """Advance all games by one step with `actions`, int [B, 4].

    Returns:
        The new state; what agent 0 sees, int8 [B, 372]; the rewards of all agents,
        float32 [B, 4]: in the end 1 for the last who lives and -1 for the others, at
        `max_steps` -1 for all, before that 0, and -1 for the dead; whether at most one
        lives, bool [B]; and whether `max_steps` steps have been made, bool [B].

    Raises:
        UserError: the actions are not [B, 4].

    Source: `get_rewards` and `get_done` of the original, free for all.
    """
    actions = shaped("actions", actions, (*state.step.shape, AGENTS))
    state = advance(state, actions.T)
    living = state.agents.alive.sum(axis=0)
    late = state.step >= max_steps
    alive = state.agents.alive.astype(jnp.float32)
    rewards = jnp.where(living == 1, 2 * alive - 1, jnp.where(late, -1, alive - 1))
    return state, observe(state), rewards.T, living <= 1, late


def renew(state: State, keys: jax.Array, done: jax.Array) -> tuple[State, jax.Array]:
    """Begin the games that are `done` (bool [B]) anew, each on a fresh board.

    Boards are drawn for these alone, so that it may follow every step.

    Args:
        keys: typed, [B]; those of the others are not used.

    Returns:
        As `reset`; the other games are as they were.

    Raises:
        UserError: the keys are not typed, or they or `done` are not [B].
    """
    keys, done = renewed(keys, done, *state.step.shape)
    first = jnp.argsort(~done)
    size = min(_AT_ONCE, len(done))

    def lay(i: jax.Array, state: State) -> State:
        # The last few may begin with some that were laid before, from the same keys.
        chosen = jax.lax.dynamic_slice(first, (i * size,), (size,))
        fresh = board.start(keys[chosen])
        keep = ~done[chosen]
        return jax.tree.map(
            lambda all, new: all.at[..., chosen].set(
                jnp.where(keep, all[..., chosen], new)
            ),
            state,
            fresh,
        )

    state = jax.lax.fori_loop(0, -(-done.sum() // size), lay, state)
    return state, observe(state)


def observe(state: State, agent: int = 0) -> jax.Array:
    """Return what an agent sees, int8 [B, 372]: see `observation`."""
    return featurize(state, agent).T
