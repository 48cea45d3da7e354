"""Policies to compare an agent with: blind ones, a simple pilot, and a planner.

A policy takes the state and a key, and returns actions [B], 0 or 1 (up).
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.environments.pixelcopter import functional, game
from worldmodels.environments.pixelcopter.functional import EnvironmentState
from worldmodels.environments.pixelcopter.game import GAP, TALL, Copter
from worldmodels.environments.pixelcopter.tables import PIXELS, SIDE, WIDE

Policy = Callable[[EnvironmentState, jax.Array], jax.Array]

EVERY = 11  # steps, of the metronome: the time in which the copter falls what it rose
AHEAD, LOOK = 16, 8  # pixels and steps, of the pilot
PLANS, PLAN_STEPS, KEPT_STEPS = 128, 50, 3  # of the planner


def chance(up: float) -> Policy:
    """Return the blind policy that goes up with a probability of `up`."""

    def act(state: EnvironmentState, key: jax.Array) -> jax.Array:
        return jax.random.bernoulli(key, up, state.game.step.shape).astype(np.int32)

    return act


def metronome(first: int, ups: int | None = None) -> Policy:
    """Return the blind policy that goes up every 11 steps.

    Args:
        first: step in which it does for the first time.
        ups: how often it does; None: for ever.
    """

    def act(state: EnvironmentState, key: jax.Array) -> jax.Array:
        beat, since = jnp.divmod(state.game.step - first, EVERY)
        up = (since == 0) & (beat >= 0)
        return (up if ups is None else up & (beat < ups)).astype(np.int32)

    return act


def pilot(state: EnvironmentState, key: jax.Array) -> jax.Array:
    """Steer for the middle of the freer gap in the next 16 pixels."""
    return jax.vmap(_steer)(state.game).astype(np.int32)


def plan(state: EnvironmentState, key: jax.Array) -> jax.Array:
    """Return the first steps of the best of 128 random plans, int32 [3, B].

    Each is tried for 50 steps in the game itself, which knows what is to come.
    """
    count = len(state.game.step)
    chances, ups = jax.random.split(key)
    chance = jax.random.uniform(chances, (PLANS * count,), maxval=0.25)
    plans = jax.random.bernoulli(ups, chance, (PLAN_STEPS, PLANS * count))
    tried = jax.tree.map(lambda x: jnp.tile(x, (PLANS,) + (1,) * (x.ndim - 1)), state)
    won = _returns(tried, plans.astype(np.int32)).reshape(PLANS, count)
    plans = plans[:KEPT_STEPS].reshape(KEPT_STEPS, PLANS, count)
    best = won.argmax(0)
    return jnp.take_along_axis(plans, best[None, None], 1)[:, 0].astype(np.int32)


def play(
    policy: Policy, keys: jax.Array, steps: int, key: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Play an episode of each level; jit it with the first and third static.

    Args:
        keys: typed, [B], of the levels.
        steps: after which an episode is cut.
        key: of the policy's own draws.

    Returns:
        Returns float32 [B] and lengths int32 [B].
    """

    def step(carry, key):
        state, alive, won, length = carry
        state, _, reward, dead, _ = functional.step(state, policy(state, key))
        won, length = won + jnp.where(alive, reward, 0), length + alive
        return (state, alive & ~dead, won, length), None

    state, _ = functional.reset(keys)
    alive = jnp.ones(keys.shape, bool)
    begun = state, alive, jnp.zeros(keys.shape, np.float32), alive * np.int32(0)
    _, _, won, length = jax.lax.scan(step, begun, jax.random.split(key, steps))[0]
    return won, length


def _returns(state: EnvironmentState, actions: jax.Array) -> jax.Array:
    """Return what actions [T, B] earn, until a player dies: float32 [B]."""

    def step(carry, action):
        state, alive, won = carry
        state, _, reward, dead, _ = functional.step(state, action)
        return (state, alive & ~dead, won + jnp.where(alive, reward, 0)), None

    alive = jnp.ones(actions.shape[1], bool)
    begun = state, alive, jnp.zeros(actions.shape[1], np.float32)
    return jax.lax.scan(step, begun, actions)[0][2]


def _steer(copter: Copter) -> jax.Array:
    """Return whether to go up, bool."""
    pixel = np.arange(SIDE)
    near = (pixel >= PIXELS.start) & (pixel < PIXELS.stop + AHEAD)
    roof, floor = game.edges(copter)
    # A pixel between two columns has neither.
    upper = jnp.where(near, roof, -SIDE).max() - GAP
    lower = jnp.where(near, floor, 2 * SIDE).min() + GAP
    for block in (copter.block, copter.passed):
        left = game.leftmost(block)
        there = (left < PIXELS.stop + AHEAD) & (left + WIDE >= PIXELS.start)
        top, bottom = block.y - TALL / 2, block.y + TALL / 2
        above = top - upper > lower - bottom
        upper, lower = (
            jnp.where(there & ~above, bottom, upper),
            jnp.where(there & above, top, lower),
        )
    return copter.y.high + LOOK * copter.momentum.high > (upper + lower) / 2
