"""Spectral normalisation against singular values and finite differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from worldmodels.studies.conditional_gan import spectral


def halved_spectrum(rng: np.random.Generator) -> np.ndarray:
    """A kernel [2, 2, 5, 6] whose singular values are 3, 1.5, 0.75, ..."""
    left, _ = np.linalg.qr(rng.normal(size=(20, 6)))
    right, _ = np.linalg.qr(rng.normal(size=(6, 6)))
    return ((left * 3 * 0.5 ** np.arange(6)) @ right.T).reshape(2, 2, 5, 6)


def test_the_estimate_follows_the_largest_singular_value():
    rng = np.random.default_rng(0)
    params = {"layer": {"kernel": halved_spectrum(rng), "bias": np.ones(6)}}
    vectors = spectral.initial(params, rng)
    for _ in range(20):
        found = spectral.normalised(params, vectors)
        vectors = found.vectors
    np.testing.assert_allclose(found.sigma["layer"], 3, rtol=1e-3)
    matrix = np.asarray(found.params["layer"]["kernel"]).reshape(20, 6)
    np.testing.assert_allclose(np.linalg.norm(matrix, 2), 1, rtol=1e-3)
    np.testing.assert_array_equal(found.params["layer"]["bias"], 1)


def test_one_estimate_is_one_step_of_power_iteration():
    rng = np.random.default_rng(1)
    kernel, u = rng.normal(size=(3, 3, 2, 4)), rng.normal(size=4)
    matrix = kernel.reshape(-1, 4)  # [inputs, outputs]
    v = matrix @ u / np.linalg.norm(matrix @ u)
    after = matrix.T @ v / np.linalg.norm(matrix.T @ v)
    sigma, moved = spectral.estimate(jnp.asarray(kernel), jnp.asarray(u))
    np.testing.assert_allclose(moved, after, rtol=1e-5)
    np.testing.assert_allclose(sigma, v @ matrix @ after, rtol=1e-5)


def test_no_gradient_goes_through_the_vectors(float64):
    """Of c W / (v W u') with v and u' held, against differences of that quotient."""
    rng = np.random.default_rng(2)
    kernel, u = rng.normal(size=(1, 1, 5, 3)), rng.normal(size=3)
    c = rng.normal(size=kernel.shape)

    def divided(kernel):
        found = spectral.normalised({"l": {"kernel": kernel}}, {"l": u})
        return jnp.sum(c * found.params["l"]["kernel"])

    matrix = kernel.reshape(-1, 3)
    v = matrix @ u / np.linalg.norm(matrix @ u)
    held = matrix.T @ v / np.linalg.norm(matrix.T @ v)

    def of_held(kernel):
        return (c * kernel).sum() / (v @ kernel.reshape(-1, 3) @ held)

    found, step = np.asarray(jax.grad(divided)(kernel)), 1e-6
    for place in np.ndindex(kernel.shape):
        moved = np.zeros_like(kernel)
        moved[place] = step
        expected = (of_held(kernel + moved) - of_held(kernel - moved)) / (2 * step)
        np.testing.assert_allclose(found[place], expected, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("scale", [0.0, 1e-30])
def test_a_kernel_of_nothing_is_no_nan(scale):
    kernel = np.full((1, 1, 2, 2), scale, np.float32)
    sigma, u = spectral.estimate(jnp.asarray(kernel), jnp.ones(2))
    assert np.isfinite(sigma)
    assert np.isfinite(u).all()
