"""Which searches follow one another: restarts with growing populations, as in pycma.

IPOP (Auger and Hansen 2005) doubles the population of every new search. BIPOP (Hansen
2009) does so too, and in between spends as many evaluations on small populations with
small first steps. A schedule is a pure function of what was spent, so it can be traced
and vmapped: each of many searches restarts when its own is over (`stopping`).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

_MOST = 14  # doublings: of 65,536 candidates as many still fit in 32 bits


class Schedule(NamedTuple):
    """What has been spent, and what the search that runs now has."""

    population: jax.Array  # [] int32, of the search that runs now
    factor: jax.Array  # [] float, of its first step size
    generations: jax.Array  # [] int32, that it may take
    doublings: jax.Array  # [] int32, of the large population so far
    small: jax.Array  # [] bool, whether the search that runs now counts as small
    spent: jax.Array  # [2] int32, evaluations of large and of small searches


def initial(population: int, generations: int) -> Schedule:
    """Return the schedule of the first search.

    Args:
        generations: that one search may take at most.
    """
    return Schedule(
        population=jnp.int32(population),
        factor=jnp.array(1.0),
        generations=jnp.int32(generations),
        doublings=jnp.int32(0),
        small=jnp.array(True),
        spent=jnp.zeros(2, jnp.int32),
    )


def same(
    first: Schedule, now: Schedule, evaluations: jax.Array, key: jax.Array
) -> Schedule:
    """Return the schedule of the next search: as the first, from another start."""
    del first, evaluations, key
    return now


def ipop(
    first: Schedule, now: Schedule, evaluations: jax.Array, key: jax.Array
) -> Schedule:
    """Return the schedule of the next search, with twice the population.

    The arguments of every schedule are the first search's, that of the search that is
    over, the evaluations it took and what is drawn with.
    """
    del evaluations, key
    doublings = jnp.minimum(now.doublings + 1, _MOST)
    population = first.population * 2**doublings
    return now._replace(population=population, doublings=doublings)


def bipop(
    first: Schedule, now: Schedule, evaluations: jax.Array, key: jax.Array
) -> Schedule:
    """Return the schedule of the next search: large or small, by what was spent."""
    return bipop_drawn(first, now, evaluations, jax.random.uniform(key, (2,)))


def bipop_drawn(
    first: Schedule, now: Schedule, evaluations: jax.Array, drawn: jax.Array
) -> Schedule:
    """Return BIPOP's next search, of uniform numbers `drawn` [2] in [0, 1).

    The first decides a small search's step size, the second its population.
    """
    spent = now.spent.at[now.small.astype(int)].add(evaluations)
    large, small = spent
    smaller = small < jnp.maximum(1, large)
    doublings = jnp.minimum(now.doublings + ~smaller, _MOST)
    among = 2.0 ** (doublings * drawn[1] ** 2)
    of_small = (first.population * among).astype(jnp.int32)
    population = jnp.where(smaller, of_small, first.population * 2**doublings)
    half = -(-large // (2 * of_small))  # rounded up
    return Schedule(
        population=population,
        factor=jnp.where(smaller, 0.01 ** drawn[0], 1.0),
        generations=jnp.where(
            smaller, jnp.minimum(first.generations, half), first.generations
        ),
        doublings=doublings,
        small=smaller,
        spent=spent,
    )
