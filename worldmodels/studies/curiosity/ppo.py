"""The loss of PPO with two values, one of each stream of rewards.

Source: Schulman et al., Proximal policy optimization algorithms (arXiv 1707.06347),
equations (7) and (9). Numbers of equations are those of docs/studies/curiosity.md.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

LEAST = 1e-8  # added to a deviation of advantages


class Wanted(NamedTuple):
    """What the rollout says of steps [T, B]."""

    log_prob: jax.Array  # [T, B], by the policy that acted
    advantages: jax.Array  # [T, B]
    returns: jax.Array  # [T, B, 2]


def standardised(advantages: jax.Array) -> jax.Array:
    """Return advantages with mean 0 and deviation 1."""
    return (advantages - advantages.mean()) / (advantages.std() + LEAST)


def policy_loss(
    log_prob: jax.Array, before: jax.Array, advantages: jax.Array, clip: jax.Array
) -> jax.Array:
    """Return minus the clipped objective, the mean of [T, B]."""
    ratio = jnp.exp(log_prob - before)
    within = jnp.clip(ratio, 1 - clip, 1 + clip)
    return -jnp.minimum(ratio * advantages, within * advantages).mean()  # Eq. (8)


def value_loss(values: jax.Array, returns: jax.Array) -> jax.Array:
    """Return half the squared error of both values [T, B, 2], summed over the two."""
    return jnp.square(values - returns).sum(-1).mean() / 2  # Eq. (9)


def stretched_policy_loss(
    log_prob: jax.Array,
    before: jax.Array,
    advantages: jax.Array,
    clip: jax.Array,
    chunk: jax.Array,
) -> jax.Array:
    """Return what the published code minimises, whose shapes are [C] and [C, 1].

    The fault 1: every step of a chunk meets every advantage of it, [C, C]. Each sign of
    an advantage bounds the ratio on one side, so the mean over the pairs of a step is
    that of two means.

    Args:
        chunk: numbers of chunks, int32 [T, B] in 0..T.
    """
    ratio = jnp.exp(log_prob - before)
    within = jnp.clip(ratio, 1 - clip, 1 + clip)
    gains = mean_of_chunks(jnp.maximum(advantages, 0), chunk)
    losses = mean_of_chunks(jnp.minimum(advantages, 0), chunk)
    lower, upper = jnp.minimum(ratio, within), jnp.maximum(ratio, within)
    return -(lower * gains + upper * losses).mean()


def stretched_value_loss(
    values: jax.Array, returns: jax.Array, chunk: jax.Array
) -> jax.Array:
    """Return the squared error of each value and all returns of its chunk, halved.

    The fault 1 again: every value is fitted to the mean return.
    """
    mean = mean_of_chunks(returns, chunk)
    spread = mean_of_chunks(jnp.square(returns - mean), chunk)
    return (jnp.square(values - mean) + spread).sum(-1).mean() / 2


def mean_of_chunks(x: jax.Array, chunk: jax.Array) -> jax.Array:
    """Return for each of x [T, B, ...] the mean over its chunk, of chunks [T, B]."""
    steps, count = chunk.shape
    place = (chunk * count + np.arange(count)).ravel()
    total = partial(
        jax.ops.segment_sum, segment_ids=place, num_segments=(steps + 1) * count
    )
    flat = x.reshape(steps * count, -1)
    found = total(flat)[place] / total(jnp.ones_like(flat[:, :1]))[place]
    return found.reshape(x.shape)
