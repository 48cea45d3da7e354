"""The mixture density against scipy, numpy and plain autodiff."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats

from worldmodels.models import mixture as mixtures
from worldmodels.models.mixture import Mixture

draw = jax.jit(jax.vmap(mixtures.sample, in_axes=(0, None, None)))


def random_mixture(shape, seed=3):
    rng = np.random.default_rng(seed)
    logit, mean, logstd = rng.normal(size=(3, *shape)).astype(np.float32)
    return Mixture(jax.nn.log_softmax(jnp.asarray(logit)), mean, 0.5 * logstd)


def test_nll_equals_scipy():
    mixture = random_mixture((6, 4, 3))
    target = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    ours = mixtures.nll(mixture, target)
    for row in range(6):
        for dim in range(4):
            logweight, mean, logstd = (np.asarray(x)[row, dim] for x in mixture)
            logdensity = stats.norm.logpdf(target[row, dim], mean, np.exp(logstd))
            expected = -special.logsumexp(logweight + logdensity)
            assert ours[row, dim] == pytest.approx(expected, rel=1e-5, abs=1e-5)


def test_nll_of_a_certain_gaussian_by_hand():
    # one Gaussian of standard deviation 0.5, one deviation away:
    # 0.5 + log(0.5) + 0.5 log(2 pi) = 0.5 - 0.693147 + 0.918939 = 0.725791
    mixture = Mixture(
        jnp.zeros((1, 1)), jnp.zeros((1, 1)), jnp.log(jnp.full((1, 1), 0.5))
    )
    assert mixtures.nll(mixture, jnp.array([0.5]))[0] == pytest.approx(
        0.725791, abs=1e-5
    )


@pytest.mark.parametrize("logstd", [-20.0, 0.0, 20.0])
@pytest.mark.parametrize("gap", [0.0, 1e4])
def test_extreme_values_stay_finite(logstd, gap):
    shape = (2, 4, 3)
    logit = jnp.broadcast_to(jnp.array([-gap, 0.0, gap]), shape)

    def value(logit, mean, logstd, target):
        mixture = Mixture(jax.nn.log_softmax(logit), mean, logstd)
        return mixtures.nll(mixture, target).sum()

    arguments = (
        logit,
        jnp.full(shape, gap),
        jnp.full(shape, logstd),
        -jnp.ones((2, 4)),
    )
    result, grads = jax.jit(jax.value_and_grad(value, argnums=(0, 1, 2, 3)))(*arguments)
    assert np.isfinite(result)
    assert all(np.isfinite(grad).all() for grad in grads)


def test_an_impossible_target_is_infinite_not_nan():
    mixture = Mixture(
        jnp.log(jnp.full((1, 2), 0.5)), jnp.zeros((1, 2)), -90 * jnp.ones((1, 2))
    )
    assert mixtures.nll(mixture, jnp.ones(1))[0] == np.inf


def test_sample_has_the_mixtures_moments():
    mixture = random_mixture((4, 3))
    tau = 0.7
    draws = draw(jax.random.split(jax.random.key(0), 40_000), mixture, tau)
    weight = special.softmax(np.asarray(mixture.logweight) / tau, axis=-1)
    variance = np.exp(2 * np.asarray(mixture.logstd)) * tau
    mean = (weight * mixture.mean).sum(-1)
    second = (weight * (variance + np.asarray(mixture.mean) ** 2)).sum(-1)
    std = np.sqrt(second - mean**2)
    # five standard errors
    np.testing.assert_allclose(draws.mean(0), mean, atol=5 * std.max() / 200)
    np.testing.assert_allclose(draws.std(0), std, rtol=0.05)
    # dimensions are drawn independently
    assert np.abs(np.corrcoef(draws.T) - np.eye(4)).max() < 0.03


@pytest.mark.parametrize("tau", [0.5, 1.0, 1.3])
def test_sample_chooses_components_by_their_weights(tau):
    weights = np.array([0.0, 0.5, 0.05, 0.3, 0.15])
    with np.errstate(divide="ignore"):
        logweight = np.log(weights).astype(np.float32)
    mean = np.arange(5, dtype=np.float32) * 100  # far apart: a draw tells its component
    mixture = Mixture(
        *(jnp.asarray(x)[None] for x in (logweight, mean, np.zeros(5, "f4")))
    )
    draws = draw(jax.random.split(jax.random.key(1), 20_000), mixture, tau)
    counts = np.bincount(np.rint(np.ravel(draws) / 100).astype(int), minlength=5)
    expected = weights ** (1 / tau) / (weights ** (1 / tau)).sum()
    assert counts[0] == 0
    assert stats.chisquare(counts[1:], 20_000 * expected[1:]).pvalue > 1e-3


@pytest.mark.parametrize("tau", [1e-5, 1e-30, 0.0])
def test_cold_samples_are_the_likeliest_mean(tau):
    mixture = random_mixture((50, 4, 3))
    best = np.argmax(mixture.logweight, -1)[..., None]
    mode = np.take_along_axis(mixture.mean, best, -1)[..., 0]
    cold = jax.jit(mixtures.sample)(jax.random.key(0), mixture, tau)
    np.testing.assert_allclose(cold, mode, atol=0.1 if tau == 1e-5 else 1e-6)


def test_gradients_with_a_floor_are_those_of_autodiff(float64):
    """Far below the floor, near it and far above, in closed form."""
    rng = np.random.default_rng(5)
    outputs = rng.normal(size=(4, 3, 2, 6))
    outputs[:, 2] += np.linspace(-8, 4, 6)  # log-stds, around a floor of -1
    target, valid = rng.normal(size=(4, 6)), np.array([True, True, False, True])

    def value(outputs):
        logit, mean, logstd = (jnp.swapaxes(outputs[:, n], 1, 2) for n in range(3))
        bounded = mixtures.floored(logstd, -1.0)
        each = mixtures.nll(Mixture(logit, mean, bounded), target)
        return jnp.where(valid[:, None], each, 0).sum()

    ours = jax.jit(partial(mixtures.nll_and_gradients, least=-1.0))
    each, parts = ours(outputs.reshape(4, -1), target, valid)
    total, expected = jax.jit(jax.value_and_grad(value))(outputs)
    np.testing.assert_allclose(each.sum(), total, rtol=1e-12)
    for number, part in enumerate(parts):
        np.testing.assert_allclose(part, expected[:, number], rtol=1e-9, atol=1e-12)
    low, high = mixtures.floored(jnp.array([-60.0, 60.0]), -1.0)
    assert (low, high) == (-1.0, 60.0)
