"""The functions beside numbers worked out by hand and by plain loops."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize

from worldmodels.studies.evolution.functions import (
    FUNCTIONS,
    H1_OPTIMUM,
    loss_of,
    schaffer,
    starts,
)

SADDLES, RINGS = np.array(False), np.array(True)
BY_NAME = {function.name: function for function in FUNCTIONS}


def by_hand(x, y, rings):
    u, v = x - 10, y - 10
    wave = math.sqrt(u * u + v * v) if rings else u * u - v * v
    return 0.5 + (math.sin(wave) ** 2 - 0.5) / (1 + 0.001 * (u * u + v * v)) ** 2


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("rings", [False, True])
def test_schaffers_function_is_its_formula(rings):
    x = np.random.default_rng(0).uniform(-20, 40, (50, 2))
    expected = [by_hand(*point, rings) for point in x]
    f = schaffer(jnp.array(x), jnp.array([10.0, 10.0]), np.array(rings))
    np.testing.assert_allclose(f, expected, rtol=1e-9)
    assert schaffer(jnp.array([10.0, 10.0]), jnp.array([10.0, 10.0]), rings) == 0


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(("k", "f"), [(1, 0.0031), (2, 0.0062), (3, 0.0093)])
def test_the_seeds_form_has_minima_on_the_axes_and_no_ring(k, f):
    """At distance sqrt(k pi); on the diagonals it rises from the optimum alone."""

    of = jax.jit(lambda x: schaffer(x, jnp.zeros(2), SADDLES))

    def at(x):
        return float(of(x))

    found = scipy.optimize.minimize(
        at, np.array([math.sqrt(k * math.pi), 0.01]), method="Powell"
    )
    np.testing.assert_allclose(found.x, [math.sqrt(k * math.pi), 0], atol=0.02)
    assert found.fun == pytest.approx(f, abs=2e-4)
    along = np.linspace(0, 20, 400)
    diagonal = schaffer(np.stack([along, along], -1), np.zeros(2), SADDLES)
    assert (np.diff(diagonal) > 0).all()


@pytest.mark.usefixtures("float64")
def test_the_other_form_has_a_ring():
    angles = np.linspace(0, 2 * np.pi, 17)
    ring = math.pi * np.stack([np.cos(angles), np.sin(angles)], -1)
    f = schaffer(jnp.array(ring), jnp.zeros(2), RINGS)
    np.testing.assert_allclose(f, 0.0097, atol=1e-4)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
def test_a_loss_is_least_at_its_optimum(function):
    at = np.array(function.optimum)
    assert abs(function.loss(jnp.array(at))) < 1e-4
    x = np.random.default_rng(1).uniform(-1, 1, (4000, 2)) * function.box
    assert function.loss(jnp.array(x)).min() > -1e-4


@pytest.mark.usefixtures("float64")
def test_values_by_hand():
    x = jnp.array([1.5, -2.0])
    assert BY_NAME["sphere"].loss(x) == pytest.approx(2.25 + 4)
    # 10 n + sum of x^2 - 10 cos 2 pi x: the cosines are -1 and 1.
    assert BY_NAME["Rastrigin"].loss(x) == pytest.approx(20 + 6.25 + 10 - 10)
    assert BY_NAME["H1"].loss(jnp.array(H1_OPTIMUM)) == pytest.approx(0, abs=1e-4)
    value = (math.sin(1.5 + 0.25) ** 2 + math.sin(-2 + 1.5 / 8) ** 2) / (
        math.hypot(1.5 - 8.6998, -2 - 6.7665) + 1
    )
    assert BY_NAME["H1"].loss(x) == pytest.approx(2 - value)


@pytest.mark.usefixtures("float64")
def test_schwefels_function_rises_outside_its_box():
    """It has better values there, unless it is clipped."""
    loss = BY_NAME["Schwefel"].loss
    edge, outside = jnp.array([500.0, 0.0]), jnp.array([507.0, 0.0])
    assert loss(outside) == pytest.approx(loss(edge) + 49)
    assert loss(jnp.array([5000.0, 5000.0])) > loss(edge)


def test_functions_are_found_by_number_and_starts_fill_their_boxes():
    x = jnp.array([[1.0, 2.0], [-3.0, 4.0]])
    for number, function in enumerate(FUNCTIONS):
        np.testing.assert_allclose(
            jax.jit(loss_of)(number, x), function.loss(x), rtol=1e-6
        )
        found = np.asarray(starts(jax.random.key(0), number, 2000))
        most = math.floor(function.box)
        assert found.min() == -most or function.box > 100
        assert abs(found).max() <= most
        assert found.max() > 0.99 * most
