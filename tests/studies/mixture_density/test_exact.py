"""The exact density of both toys against their draws, integration and the page's."""

import numpy as np
import pytest
from scipy import integrate

from worldmodels.studies.mixture_density import exact, toys

TOYS = ("a", "b")


@pytest.fixture(scope="module", params=TOYS)
def drawn(request):
    """Points of a toy: its name, x and y [100000]."""
    return request.param, *toys.draw(np.random.default_rng(3), request.param, 100_000)


@pytest.mark.parametrize("toy", TOYS)
def test_a_conditional_density_integrates_to_1(toy):
    x, _ = toys.draw(np.random.default_rng(0), toy, 50)
    whole = exact.conditional(toy, x).mean(axis=1)
    np.testing.assert_allclose(whole * (toys.HIGHEST[toy] - toys.LOWEST[toy]), 1)


def test_nothing_is_where_no_point_can_be():
    assert not exact.conditional("a", np.array([-1.2, 1.7])).any()
    assert exact.density("a", np.array(0.3), np.array([-0.1, 1.1])).tolist() == [0, 0]
    assert exact.density("b", np.array(0.0), np.array([-10.6, 10.6])).tolist() == [0, 0]


@pytest.mark.parametrize("x", [-9.0, 0.3, 4.0])
def test_the_moments_of_toy_b_are_those_of_adaptive_integration(x):
    def moment(power: int) -> float:
        def integrand(y):
            return y**power * np.exp(-0.5 * (x - 7 * np.sin(0.75 * y) - 0.5 * y) ** 2)

        return integrate.quad(integrand, -10.5, 10.5, limit=500)[0]

    evidence, mean = moment(0), moment(1) / moment(0)
    found = exact.at("b", np.array([x]))
    logevidence = np.log(evidence / np.sqrt(2 * np.pi) / 21)
    np.testing.assert_allclose(found.logevidence, logevidence, rtol=1e-6)
    np.testing.assert_allclose(found.mean, mean, rtol=1e-6)
    np.testing.assert_allclose(
        found.variance, moment(2) / evidence - mean**2, rtol=1e-6
    )


def test_toy_a_at_its_symmetric_x_by_hand():
    """At x = 0 the band is met near y = 0.5 and above a y from which x may be 0.

    x = 0 lies inside where sin 2 pi y is in [-0.2 (cos 2 pi y + 2), 0]: from y = 0.5 to
    the root of sin + 0.2 cos + 0.4 = 0 behind it, and from the second root to 1.
    """
    angle = 2 * np.pi * np.array([0.5, 1.0])
    # sin t + 0.2 cos t = r sin(t + phi), r = sqrt(1.04), phi = atan(0.2)
    t = np.arcsin(0.4 / np.sqrt(1.04))
    roots = np.array([np.pi + t, 2 * np.pi - t]) - np.arctan(0.2)
    pieces = [(angle[0], roots[0]), (roots[1], angle[1])]

    def moment(power):
        return sum(
            integrate.quad(
                lambda t: (t / 2 / np.pi) ** power / (0.2 * (np.cos(t) + 2)), *piece
            )[0]
            for piece in pieces
        )

    found = exact.at("a", np.array([0.0]))
    mean = moment(1) / moment(0)
    np.testing.assert_allclose(
        found.logevidence, np.log(moment(0) / 2 / np.pi), atol=5e-3
    )
    np.testing.assert_allclose(found.mean, mean, atol=1e-3)
    np.testing.assert_allclose(
        found.variance, moment(2) / moment(0) - mean**2, atol=1e-3
    )


def test_the_moments_of_draws_are_those_of_quadrature(drawn):
    toy, x, y = drawn
    at = np.linspace(x.min() - 1, x.max() + 1, 1500)
    grid = exact.midpoints(toy)[::10]
    joint = exact.density(toy, at[:, None], grid)
    joint /= joint.sum()
    for of in (
        lambda x, y: x,
        lambda x, y: x**2,
        lambda x, y: x * y,
        lambda x, y: y**2,
    ):
        draws = of(x, y)
        error = draws.std() / np.sqrt(len(draws))
        expected = (joint * of(at[:, None], grid)).sum()
        assert draws.mean() == pytest.approx(expected, abs=5 * error)


def test_draws_of_one_x_have_its_mean_and_variance(drawn):
    toy, x, y = drawn
    for place in np.quantile(x, [0.2, 0.5, 0.85]):
        near = y[np.abs(x - place) < 0.01 * np.ptp(x)]
        found = exact.at(toy, np.array([place]))
        error = near.std() / np.sqrt(len(near))
        assert near.mean() == pytest.approx(found.mean[0], abs=5 * error)
        assert near.var() == pytest.approx(found.variance[0], rel=0.15)


@pytest.mark.parametrize(
    ("toy", "nll", "irreducible"), [("a", -1.825, 0.0289), ("b", 1.298, 21.28)]
)
def test_the_exact_figures_are_those_of_the_page(toy, nll, irreducible):
    x, y = toys.draw(np.random.default_rng(1), toy, 4000)
    found = exact.at(toy, x)
    each = exact.nll(toy, x, y, found)
    error = each.std() / np.sqrt(len(each))
    assert each.mean() == pytest.approx(nll, abs=4 * error)
    assert found.variance.mean() == pytest.approx(irreducible, rel=0.03)
    # The squared error of the exact mean is its variance.
    assert np.mean((y - found.mean) ** 2) == pytest.approx(irreducible, rel=0.05)


def test_the_variance_of_y_is_that_of_a_uniform_number(drawn):
    toy, _, y = drawn
    assert y.var() == pytest.approx(exact.variance_of_y(toy), rel=0.02)


def test_points_lie_near_the_data(drawn):
    toy, x, y = drawn
    share = {"a": 1.0, "b": 0.9973}[toy]
    assert toys.near(toy, x, y).mean() == pytest.approx(share, abs=1e-3)
    # The mean of y may lie where there are none.
    place = np.array([{"a": 0.0, "b": 3.0}[toy]])
    assert not toys.near(toy, place, exact.at(toy, place).mean).any()
