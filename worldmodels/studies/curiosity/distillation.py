"""Random network distillation: the bonus for what a network cannot predict.

A target with random weights reads a frame, and a predictor learns to say the same. It
errs where it has seldom been: its squared error is the bonus.

Source: Burda et al., Exploration by random network distillation (arXiv 1810.12894),
sections 2.2 to 2.4. Numbers of equations are those of docs/studies/curiosity.md.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.studies.curiosity import networks
from worldmodels.studies.curiosity.networks import Body, Params
from worldmodels.training import running_moments
from worldmodels.training.running_moments import Moments

FURTHEST = 5.0  # standard deviations, of a normalised number
LEAST = 1e-5  # added to a deviation: that of a pixel that never changes is 0


class Pair(NamedTuple):
    """The two networks' forms: the predictor's has more layers."""

    target: Body
    predictor: Body


class Filter(NamedTuple):
    """What the bonus is divided by: the deviation of its discounted sums."""

    sums: jax.Array  # [B], of each environment, through all its episodes
    moments: Moments  # of all sums so far


def normalised(frames: jax.Array, seen: Moments, dtype: str) -> jax.Array:
    """Return frames [..., *shape] with mean 0 and deviation 1 for each number."""
    deviation = running_moments.deviation(seen) + LEAST
    scaled = (frames.astype(dtype) - seen.mean) / deviation  # Eq. (1)
    return jnp.clip(scaled, -FURTHEST, FURTHEST)


def errors(
    predictor: Params, target: Params, pair: Pair, frames: jax.Array, seen: Moments
) -> jax.Array:
    """Return the mean squared error [...] of frames [..., *shape].

    Args:
        seen: by which both networks get them normalised.
    """
    shown = partial(normalised, seen=seen, dtype=pair.target.dtype)
    known = networks.features(target, pair.target, frames, shown)
    known = jax.lax.stop_gradient(known)
    guess = networks.features(predictor, pair.predictor, frames, shown)
    return jnp.square(guess - known).mean(-1)  # Eq. (2)


def scaled(
    bonus: jax.Array, kept: Filter, gamma: jax.Array
) -> tuple[jax.Array, Filter]:
    """Divide bonuses [T, B] by the deviation of their discounted sums, these included.

    Sums run on through deaths and are never begun anew. Deviations are of all T x B
    sums: a rollout counts T x B numbers.
    """

    def step(sums: jax.Array, now: jax.Array):
        sums = gamma * sums + now
        return sums, sums

    last, sums = jax.lax.scan(step, kept.sums, bonus)  # Eq. (3)
    of_these = running_moments.of(sums.reshape(-1), bonus.dtype)
    moments = running_moments.combined(kept.moments, of_these)
    divisor = running_moments.deviation(moments)
    # Alike everywhere, bonuses say nothing, and nothing is divided by 0.
    return bonus / jnp.maximum(divisor, np.finfo(bonus.dtype).tiny), Filter(
        last, moments
    )
