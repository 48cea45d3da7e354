"""Step rates: how often CMA-ES finds the optimum of Schaffer's function."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from evosax.algorithms.distribution_based.cma_es import CMA_ES, Params

from worldmodels.runtime.progress import Progress
from worldmodels.runtime.randomness import key_for
from worldmodels.search import cma_es
from worldmodels.stores import publication
from worldmodels.studies.evolution.functions import FOUND, schaffer
from worldmodels.studies.evolution.searches import (
    DIMENSION,
    Course,
    Generation,
    ScalarRankOne,
    constants,
    search,
)
from worldmodels.studies.evolution.settings import (
    BOX,
    FORMS,
    SCALAR,
    Case,
    Evolution,
    cases,
)
from worldmodels.studies.evolution.steps import STUDY

STEP = "rates"
LOW, HIGH = -20.0, 40.0  # of the box that starts lie in


def run(*, settings: Evolution, out: Path, log: Path | None) -> None:
    """Run all searches and publish a store at `out`.

    Raises:
        UserError: for a full disk.
    """
    listed = cases(settings)
    with publication.create(
        out,
        STUDY.kind(STEP),
        config=STUDY.used(STEP, settings),
        inputs={},
        stage_version=STUDY.steps[STEP].version,
    ) as store:
        courses, ends = [], []
        with Progress(f"evolution {STEP}", len(listed), log) as progress:
            for case in listed:
                course, end = searched(case, settings)
                courses.append(course)
                ends.append(end)
                rate = float((course.best[:, -1] <= FOUND).mean())
                progress.update(1, found=rate)
        best, over = (np.stack(part) for part in zip(*courses, strict=True))
        store.write("best", best, ["case", "search", "generation"])
        store.write("over", over, ["case", "search"])
        store.write("end", np.stack(ends), ["case", "search", "coordinate"])


def searched(case: Case, settings: Evolution) -> tuple[Course, np.ndarray]:
    """Return the courses [S, ...] of a case's searches, and their last means [S, 2]."""
    rules = rules_of(case.rank_one, settings.population)
    found = constants(settings.population, case.parents or None, settings.dtype)
    key = key_for(settings.seed, 0, f"evolution {STEP} {case.name}")
    keys = jax.random.split(key, settings.searches)
    sizes = settings.generations, settings.dtype
    course, end = _searched(rules, *sizes, keys, found, *traced(case, settings.dtype))
    return jax.tree.map(np.asarray, course), np.asarray(end)


def rules_of(rank_one: str, population: int) -> CMA_ES:
    """Return the rules of update with the rank-one term of that name."""
    kind = ScalarRankOne if rank_one == SCALAR else CMA_ES
    return cma_es.rules(population, DIMENSION, kind)


def traced(case: Case, dtype: str) -> tuple[jax.Array, ...]:
    """Return what cases of one program differ by: step, optimum, form and start."""
    sigma, optimum = jnp.array(case.sigma, dtype), jnp.array(case.optimum, dtype)
    return (
        sigma,
        optimum,
        jnp.array(case.form == FORMS[1]),
        jnp.array(case.start == BOX),
    )


def start(key: jax.Array, in_box: jax.Array, dtype: str) -> jax.Array:
    """Return where a search starts [2]: uniform in the box, or from N(0, I)."""
    shape = (DIMENSION,)
    box = jax.random.uniform(key, shape, dtype, LOW, HIGH)
    return jnp.where(in_box, box, jax.random.normal(key, shape, dtype))


def squared(optimum: jax.Array, rings: jax.Array) -> Callable[[jax.Array], jax.Array]:
    """Return the loss: the square of Schaffer's function."""
    return lambda x: schaffer(x, optimum, rings) ** 2


@partial(jax.jit, static_argnums=(0, 1, 2))
def _searched(
    rules: CMA_ES,
    generations: int,
    dtype: str,
    keys: jax.Array,
    c: Params,
    sigma: jax.Array,
    optimum: jax.Array,
    rings: jax.Array,
    in_box: jax.Array,
) -> tuple[Course, jax.Array]:
    def one(key: jax.Array) -> tuple[Course, jax.Array]:
        of_start, of_search = jax.random.split(key)
        mean, loss = start(of_start, in_box, dtype), squared(optimum, rings)
        course, drawn = search(rules, c, loss, generations, of_search, mean, sigma)
        return course, drawn.mean[-1]

    return jax.vmap(one)(keys)


def followed(
    case: Case, settings: Evolution, keys: jax.Array
) -> tuple[Course, Generation]:
    """Return courses and generations [S, G, ...] of a case's searches, one a key."""
    rules = rules_of(case.rank_one, settings.population)
    c = constants(settings.population, case.parents or None, settings.dtype)
    sigma, optimum, rings, in_box = traced(case, settings.dtype)

    @jax.jit
    @jax.vmap
    def one(key: jax.Array) -> tuple[Course, Generation]:
        of_start, of_search = jax.random.split(key)
        mean = start(of_start, in_box, settings.dtype)
        loss, count = squared(optimum, rings), settings.generations
        return search(rules, c, loss, count, of_search, mean, sigma)

    return one(keys)
