"""Searches as one program: beside plain loops, mirrored, and of a part alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from evosax.algorithms.distribution_based.cma_es import CMA_ES
from support.searches import generation, sphere

from worldmodels.search import cma_es
from worldmodels.search.cma_es import CMAES
from worldmodels.search.strategies import by_name
from worldmodels.studies.evolution import rates, restarted, searches
from worldmodels.studies.evolution.functions import FOUND
from worldmodels.studies.evolution.searches import ScalarRankOne
from worldmodels.studies.evolution.settings import (
    FORMS,
    MIRRORED,
    NEAR,
    OPTIMUM,
    SCALAR,
    TENSOR,
    Case,
    Evolution,
)

FLIP = np.array([1.0, -1.0])


def one_generation(kind, x, losses):
    """Return the state after candidates x [P, 2] of the first generation."""
    rules, c = cma_es.rules(8, 2, kind), searches.constants(8, 4, np.float64)
    state = CMAES(8, 2, 1.0).initial(np.zeros(2), 0.5)
    return cma_es.updated(rules, c, 1, state, x, -losses)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(("kind", "same"), [(CMA_ES, True), (ScalarRankOne, False)])
def test_a_mirrored_axis_mirrors_the_right_code(kind, same):
    """The seeds' scalar stretches C along (1, 1) whichever way the mean goes."""
    x = np.random.default_rng(0).normal(size=(8, 2)) / 2
    losses = ((x - np.array([3.0, 3.0])) ** 2).sum(-1)
    plain = one_generation(kind, x, losses)
    mirrored = one_generation(kind, x * FLIP, losses)
    np.testing.assert_allclose(mirrored.mean, plain.mean * FLIP, rtol=1e-12)
    expected = np.outer(FLIP, FLIP) * plain.C
    assert np.allclose(mirrored.C, expected, rtol=1e-9) == same
    if not same:
        assert mirrored.C[0, 1] > 0 < plain.C[0, 1]


@pytest.mark.slow
def test_the_right_code_finds_as_often_with_an_axis_mirrored_and_the_seeds_does_not():
    settings = Evolution()

    def share(rank_one, optimum):
        case = Case(FORMS[0], NEAR, 16, 0.3, rank_one, optimum)
        course, _ = rates.searched(case, settings)
        return (course.best[:, -1] <= FOUND).mean()

    error = 5 * (2 * 0.25 / settings.searches) ** 0.5 / 2
    assert abs(share(TENSOR, OPTIMUM) - share(TENSOR, MIRRORED)) < error
    assert share(SCALAR, OPTIMUM) > 2 * share(SCALAR, MIRRORED) + error


@pytest.mark.usefixtures("float64")
def test_a_part_of_a_population_is_a_smaller_population():
    """What is drawn beyond its size counts for nothing."""
    table = restarted.table(16, "float64")
    rng = np.random.default_rng(0)
    x, losses = rng.normal(size=(16, 2)), rng.normal(size=16)
    state = CMAES(8, 2, 1.0).initial(np.zeros(2), 0.5)
    whole = cma_es.updated(
        cma_es.rules(8, 2), cma_es.constants(8, 2), 1, state, x[:8], -losses[:8]
    )
    losses[8:] = np.inf
    c = jax.tree.map(lambda leaf: leaf[8], table)
    part = cma_es.updated(cma_es.rules(16, 2), c, 1, state, x, -losses)
    for name, value in whole._asdict().items():
        np.testing.assert_allclose(getattr(part, name), value, rtol=1e-9, err_msg=name)


def test_the_es_moves_to_the_best_candidate():
    key, start = jax.random.key(3), jnp.array([2.0, -1.0])
    found = searches.evolution_strategy(6, sphere, 5, key, start, jnp.array(0.4))
    mean, best = np.asarray(start), np.inf
    for number, each in enumerate(jax.random.split(key, 5)):
        np.testing.assert_allclose(found.mean[number], mean, rtol=1e-4)
        x = mean + 0.4 * np.asarray(jax.random.normal(each, (6, 2)))
        losses = sphere(x)
        mean, best = x[losses.argmin()], min(best, losses.min())
        assert found.best[number] == pytest.approx(best, rel=1e-4)


def test_a_strategy_of_evosax_is_asked_and_told():
    es = by_name("snes", 8, 2, 0.3)
    key, start = jax.random.key(1), jnp.array([1.0, 1.0])
    found = searches.strategy(es, sphere, 3, key, start)
    state = es.initial(start)
    for number, each in enumerate(jax.random.split(key, 3)):
        np.testing.assert_allclose(found.mean[number], es.mean(state), rtol=1e-5)
        x, state = es.ask(each, state)
        state = es.tell(state, x, -sphere(x))
    assert (np.diff(found.best) <= 0).all()


@pytest.mark.usefixtures("float64")
def test_what_is_over_stays_as_it_is_in_double_precision():
    settings = Evolution(generations=60, dtype="float64")
    case = Case(FORMS[0], NEAR, 0, 3.0)
    keys = jax.random.split(jax.random.key(0), 3)
    course, drawn = rates.followed(case, settings, keys)
    assert course.best.dtype == drawn.mean.dtype == np.float64
    assert (np.diff(course.best, axis=1) <= 0).all()
    assert (course.over < 60).all()
    for over, mean in zip(course.over, drawn.mean, strict=True):
        assert (mean[over:] == mean[over]).all()
        assert (mean[over - 1] != mean[over]).any()


def test_a_generation_is_that_of_the_optimiser():
    es = CMAES(8, 2, 0.5)
    rules, c = cma_es.rules(8, 2), searches.constants(8, None, np.float32)
    start, key = jnp.array([1.0, -2.0]), jax.random.key(0)
    running = searches.begin(8, start, 0.5)
    step = jax.jit(lambda key, now: searches.step(rules, c, sphere, key, now))
    state = es.initial(start)
    for _ in range(3):
        each = jax.random.fold_in(key, es.generation(state))
        running, drawn = step(each, running)
        state = generation(es, key, state, sphere)
        np.testing.assert_allclose(running.state.mean, state.mean, atol=1e-5)
        np.testing.assert_allclose(running.state.C, state.C, rtol=1e-3, atol=1e-5)
    assert drawn.population.shape == (8, 2)


@pytest.mark.slow
@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    ("schedule", "begun", "spent"),
    # Of 5 generations each: of 8; or of 8, 16 and 32, which is stopped after two.
    [("same", 5, 200), ("IPOP", 3, 8 * 5 + 16 * 5 + 32 * 2)],
)
def test_a_search_begins_again_until_its_evaluations_are_spent(schedule, begun, spent):
    settings = Evolution(
        population=8, generations=5, budget=200, restart_searches=3, parents=(0,),
        dtype="float64",
    )  # fmt: skip
    found, evaluations, count = restarted.chains(schedule, 0.3, settings)
    assert not found.any()
    assert (count == begun).all()
    assert (evaluations == spent).all()
