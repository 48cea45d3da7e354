"""Many searches as one program: each generation of all of them at once.

A search ends when `stopping` says that it is over: nothing of it changes then. Losses
are minimised, in two dimensions.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from evosax.algorithms.distribution_based import cma_es as evosax

from worldmodels.search import cma_es, stopping
from worldmodels.search.cma_es import CMAES, CMAState
from worldmodels.search.optimiser import Optimiser

DIMENSION = 2
Loss = Callable[[jax.Array], jax.Array]  # of x [..., 2]


class ScalarRankOne(evosax.CMA_ES):
    """The seeds' fault: p_c . p_c, a number, where the tutorial has p_c p_c^T.

    It is added to every entry of C: all searches stretch along (1, 1), wherever they
    come from.
    """

    def rank_one(self, p_c: jax.Array) -> jax.Array:
        """Return the number at every place [D, D]."""
        return jnp.full((len(p_c), len(p_c)), p_c @ p_c)


class Course(NamedTuple):
    """What searches found, generation by generation."""

    best: jax.Array  # [..., G] smallest loss so far
    over: jax.Array  # [...] int32, the generation it was over with; G + 1: none


class Path(NamedTuple):
    """What a search of any kind found, and where it went."""

    best: jax.Array  # [G] smallest loss so far
    mean: jax.Array  # [G, 2], that each generation was drawn around


class Generation(NamedTuple):
    """One generation of a search, as a film shows it."""

    population: jax.Array  # [P, 2]
    loss: jax.Array  # [P]
    mean: jax.Array  # [2], that they were drawn around
    covariance: jax.Array  # [2, 2], sigma^2 C that they were drawn with


class Running(NamedTuple):
    """A search between two generations."""

    state: CMAState
    watch: stopping.Watch
    best: jax.Array
    over: jax.Array  # [] bool


def constants(population: int, parents: int | None, dtype: Any) -> evosax.Params:
    """Return CMA-ES's constants as arrays, so that several mu are one program."""
    found = cma_es.constants(population, DIMENSION, parents)
    return jax.tree.map(lambda x: np.asarray(x, dtype), found)


def begin(population: int, mean: jax.Array, sigma: jax.Array) -> Running:
    """Return a search that begins at `mean` [2] with the step `sigma` []."""
    sigma = jnp.asarray(sigma, mean.dtype)
    state = CMAES(population, DIMENSION, 1.0).initial(mean, sigma)
    watch = stopping.initial(population, DIMENSION, sigma)
    state = jax.tree.map(jnp.asarray, state)
    return Running(state, watch, jnp.array(jnp.inf, mean.dtype), jnp.array(False))


def step(
    rules: evosax.CMA_ES,
    c: evosax.Params,
    loss: Loss,
    key: jax.Array,
    running: Running,
    size: jax.Array | None = None,
) -> tuple[Running, Generation]:
    """Return a search after one generation more, and that generation.

    Args:
        size: of the population [], where that is less than all that are drawn.
    """
    population = len(c.weights)
    x, state = CMAES(population, DIMENSION, 1.0).ask(key, running.state)
    losses = loss(x)
    if size is not None:
        losses = jnp.where(jnp.arange(population) < size, losses, jnp.inf)
    after = cma_es.updated(rules, c, 1, state, x, -losses)
    after = cma_es.learnt(state, after, x)
    watch = stopping.watched(running.watch, -losses)
    over = stopping.reasons(watch, after, -losses).any()
    best = jnp.minimum(running.best, losses.min())
    drawn = Generation(x, losses, state.mean, state.sigma**2 * state.C)
    return Running(after, watch, best, over), drawn


def search(
    rules: evosax.CMA_ES,
    c: evosax.Params,
    loss: Loss,
    generations: int,
    key: jax.Array,
    mean: jax.Array,
    sigma: jax.Array,
) -> tuple[Course, Generation]:
    """Return the course of one search, and all its generations [G, ...]."""

    def one(running: Running, key: jax.Array):
        following, drawn = step(rules, c, loss, key, running)
        kept = jax.tree.map(partial(jnp.where, running.over), running, following)
        return kept, (kept.best, kept.over, drawn)

    begun = begin(len(c.weights), mean, sigma)
    keys = jax.random.split(key, generations)
    _, (best, over, drawn) = jax.lax.scan(one, begun, keys)
    return Course(best, jnp.sum(~over, dtype=jnp.int32) + 1), drawn


def evolution_strategy(
    population: int,
    loss: Loss,
    generations: int,
    key: jax.Array,
    mean: jax.Array,
    std: jax.Array,
) -> Path:
    """Return the path of one (1, lambda)-ES: the best candidate is the next mean.

    Its standard deviation never changes.
    """

    def one(carry: tuple[jax.Array, jax.Array], key: jax.Array):
        mean, best = carry
        x = mean + std * jax.random.normal(key, (population, DIMENSION), mean.dtype)
        losses = loss(x)
        best = jnp.minimum(best, losses.min())
        return (x[losses.argmin()], best), Path(best, mean)

    begun = mean, jnp.array(jnp.inf, mean.dtype)
    return jax.lax.scan(one, begun, jax.random.split(key, generations))[1]


def strategy(
    es: Optimiser, loss: Loss, generations: int, key: jax.Array, mean: jax.Array
) -> Path:
    """Return the path of one search by an optimiser of C, whichever it is."""

    def one(carry: tuple[Any, jax.Array], key: jax.Array):
        state, best = carry
        x, told = es.ask(key, state)
        losses = loss(x)
        best = jnp.minimum(best, losses.min())
        return (es.tell(told, x, -losses), best), Path(best, es.mean(state))

    begun = es.initial(mean), jnp.array(jnp.inf, mean.dtype)
    return jax.lax.scan(one, begun, jax.random.split(key, generations))[1]
