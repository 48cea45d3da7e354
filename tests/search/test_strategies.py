"""evosax's strategies through our door: all maximise, all resume exactly."""

import inspect

import evosax.algorithms.distribution_based as evosax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from evosax.algorithms.distribution_based.sep_cma_es import Sep_CMA_ES
from support.searches import ellipsoid, generation, sphere

from worldmodels.runtime.errors import UserError
from worldmodels.search import names, strategies
from worldmodels.search.cma_es import CMAES
from worldmodels.search.names import FULL_MATRIX, STRATEGIES
from worldmodels.search.optimiser import ranks
from worldmodels.search.strategies import by_name


def some(*quick):
    """Return all strategies; each takes seconds to compile, so most are for slow."""
    return [
        name if name in quick else pytest.param(name, marks=pytest.mark.slow)
        for name in STRATEGIES
    ]


def searched(es, start, generations, objective, key=0):
    """Return the state after so many generations from `start` in every parameter."""
    state = es.initial(np.full(es.dimension, start, np.float32))
    for _ in range(generations):
        state = generation(es, jax.random.key(key), state, objective)
    return state


# --- names -----------------------------------------------------------------------


@pytest.mark.parametrize("strategy", some())
def test_which_draw_in_pairs_is_known_before_they_are_made(strategy):
    by_name(strategy, 6, 7, 0.1)
    if strategy in names.IN_PAIRS:
        with pytest.raises(UserError, match="population of 5"):
            by_name(strategy, 5, 7, 0.1)
    else:
        by_name(strategy, 5, 7, 0.1)


def test_the_names_are_those_that_evosax_exports():
    """By importing it, which `names` must not do."""
    exported = set()
    for kind in evosax.distribution_based_algorithms.values():
        needed = [
            name
            for name, parameter in inspect.signature(kind).parameters.items()
            if parameter.default is inspect.Parameter.empty
        ]
        if needed == ["population_size", "solution"]:
            exported.add(kind.__module__.rpartition(".")[2])
    assert set(STRATEGIES) == exported
    assert STRATEGIES[0] == "cma_es"


def test_each_name_finds_its_class():
    for name in STRATEGIES:
        kind = strategies.strategy_class(name)
        assert kind in evosax.distribution_based_algorithms.values()
    assert strategies.strategy_class("sep_cma_es") is Sep_CMA_ES


def test_the_default_is_the_corrected_one():
    assert isinstance(by_name("cma_es", 8, 10, 0.1), CMAES)


# --- what every search has to do -------------------------------------------------

# How far the loss falls in 200 generations of 16 candidates from ten ones at sigma 0.1,
# on the sphere and in the valley. Those that are slow have evosax's learning rate of
# 0.001; the step size of rm_es falls to its least at once, because evosax 0.3 compares
# the weights of ranks where it means the fitness of two generations.
SPHERE, VALLEY = 2, 1.3
SLOW = {
    "ars": (1.2, 1.1),
    "asebo": (1.2, 1.1),
    "noise_reuse_es": (1.2, 1.1),
    "open_es": (1.4, 1.3),
    "persistent_es": (1.2, 1.1),
    "rm_es": (1.3, 1.3),
}


@pytest.mark.parametrize("name", some("sep_cma_es"))
def test_every_search_maximises(name):
    """Told minus the sphere it goes down the sphere, told the sphere it goes up."""
    es = by_name(name, 16, 10, 0.1)
    down = es.mean(searched(es, 1, 200, sphere))
    up = es.mean(searched(es, 1, 10, lambda x: -sphere(x)))
    assert sphere(down) < 10 / SLOW.get(name, (SPHERE, VALLEY))[0]
    assert sphere(up) > 10


@pytest.mark.parametrize("name", some())
def test_every_search_goes_down_an_uneven_valley(name):
    es = by_name(name, 16, 10, 0.1)

    def uneven(x):
        return ellipsoid(x) ** 0.5

    mean = es.mean(searched(es, 1, 200, uneven))
    factor = SLOW.get(name, (SPHERE, VALLEY))[1]
    assert uneven(mean) < uneven(np.ones(10)) / factor


@pytest.mark.parametrize("name", some("sep_cma_es"))
def test_every_stored_search_resumes_bit_for_bit(name, tmp_path):
    es = by_name(name, 16, 10, 0.1)
    state = searched(es, 1, 3, sphere)
    np.savez(tmp_path / "state.npz", **es.to_arrays(state))
    with np.load(tmp_path / "state.npz") as stored:
        resumed = by_name(name, 16, 10, 0.1).from_arrays(dict(stored))
    assert es.generation(resumed) == 3
    for _ in range(4):
        state = generation(es, jax.random.key(0), state, sphere)
        resumed = generation(es, jax.random.key(0), resumed, sphere)
    arrays, again = es.to_arrays(state), es.to_arrays(resumed)
    assert arrays.keys() == again.keys()
    for key, value in arrays.items():
        np.testing.assert_array_equal(again[key], value, err_msg=key)
        assert again[key].dtype == value.dtype
    assert es.generation(state) == 7


