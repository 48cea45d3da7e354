"""Step restarted: searches of Schaffer's function that begin again where they end.

Each starts anew, uniformly in the box, when `stopping` says that it is over or its
generations are spent, by one of the schedules of `restarts`. All searches are one
program, whatever the population of each: the largest is drawn, and of a smaller one the
rest counts for nothing.
"""

from functools import partial
from itertools import product
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from evosax.algorithms.distribution_based.cma_es import Params

from worldmodels.runtime.progress import Progress
from worldmodels.runtime.randomness import key_for
from worldmodels.search import cma_es, restarts
from worldmodels.search.restarts import Schedule
from worldmodels.stores import publication
from worldmodels.studies.evolution import rates, searches
from worldmodels.studies.evolution.functions import FOUND
from worldmodels.studies.evolution.searches import DIMENSION, Running
from worldmodels.studies.evolution.settings import OPTIMUM, Evolution
from worldmodels.studies.evolution.steps import STUDY

STEP = "restarted"
SCHEDULES = {
    "same": restarts.same,
    "IPOP": restarts.ipop,
    "BIPOP": restarts.bipop,
}
DOUBLINGS = 3  # of the population, at most: all that is drawn is paid for


class Chain(NamedTuple):
    """A search with its restarts, between two generations."""

    running: Running
    schedule: Schedule
    generations: jax.Array  # [] int32, of the search that runs now
    evaluations: jax.Array  # [] int32, of all
    begun: jax.Array  # [] int32, searches
    found: jax.Array  # [] bool


def run(*, settings: Evolution, out: Path, log: Path | None) -> None:
    """Run all searches and publish a store at `out`.

    Raises:
        UserError: for a full disk.
    """
    kinds = list(product(SCHEDULES, settings.restart_sigmas))
    with publication.create(
        out,
        STUDY.kind(STEP),
        config=STUDY.used(STEP, settings),
        inputs={},
        stage_version=STUDY.steps[STEP].version,
    ) as store:
        found = []
        with Progress(f"evolution {STEP}", len(kinds), log) as progress:
            for kind in kinds:
                found.append(chains(*kind, settings))
                progress.update(1, found=float(found[-1][0].mean()))
        names = ("found", "evaluations", "begun")
        for name, values in zip(names, zip(*found, strict=True), strict=True):
            store.write(name, np.stack(values), ["kind", "search"])


def chains(
    name: str, sigma: float, settings: Evolution
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return of searches [S] if they found it, their evaluations, and their number."""
    largest = settings.population * (1 if name == "same" else 2**DOUBLINGS)
    key = key_for(settings.seed, 0, f"evolution {STEP} {name} {sigma}")
    ended = _chains(
        name,
        (settings.population, largest, settings.generations, settings.budget),
        jax.random.split(key, settings.restart_searches),
        table(largest, settings.dtype),
        jnp.array(sigma, settings.dtype),
    )
    # One that begins when all is spent is none.
    begun = ended.begun - (ended.generations == 0)
    parts = ended.found, ended.evaluations, begun
    return tuple(np.asarray(part) for part in parts)


def table(largest: int, dtype: str) -> Params:
    """Return CMA-ES's constants of every population [largest + 1, ...], by its size.

    Weights are filled up with zeros; of 0 and 1, which are none, they are those of 2.
    """
    sizes = [max(2, size) for size in range(largest + 1)]
    found = [searches.constants(size, None, dtype) for size in sizes]
    found = [
        c.replace(weights=np.pad(c.weights, (0, largest - len(c.weights))))
        for c in found
    ]
    return jax.tree.map(lambda *leaves: np.stack(leaves), *found)


class Task(NamedTuple):
    """What all chains of one program have in common."""

    schedule: str
    first: Schedule
    largest: int  # population that is drawn
    budget: int  # evaluations of a chain
    constants: Params  # of every population, as `table` has them
    sigma: jax.Array  # first step size []

    def begin(self, key: jax.Array, schedule: Schedule) -> Running:
        """Return a search that begins anywhere in the box."""
        mean = rates.start(key, jnp.array(True), self.sigma.dtype)
        return searches.begin(self.largest, mean, self.sigma * schedule.factor)

    def begun(self, key: jax.Array) -> Chain:
        """Return a chain at its beginning."""
        running, zero = self.begin(key, self.first), jnp.int32(0)
        return Chain(running, self.first, zero, zero, zero + 1, jnp.array(False))

    def active(self, chain: Chain) -> jax.Array:
        """Return whether a chain goes on, bool []."""
        spent = chain.evaluations + chain.schedule.population > self.budget
        return ~chain.found & ~spent

    def step(self, key: jax.Array, chain: Chain) -> Chain:
        """Return a chain after one generation more."""
        of_search, of_schedule, of_start = jax.random.split(key, 3)
        size = chain.schedule.population
        c = jax.tree.map(lambda leaf: leaf[size], self.constants)
        rules = cma_es.rules(self.largest, DIMENSION)
        optimum = jnp.array(OPTIMUM, self.sigma.dtype)
        loss = rates.squared(optimum, jnp.array(False))
        running, _ = searches.step(rules, c, loss, of_search, chain.running, size)
        count = chain.generations + 1
        following = self.following(chain.schedule, count * size, of_schedule)
        again = self.begin(of_start, following), following, 0, chain.begun + 1
        on = running, chain.schedule, count, chain.begun
        over = running.over | (count >= chain.schedule.generations)
        now = jax.tree.map(partial(jnp.where, over), again, on)
        running_now, schedule, generations, begun = now
        found = running.best <= FOUND
        spent = chain.evaluations + size
        return Chain(running_now, schedule, generations, spent, begun, found)

    def following(
        self, schedule: Schedule, evaluations: jax.Array, key: jax.Array
    ) -> Schedule:
        """Return the next search's, no larger than what is drawn."""
        found = SCHEDULES[self.schedule](self.first, schedule, evaluations, key)
        return found._replace(
            population=jnp.clip(found.population, self.first.population, self.largest),
            generations=jnp.maximum(found.generations, 1),
        )


@partial(jax.jit, static_argnums=(0, 1))
def _chains(
    name: str,
    sizes: tuple[int, int, int, int],
    keys: jax.Array,
    constants: Params,
    sigma: jax.Array,
) -> Chain:
    """Return where chains of searches [S, ...] end: found, or their budget spent."""
    population, largest, generations, budget = sizes
    first = restarts.initial(population, generations)
    task = Task(name, first, largest, budget, constants, sigma)

    def generation(carry: tuple[jax.Array, Chain]) -> tuple[jax.Array, Chain]:
        number, chains = carry
        of_generation = jax.vmap(jax.random.fold_in, (0, None))(keys, number)
        following = jax.vmap(task.step)(of_generation, chains)
        goes_on = jax.vmap(task.active)(chains)

        def kept(new: jax.Array, old: jax.Array) -> jax.Array:
            return jnp.where(goes_on.reshape(-1, *(1,) * (new.ndim - 1)), new, old)

        return number + 1, jax.tree.map(kept, following, chains)

    of_starts = jax.vmap(jax.random.fold_in, (0, None))(keys, 2**31)
    begun = jnp.int32(0), jax.vmap(task.begun)(of_starts)
    return jax.lax.while_loop(
        lambda carry: jax.vmap(task.active)(carry[1]).any(), generation, begun
    )[1]
