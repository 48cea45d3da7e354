"""When a search by CMA-ES is over, by pycma's tolerances.

A search that has converged, or cannot move any more, gains nothing by going on; a new
one from elsewhere may (`restarts`). What is watched beside the search's own state are
the best fitnesses of the last generations. All of it can be traced and vmapped.

pycma's stagnation over hundreds of generations is left out: it needs their medians.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from worldmodels.search.cma_es import CMAState


class Tolerances(NamedTuple):
    """pycma's options, whose names are in brackets, with their defaults."""

    fitness: float = 1e-11  # range of this and the last generations (tolfun)
    history: float = 1e-12  # range of the last generations' best (tolfunhist)
    step: float = 1e-11  # of every parameter (tolx)
    growth: float = 1e3  # of a parameter's step over the first (tolfacupx)
    condition: float = 1e14  # of C (tolconditioncov)
    flat: int = 1  # generations that are three quarters flat (tolflatfitness)


DEFAULT = Tolerances()
# Why a search is over, in the order of `reasons`.
REASONS = (
    "fitness", "history", "step", "growth", "condition", "flat", "no_effect",
)  # fmt: skip
_LEAST = 10  # generations whose best is watched; fewer than that are no history


class Watch(NamedTuple):
    """What is remembered of the generations before."""

    best: jax.Array  # [W] best fitness of the last generations, the latest first
    flat: jax.Array  # [] int32, generations in a row that were flat
    sigma_0: jax.Array  # [] first step size


def initial(population: int, dimension: int, sigma: ArrayLike) -> Watch:
    """Return what is watched before the first generation.

    Args:
        sigma: the first step size [], whose dtype is that of the fitness.
    """
    sigma = jnp.asarray(sigma)
    best = jnp.full(_LEAST + 30 * dimension // population, jnp.nan, sigma.dtype)
    return Watch(best, jnp.zeros((), jnp.int32), sigma)


def watched(watch: Watch, fitness: jax.Array) -> Watch:
    """Return what is watched after a generation of this fitness [P].

    Candidates with a fitness of minus infinity are none, as in `restarts`.
    """
    count = jnp.sum(jnp.isfinite(fitness))
    descending = -jnp.sort(-fitness)
    best = jnp.roll(watch.best, 1).at[0].set(descending[0])
    flat = descending[0] <= descending[(0.75 * count).astype(jnp.int32)]
    return Watch(best, jnp.where(flat, watch.flat + 1, 0), watch.sigma_0)


def reasons(
    watch: Watch,
    state: CMAState,
    fitness: jax.Array,
    tolerances: Tolerances = DEFAULT,
) -> jax.Array:
    """Return which of `REASONS` hold, bool [7], after a generation.

    Args:
        watch: with this generation.
        state: that the generation led to.
        fitness: [P] of the generation.
    """
    known = jnp.isfinite(watch.best)
    past = _range(watch.best, known)
    now = _range(fitness, jnp.isfinite(fitness))
    steps = state.sigma * jnp.sqrt(jnp.diagonal(state.C))
    path = state.sigma * state.path_c
    return jnp.array(
        [
            (now < tolerances.fitness) & (past < tolerances.fitness),
            (known.sum() >= _LEAST) & (past < tolerances.history),
            jnp.all(steps < tolerances.step) & jnp.all(path < tolerances.step),
            jnp.any(steps > watch.sigma_0 * tolerances.growth),
            state.D.max() > tolerances.condition**0.5 * state.D.min(),
            watch.flat > tolerances.flat,
            _no_effect(state, steps),
        ]
    )


def _range(values: jax.Array, counted: jax.Array) -> jax.Array:
    high = jnp.max(jnp.where(counted, values, -jnp.inf))
    return high - jnp.min(jnp.where(counted, values, jnp.inf))


def _no_effect(state: CMAState, steps: jax.Array) -> jax.Array:
    """Return whether a fifth of a step, or a tenth along an axis, moves no float.

    The axis is another one each generation (pycma's noeffectcoord and noeffectaxis).
    """
    mean, number = state.mean, state.generation % len(state.mean)
    along = 0.1 * state.sigma * state.D[number] * state.B[:, number]
    return jnp.any(mean == mean + 0.2 * steps) | jnp.all(mean == mean + along)
