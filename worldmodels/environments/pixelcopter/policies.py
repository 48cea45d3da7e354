"""Policies to compare an agent with: blind ones, a simple pilot, and a planner.

A policy takes the state and a key, and returns actions [B], 0 or 1 (up).
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.environments.pixelcopter import functional, game
from worldmodels.environments.pixelcopter.functional import EnvironmentState
from worldmodels.environments.pixelcopter.game import GAP, TALL, Copter
from worldmodels.environments.pixelcopter.tables import PIXELS, SIDE, WIDE

Policy = Callable[[EnvironmentState, jax.Array], jax.Array]

EVERY = 11  # steps, of the metronome: the time in which the copter falls what it rose
AHEAD, NEAR = 20, 12  # pixels in which the pilot sees columns and a block
LOOK = 6  # steps ahead for which it takes its momentum
PLANS, PLAN_STEPS, KEPT_STEPS = 128, 50, 3  # of the planner


class Flight(NamedTuple):
    """Episodes under way, and what they have earned while their players lived."""

    state: EnvironmentState
    alive: jax.Array  # bool [B]
    won: jax.Array  # float32 [B]
    length: jax.Array  # int32 [B]


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
    """Steer for the middle of the freer gap in the next 20 pixels."""
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

    def step(flight: Flight, action: jax.Array) -> tuple[Flight, None]:
        return _advanced(flight, action), None

    flown, _ = jax.lax.scan(step, _begun(tried), plans.astype(np.int32))
    won = flown.won.reshape(PLANS, count)
    plans = plans[:KEPT_STEPS].reshape(KEPT_STEPS, PLANS, count)
    best = won.argmax(0)
    return jnp.take_along_axis(plans, best[None, None], 1)[:, 0].astype(np.int32)


def play(
    policy: Policy, keys: jax.Array, steps: int, key: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Play an episode of each level.

    Args:
        keys: typed, [B], of the levels.
        steps: after which an episode is cut.
        key: of the policy's own draws.

    Returns:
        Returns float32 [B] and lengths int32 [B].
    """

    def step(flight: Flight, key: jax.Array) -> tuple[Flight, None]:
        return _advanced(flight, policy(flight.state, key)), None

    keys_of_steps = jax.random.split(key, steps)
    flight, _ = jax.lax.scan(step, _begun(functional.reset(keys)[0]), keys_of_steps)
    return flight.won, flight.length


def play_planned(
    keys: jax.Array, steps: int, key: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Play an episode of each level as the planner does: see `play`.

    Args:
        steps: a multiple of 3.
    """

    def step(flight: Flight, key: jax.Array) -> tuple[Flight, None]:
        for action in plan(flight.state, key):
            flight = _advanced(flight, action)
        return flight, None

    keys_of_plans = jax.random.split(key, steps // KEPT_STEPS)
    flight, _ = jax.lax.scan(step, _begun(functional.reset(keys)[0]), keys_of_plans)
    return flight.won, flight.length


def _begun(state: EnvironmentState) -> Flight:
    count = len(state.game.step)
    zeros = jnp.zeros(count)
    return Flight(
        state, jnp.ones(count, bool), zeros.astype(np.float32), zeros.astype(np.int32)
    )


def _advanced(flight: Flight, action: jax.Array) -> Flight:
    state, _, reward, dead, _ = functional.step(flight.state, action)
    return Flight(
        state,
        flight.alive & ~dead,
        flight.won + jnp.where(flight.alive, reward, 0),
        flight.length + flight.alive,
    )


def _steer(copter: Copter) -> jax.Array:
    """Return whether to go up, bool."""
    pixel = np.arange(SIDE)
    seen = (pixel >= PIXELS.start) & (pixel < PIXELS.stop + AHEAD)
    roof, floor = game.edges(copter)
    # A pixel between two columns has neither.
    upper = jnp.where(seen, roof, -SIDE).max() - GAP
    lower = jnp.where(seen, floor, 2 * SIDE).min() + GAP
    for block in (copter.block, copter.passed):
        left = game.leftmost(block)
        near = (left < PIXELS.stop + NEAR) & (left + WIDE >= PIXELS.start)
        top, bottom = block.y - TALL / 2, block.y + TALL / 2
        above = top - upper > lower - bottom
        upper, lower = (
            jnp.where(near & ~above, bottom, upper),
            jnp.where(near & above, top, lower),
        )
    return copter.y.high + LOOK * copter.momentum.high > (upper + lower) / 2