@pytest.mark.parametrize("name", some())
def test_sigma_is_the_first_step(name):
    """Of those that draw every parameter with it; two spread one sigma over all."""
    es = by_name(name, 16, 10, 0.2)
    state = es.initial(np.zeros(10, np.float32))
    ask = jax.jit(jax.vmap(lambda key: es.ask(key, state)[0]))
    draws = ask(jax.random.split(jax.random.key(1), 50))
    spread = float(np.sqrt(np.mean(np.square(draws))))
    expected = 0.2 / 10**0.5 if name in ("asebo", "guided_es") else 0.2
    if name == "gradientless_descent":  # it draws at sigma and at fractions of it
        assert 0.05 < spread < 0.2
        assert es.sigma(state) is None
    else:
        assert spread == pytest.approx(expected, rel=0.12)
        assert float(es.sigma(state)) == pytest.approx(0.2, rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", STRATEGIES)
def test_those_with_a_full_matrix_are_known(name):
    es = by_name(name, 4, 50, 0.1)
    arrays = es.to_arrays(es.initial(np.zeros(50)))
    full = any(array.shape.count(50) > 1 for array in arrays.values())
    assert full == (name in FULL_MATRIX)
    assert (names.matrices(name, 4) > 0) == full


# --- what is ours in it ----------------------------------------------------------


@pytest.mark.slow
def test_one_generation_is_evosaxs_where_nobody_is_tied():
    es = by_name("sep_cma_es", 8, 5, 0.1)
    state = es.initial(np.ones(5, np.float32))
    population, state = es.ask(jax.random.key(0), state)
    ours = es.tell(state, population, -sphere(population))
    plain = Sep_CMA_ES(8, jnp.zeros(5))
    params = plain.default_params.replace(std_init=0.1)
    theirs = plain.init(jax.random.key(0), jnp.ones(5), params)
    theirs = theirs.replace(**{  # `ask` decomposes
        name: getattr(state.of_evosax, name) for name in ("C", "D")
    })  # fmt: skip
    theirs, _ = plain.tell(
        jax.random.key(0), population, sphere(population), theirs, params
    )
    for name in ("mean", "std", "p_std", "p_c", "C"):
        np.testing.assert_allclose(
            getattr(ours.of_evosax, name), getattr(theirs, name), rtol=1e-5, atol=1e-7
        )


def test_ties_have_different_ranks():
    np.testing.assert_array_equal(ranks(jnp.array([5.0, 9.0, 5.0, 9.0])), [2, 0, 3, 1])


@pytest.mark.slow
def test_the_scale_of_the_returns_does_not_matter():
    """guided_es descends along the fitness itself: 1000 points are no larger step."""
    means = []
    for scale in (1.0, 1000.0):
        es = by_name("guided_es", 8, 5, 0.1)
        state = searched(es, 1, 3, lambda x, scale=scale: scale * sphere(x))
        means.append(es.mean(state))
    np.testing.assert_allclose(*means, rtol=1e-4)


@pytest.mark.parametrize("name", ["cma_es", "sep_cma_es", "open_es"])
def test_starts_may_be_traced(name):
    """So that many searches are one program."""
    es = by_name(name, 8, 3, 0.1)
    states = jax.eval_shape(jax.vmap(es.initial), jnp.zeros((5, 3)))
    assert all(leaf.shape[0] == 5 for leaf in jax.tree.leaves(states))
    with pytest.raises(UserError, match="3 finite numbers"):
        jax.eval_shape(es.initial, jnp.zeros(4))


def test_cma_es_alone_is_given_parents():
    assert by_name("cma_es", 8, 3, 0.1, 4) == CMAES(8, 3, 0.1, parents=4)
    assert by_name("cma_es", 8, 3, 0.1).parents is None


# --- what it refuses -------------------------------------------------------------


@pytest.mark.parametrize("name", ["pgpe", "open_es"])
def test_an_odd_population_is_refused_where_candidates_are_drawn_in_pairs(name):
    with pytest.raises(UserError, match=rf"{name} .* population of 7 .* even"):
        by_name(name, 7, 5, 0.1)


def test_impossible_searches_are_refused():
    with pytest.raises(UserError, match="sigma is 0"):
        by_name("snes", 8, 5, 0.0)
    with pytest.raises(UserError, match="5 finite numbers"):
        by_name("snes", 8, 5, 0.1).initial(np.zeros(4))


def test_a_damaged_store_is_refused():
    es = by_name("snes", 8, 5, 0.1)
    arrays = es.to_arrays(es.initial(np.zeros(5)))
    with pytest.raises(UserError, match="lacks std"):
        es.from_arrays({k: v for k, v in arrays.items() if k != "std"})
    with pytest.raises(UserError, match=r"mean has shape \(4,\)"):
        es.from_arrays(arrays | {"mean": arrays["mean"][:4]})
