"""CMA-ES between generations: its state, stored and resumed, and what it refuses."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.searches import ellipsoid, generation, sphere

from worldmodels.runtime.errors import UserError
from worldmodels.search import cma_es
from worldmodels.search.cma_es import CMAES
from worldmodels.search.optimiser import check_fitness


def test_a_stored_search_resumes_bit_for_bit(tmp_path):
    es = CMAES(8, 60, 0.3)
    key = jax.random.key(0)
    state = es.initial(jnp.ones(60))
    for number in range(12):
        if number == 5:  # between two decompositions
            np.savez(tmp_path / "state.npz", **es.to_arrays(state))
        state = generation(es, key, state, ellipsoid)
    with np.load(tmp_path / "state.npz") as stored:
        resumed = es.from_arrays(dict(stored))
    assert int(resumed.generation) == 5
    for _ in range(7):
        resumed = generation(CMAES(8, 60, 0.3), key, resumed, ellipsoid)
    for name, value in es.to_arrays(state).items():
        np.testing.assert_array_equal(getattr(resumed, name), value, err_msg=name)
        assert getattr(resumed, name).dtype == value.dtype


def test_a_second_search_of_a_size_does_not_compile_again(monkeypatch):
    traces = []
    decompose = cma_es.decompose

    def counted(C):
        traces.append(C.shape)
        return decompose(C)

    monkeypatch.setattr(cma_es, "decompose", counted)
    for sigma in (0.1, 0.2):
        es = CMAES(9, 13, sigma)
        state = es.initial(jnp.zeros(13))
        for _ in range(3):
            state = generation(es, jax.random.key(0), state, sphere)
    assert traces == [(13, 13)]


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_mean_decides_the_dtype(dtype):
    es = CMAES(8, 5, 0.1)
    state = es.initial(np.zeros(5, dtype))
    state = generation(es, jax.random.key(0), state, sphere)
    assert {value.dtype for value in state[:-1]} == {np.dtype(dtype)}


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_fitness_that_is_not_finite_is_refused(bad):
    fitness = np.arange(64.0)
    check_fitness(fitness, "generation 3 of round 0")
    fitness[7] = bad
    with pytest.raises(UserError, match=r"1 of 64 .*generation 3 of round 0.* 7 \("):
        check_fitness(fitness, "generation 3 of round 0")


def test_a_wholly_bad_generation_is_one_short_sentence():
    with pytest.raises(UserError, match=r"64 of 64 .* and 56 more") as error:
        check_fitness(jnp.full(64, jnp.nan), "generation 0 of round 1")
    assert len(str(error.value)) < 400


@pytest.mark.parametrize(
    ("population", "dimension", "sigma", "named"),
    [
        (1, 10, 0.1, "population is 1"),
        (8, 0, 0.1, "0 parameters"),
        (8, 10, 0.0, "sigma is 0.0"),
        (8, 10, math.nan, "sigma is nan"),
        (8, 10, math.inf, "sigma is inf"),
    ],
)
def test_impossible_searches_are_refused(population, dimension, sigma, named):
    with pytest.raises(UserError, match=named):
        CMAES(population, dimension, sigma)


@pytest.mark.parametrize("parents", [-1, 0, 9])
def test_impossible_parents_are_refused(parents):
    with pytest.raises(UserError, match=rf"controller.parents is {parents}; .* 1 to 8"):
        CMAES(8, 10, 0.1, parents)


def test_a_traced_start_of_another_size_is_refused():
    with pytest.raises(UserError, match="10 finite numbers"):
        jax.jit(CMAES(8, 10, 0.1).initial)(jnp.zeros(9))


@pytest.mark.parametrize("mean", [np.zeros(9), np.zeros((1, 10)), np.full(10, np.nan)])
def test_an_impossible_start_is_refused(mean):
    with pytest.raises(UserError, match="10 finite numbers"):
        CMAES(8, 10, 0.1).initial(mean)


def test_a_damaged_store_is_refused():
    es = CMAES(8, 10, 0.1)
    arrays = es.to_arrays(es.initial(np.zeros(10)))
    with pytest.raises(UserError, match="lacks path_c"):
        es.from_arrays({k: v for k, v in arrays.items() if k != "path_c"})
    with pytest.raises(UserError, match=r"C has shape \(9, 10\)"):
        es.from_arrays(arrays | {"C": arrays["C"][:9]})
