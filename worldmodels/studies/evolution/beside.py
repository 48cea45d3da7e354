"""Step beside: CMA-ES, a (1, lambda)-ES and strategies of evosax on four functions.

Every search of one function begins at the same random whole numbers. Step sizes are
shares of the function's box, but for two that the seeds have: 2, and sqrt(0.02 box).
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.runtime.progress import Progress
from worldmodels.runtime.randomness import key_for
from worldmodels.search import cma_es
from worldmodels.search.strategies import by_name
from worldmodels.stores import publication
from worldmodels.studies.evolution import searches
from worldmodels.studies.evolution.functions import BOXES, FUNCTIONS, loss_of, starts
from worldmodels.studies.evolution.searches import DIMENSION
from worldmodels.studies.evolution.settings import Evolution
from worldmodels.studies.evolution.steps import STUDY

STEP = "beside"
ES, CMA = "(1, lambda)-ES", "CMA-ES"
_SHARE = 0.3  # of the box: the first step of evosax's strategies


class Searcher(NamedTuple):
    """One way to search all functions, a column of the table.

    Attributes:
        strategy: `ES`, `CMA` or a strategy of evosax.
        step: its first step in words.
        steps: [F] of each function.
    """

    strategy: str
    step: str
    steps: tuple[float, ...]

    @property
    def name(self) -> str:
        """The column's name."""
        return f"{self.strategy}, {self.step}"


def searchers(strategies: tuple[str, ...]) -> list[Searcher]:
    """Return all columns of the table."""

    def share(of: float) -> tuple[float, ...]:
        return tuple(of * box for box in BOXES)

    small = tuple((0.02 * box) ** 0.5 for box in BOXES)
    return [
        Searcher(ES, "sqrt(0.02 box)", small),
        *(Searcher(ES, f"{of} box", share(of)) for of in (0.1, 0.3)),
        Searcher(CMA, "2", (2.0,) * len(BOXES)),
        *(Searcher(CMA, f"{of} box", share(of)) for of in (0.3, 0.6)),
        *(Searcher(name, f"{_SHARE} box", share(_SHARE)) for name in strategies),
    ]


def run(*, settings: Evolution, out: Path, log: Path | None) -> None:
    """Run all searches and publish a store at `out`.

    Raises:
        UserError: for a full disk.
    """
    columns = searchers(settings.strategies)
    with publication.create(
        out,
        STUDY.kind(STEP),
        config=STUDY.used(STEP, settings) | {"columns": [c.name for c in columns]},
        inputs={},
        stage_version=STUDY.steps[STEP].version,
    ) as store:
        best = []
        with Progress(f"evolution {STEP}", len(columns), log) as progress:
            for column in columns:
                best.append(searched(column, settings))
                progress.update(1)
        axes = ["searcher", "function", "search", "generation"]
        store.write("best", np.stack(best), axes)
        for strategy, path in paths(settings).items():
            axes = ["function", "generation", "coordinate"]
            store.write(f"path/{strategy}", path, axes)


def searched(column: Searcher, settings: Evolution) -> np.ndarray:
    """Return the smallest losses so far [F, S, G] of a column's searches."""
    program = _program(column.strategy, settings)
    found = []
    for number, function in enumerate(FUNCTIONS):
        begins = key_for(settings.seed, 0, f"evolution {function.name} start")
        mean = starts(begins, number, settings.searches).astype(settings.dtype)
        key = key_for(settings.seed, 0, f"evolution {function.name} {column.name}")
        keys = jax.random.split(key, settings.searches)
        sigma = jnp.array(column.steps[number], settings.dtype)
        box = jnp.array(function.box, settings.dtype)
        found.append(np.asarray(program(jnp.int32(number), keys, mean, sigma, box)))
    return np.stack(found)


def _program(strategy: str, settings: Evolution) -> Callable[..., jax.Array]:
    """Return the program of a strategy's searches, one for all functions and steps."""
    sizes = settings.population, settings.generations_beside
    if strategy in (ES, CMA):
        return partial(_ours, strategy, *sizes, settings.dtype)
    return partial(_of_evosax, strategy, *sizes)


@partial(jax.jit, static_argnums=(0, 1, 2, 3))
def _ours(
    strategy: str,
    population: int,
    generations: int,
    dtype: str,
    number: jax.Array,
    keys: jax.Array,
    means: jax.Array,
    sigma: jax.Array,
    box: jax.Array,
) -> jax.Array:
    del box
    rules = cma_es.rules(population, DIMENSION)
    c = searches.constants(population, None, dtype)

    def one(key: jax.Array, mean: jax.Array) -> jax.Array:
        given = partial(loss_of, number), generations, key, mean, sigma
        if strategy == ES:
            return searches.evolution_strategy(population, *given).best
        return searches.search(rules, c, *given)[0].best

    return jax.vmap(one)(keys, means)


@partial(jax.jit, static_argnums=(0, 1, 2))
def _of_evosax(
    strategy: str,
    population: int,
    generations: int,
    number: jax.Array,
    keys: jax.Array,
    means: jax.Array,
    sigma: jax.Array,
    box: jax.Array,
) -> jax.Array:
    """Search in units of the box, as a strategy's first step is none of its arrays."""
    del sigma
    es = by_name(strategy, population, DIMENSION, _SHARE)

    def one(key: jax.Array, mean: jax.Array) -> jax.Array:
        def loss(x: jax.Array) -> jax.Array:
            return loss_of(number, box * x)

        return searches.strategy(es, loss, generations, key, mean / box).best

    return jax.vmap(one)(keys, means)


def paths(settings: Evolution) -> dict[str, np.ndarray]:
    """Return where the mean of one search of each function goes, [F, G, 2]."""
    corner = [(-0.8 * f.box, -0.6 * f.box) for f in FUNCTIONS]
    found = {ES: [], CMA: []}
    for number, function in enumerate(FUNCTIONS):
        key = key_for(settings.seed, 0, f"evolution {function.name} path")
        mean = jnp.array(corner[number], settings.dtype)
        step = jnp.array(0.3 * function.box, settings.dtype)
        for strategy, share in ((ES, 1 / 3), (CMA, 1.0)):
            given = strategy, settings.population, settings.generations_beside
            path = _path(*given, settings.dtype, number, key, mean, share * step)
            found[strategy].append(np.asarray(path))
    return {"es": np.stack(found[ES]), "cma": np.stack(found[CMA])}


@partial(jax.jit, static_argnums=(0, 1, 2, 3))
def _path(
    strategy: str,
    population: int,
    generations: int,
    dtype: str,
    number: jax.Array,
    key: jax.Array,
    mean: jax.Array,
    sigma: jax.Array,
) -> jax.Array:
    given = partial(loss_of, number), generations, key, mean, sigma
    if strategy == ES:
        return searches.evolution_strategy(population, *given).mean
    rules = cma_es.rules(population, DIMENSION)
    c = searches.constants(population, None, dtype)
    return searches.search(rules, c, *given)[1].mean
