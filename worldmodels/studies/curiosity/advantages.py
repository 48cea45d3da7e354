"""Advantages of one stream of rewards, and the three faults of the published code.

Numbers of equations are those of docs/studies/curiosity.md.

Source: Schulman et al., High-dimensional continuous control using generalized advantage
estimation (2016), equations (10) and (16).
"""

import jax
import jax.numpy as jnp


def advantages(
    rewards: jax.Array,
    values: jax.Array,
    after: jax.Array,
    ends: jax.Array,
    gamma: jax.Array,
    trace: jax.Array,
) -> jax.Array:
    """Return the advantages of steps, all arguments and results [T, ...].

    Args:
        values: V of what was seen before each action.
        after: V of what was seen after it, 0 after a death.
        ends: bool; no advantage passes such a step. A stream that runs through deaths
            has none.
        gamma: discount.
        trace: lambda.
    """
    errors = rewards + gamma * after - values  # Eqs. (4) and (5)
    return discounted(errors, ends, gamma * trace)


def discounted(errors: jax.Array, ends: jax.Array, factor: jax.Array) -> jax.Array:
    """Return sums of what comes, each step's worth `factor` of the one before it."""

    def step(later: jax.Array, now: tuple[jax.Array, jax.Array]):
        error, end = now
        total = error + jnp.where(end, 0, factor * later)  # Eq. (6)
        return total, total

    start = jnp.zeros_like(errors[0])
    return jax.lax.scan(step, start, (errors, ends), reverse=True)[1]


def without_last(
    rewards: jax.Array,
    values: jax.Array,
    after: jax.Array,
    ends: jax.Array,
    gamma: jax.Array,
    trace: jax.Array,
) -> jax.Array:
    """Return advantages where the last step of an episode has an error of 0.

    The published fault 2: the reward of dying reaches no advantage. Each episode stands
    alone there, so no stream runs through deaths.
    """
    errors = jnp.where(ends, 0, rewards + gamma * after - values)
    return discounted(errors, ends, gamma * trace)


def one_late(returns: jax.Array, last: jax.Array, ends: jax.Array) -> jax.Array:
    """Return each step's return [T, ...] moved to the step before: the fault 3.

    Args:
        last: [...] V of what is seen after all steps, which stands for its return.
    """
    later = jnp.concatenate([returns[1:], last[None]])
    return jnp.where(ends, 0, later)
