"""Products in mixed precision."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from worldmodels.models.precision import FLOAT32, MIXED, contract, product


def rounded(x):
    return np.asarray(jnp.asarray(x).astype(jnp.bfloat16).astype(jnp.float32))


@pytest.fixture
def factors():
    rng = np.random.default_rng(0)
    shapes = (3, 7, 20), (20, 9)
    return [rng.standard_normal(shape).astype(np.float32) for shape in shapes]


def test_factors_are_rounded_and_sums_are_not(factors):
    x, kernel = factors
    found = product(x, kernel, MIXED)
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(
        found, rounded(x) @ rounded(kernel), rtol=1e-4, atol=1e-5
    )
    assert np.abs(found - x @ kernel).max() > 1e-3
    np.testing.assert_allclose(product(x, kernel, FLOAT32), x @ kernel, rtol=1e-4)


def test_gradients_are_products_of_rounded_factors(factors):
    x, kernel = factors
    dy = np.random.default_rng(1).standard_normal((3, 7, 9)).astype(np.float32)
    dx, dkernel = jax.vjp(lambda x, k: product(x, k, MIXED), x, kernel)[1](dy)
    np.testing.assert_allclose(
        dx, rounded(dy) @ rounded(kernel).T, rtol=1e-4, atol=1e-5
    )
    flat = rounded(x).reshape(-1, 20).T @ rounded(dy).reshape(-1, 9)
    np.testing.assert_allclose(dkernel, flat, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("spec", ["ij,jk->ik", "ji,jk->ik", "ij,kj->ik", "ji,kj->ik"])
def test_products_may_be_transposed(spec):
    """XLA on a CPU joins a transpose to the product, and has no product of some."""
    left, right = spec.split("->")[0].split(",")
    sizes = {"i": 64, "j": 96, "k": 32}
    rng = np.random.default_rng(2)
    x, y = (
        rng.standard_normal([sizes[c] for c in name]).astype(np.float32)
        for name in (left, right)
    )
    found = jax.jit(lambda x, y: contract(spec, x, y, MIXED).T + 1)(x, y)
    expected = np.einsum(spec, rounded(x), rounded(y)).T + 1
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
