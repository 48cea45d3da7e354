"""Schedules of restarts, beside the populations and steps that pycma restarts with."""

import itertools

import cma
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cma import evolution_strategy

from worldmodels.search import restarts


def rastrigin(x):
    return 20 + sum(x**2 - 10 * np.cos(2 * np.pi * x))


@pytest.fixture
def searches(monkeypatch):
    """Return a list of pycma's searches, each with its limit and the numbers drawn."""
    made, drawn = [], []
    uniform = np.random.uniform

    def spied(*args):
        value = uniform(*args)
        drawn.append(value)
        return value

    class Spy(cma.CMAEvolutionStrategy):
        def __init__(self, *args):
            # The start is drawn with it as well, in calls of its own.
            numbers = [n for n in drawn if np.ndim(n) == 0]
            drawn.clear()
            super().__init__(*args)
            made.append((self, self.opts["maxiter"], numbers))

    monkeypatch.setattr(evolution_strategy.np.random, "uniform", spied)
    monkeypatch.setattr(evolution_strategy, "CMAEvolutionStrategy", Spy)
    return made


def restarted(bipop, count):
    """Let pycma search Rastrigin's function far away, `count` large searches long."""
    options = {"popsize": 8, "seed": 5, "verbose": -9, "ftarget": -1}
    options["eval_final_mean"] = False
    cma.fmin2(
        rastrigin, [30.0, -20.0], 0.5, options, restarts=count, bipop=bipop,
        eval_initial_x=False,
    )  # fmt: skip


def test_bipop_is_that_of_pycma(searches):
    restarted(True, 3)
    assert len(searches) > 4
    first = now = restarts.initial(8, searches[0][1])
    small, following = 0, jax.jit(restarts.bipop_drawn)
    for before, (theirs, limit, drawn) in itertools.pairwise(searches):
        spent = before[0].countiter * before[0].popsize
        draws = jnp.array(drawn or [0.0, 0.0])
        now = following(first, now, jnp.int32(spent), draws)
        assert int(now.population) == theirs.popsize
        assert float(0.5 * now.factor) == pytest.approx(theirs.sigma0, rel=1e-5)
        assert int(now.generations) == np.ceil(limit)
        assert bool(now.small) == bool(drawn)
        small += bool(drawn)
    assert small > 1


def test_ipop_is_that_of_pycma(searches):
    restarted(False, 3)
    first = now = restarts.initial(8, 10**6)
    assert len(searches) == 4
    for theirs, *_ in searches[1:]:
        now = restarts.ipop(first, now, jnp.int32(100), jax.random.key(0))
        assert int(now.population) == theirs.popsize
        assert float(now.factor) == 1


@pytest.mark.parametrize("schedule", [restarts.ipop, restarts.bipop])
def test_a_population_that_doubled_for_ever_stays_a_number(schedule):
    first = now = restarts.initial(65_536, 10)
    step = jax.jit(schedule)
    for number in range(70):
        now = step(first, now, jnp.int32(1), jax.random.key(number))
        assert int(now.population) >= 65_536


def test_small_searches_are_drawn_between_the_first_and_the_large_population():
    first = restarts.initial(8, 1000)
    spent = jnp.array([10_000, 0], jnp.int32)
    now = first._replace(doublings=jnp.int32(4), spent=spent)
    keys = jax.random.split(jax.random.key(0), 500)
    drawn = jax.vmap(lambda key: restarts.bipop(first, now, jnp.int32(80), key))(keys)
    assert drawn.small.all()
    populations = np.asarray(drawn.population)
    assert populations.min() == 8
    assert 100 < populations.max() < 8 * 2**4
    # Half of the numbers drawn are below 0.5, whose square is a quarter.
    assert np.median(populations) == pytest.approx(8 * 2 ** (4 / 4), rel=0.15)
    assert np.median(np.log10(drawn.factor)) == pytest.approx(-1, abs=0.15)
