"""The networks against numpy and scipy, and the faults that others had."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats

from worldmodels.models import mixture as mixtures
from worldmodels.models.mixture import Mixture, Noise
from worldmodels.studies.mixture_density import networks
from worldmodels.studies.mixture_density.networks import Model, Scale

outputs = jax.jit(networks.outputs, static_argnums=2)
errors = jax.jit(networks.errors, static_argnums=2)
mean_of = jax.jit(networks.mean, static_argnums=2)
answers = jax.jit(networks.answers, static_argnums=3)
mixture = jax.jit(networks.mixture, static_argnums=2)
loss = jax.jit(networks.loss, static_argnames=("model", "count"))
nll, drawn_with = jax.jit(mixtures.nll), jax.jit(mixtures.drawn)

SEEDS = 2
SCALE = Scale(*(np.array(v, np.float32) for v in ([1, 2], [3, 4], [-5, 6], [7, 0.5])))
K = 3
MODELS = {0: Model(0, (5, 4)), K: Model(K, (5, 4))}


@pytest.fixture(scope="module")
def weights():
    """Weights of both models, by K."""
    keys = jax.random.split(jax.random.key(1), SEEDS)
    return {k: networks.initial(keys, model) for k, model in MODELS.items()}


def points(count=6, seed=0):
    """The x and y of as many points for each seed, [B, S]."""
    rng = np.random.default_rng(seed)
    return rng.normal(1, 4, (2, count, SEEDS)).astype(np.float32)


def by_hand(params, seed: int, x: np.ndarray) -> np.ndarray:
    """Return the outputs [B, O] of one seed's network for x [B], in numpy."""
    layers = [
        {name: np.asarray(value[seed], np.float64) for name, value in layer.items()}
        for layer in (params[n] for n in ("hidden0", "hidden1", "outputs"))
    ]
    values = ((x - SCALE.x_mean[seed]) / SCALE.x_std[seed])[:, None]
    for layer in layers[:-1]:
        values = np.tanh(values @ layer["kernel"] + layer["bias"])
    return values @ layers[-1]["kernel"] + layers[-1]["bias"]


@pytest.mark.parametrize("k", MODELS)
def test_the_outputs_of_each_seed_are_numpys(weights, k):
    x, _ = points()
    found = outputs(weights[k], SCALE, MODELS[k], x)
    for seed in range(SEEDS):
        expected = by_hand(weights[k], seed, x[:, seed])
        np.testing.assert_allclose(found[:, seed], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("k", MODELS)
def test_no_network_is_linear_in_x(weights, k):
    """Without an activation between the layers the middle output would be the mean."""
    x = np.repeat(np.array([-4.0, 1.0, 6.0], np.float32)[:, None], SEEDS, axis=1)
    low, middle, high = outputs(weights[k], SCALE, MODELS[k], x)
    assert (jnp.abs(middle - (low + high) / 2).max(axis=-1) > 0.05).all()


def test_the_density_is_scipys_in_ys_own_units(weights):
    x, y = points()
    found = errors(weights[K], SCALE, MODELS[K], x, y)
    means = mean_of(weights[K], SCALE, MODELS[K], x)
    for seed in range(SEEDS):
        given = by_hand(weights[K], seed, x[:, seed])
        logit, mean, logstd = given.reshape(-1, 3, K).swapaxes(0, 1)
        std = SCALE.y_std[seed]
        density = stats.norm.pdf(
            y[:, seed, None], mean * std + SCALE.y_mean[seed], std * np.exp(logstd)
        )
        weight = special.softmax(logit, axis=-1)
        expected = -np.log((weight * density).sum(-1))
        np.testing.assert_allclose(found[:, seed], expected, rtol=1e-3)
        mean = (weight * mean).sum(-1) * std + SCALE.y_mean[seed]
        np.testing.assert_allclose(means[:, seed], mean, rtol=1e-3, atol=1e-4)


def test_squared_error_is_that_of_the_one_output(weights):
    x, y = points()
    found = errors(weights[0], SCALE, MODELS[0], x, y)
    for seed in range(SEEDS):
        output = by_hand(weights[0], seed, x[:, seed])[:, 0]
        missed = output * SCALE.y_std[seed] + SCALE.y_mean[seed] - y[:, seed]
        np.testing.assert_allclose(found[:, seed], missed**2, rtol=1e-3)


def value(params, k, x, y, key=None, scale=SCALE):
    unseen = jnp.arange(4.0), jnp.arange(4.0)
    batch = {"x": x, "y": y}
    key = jax.random.key(0) if key is None else key
    return loss(
        params, batch, key, scale=scale, model=MODELS[k], unseen=unseen, count=2
    )


def test_the_loss_is_a_mean_over_the_batch(weights):
    x, y = points()
    one, metrics = value(weights[K], K, x, y)
    twice, _ = value(weights[K], K, np.tile(x, (2, 1)), np.tile(y, (2, 1)))
    each = errors(weights[K], SCALE, MODELS[K], x, y)
    np.testing.assert_allclose(one, np.mean(each, axis=0).sum(), rtol=1e-5)
    np.testing.assert_allclose(twice, one, rtol=1e-5)
    np.testing.assert_allclose(metrics["loss"], np.mean(each), rtol=1e-5)


def test_a_seed_has_the_gradient_that_it_has_alone(weights):
    x, y = points()
    gradient = jax.jit(
        jax.grad(lambda params, x, y, scale: value(params, K, x, y, None, scale)[0])
    )
    together = gradient(weights[K], x, y, SCALE)
    for seed in range(SEEDS):
        own = slice(seed, seed + 1)
        alone = gradient(
            jax.tree.map(lambda w, own=own: w[own], weights[K]),
            x[:, own], y[:, own], Scale(*(v[own] for v in SCALE)),
        )  # fmt: skip
        jax.tree.map(
            lambda a, b, seed=seed: np.testing.assert_allclose(
                a[seed], b[0], rtol=1e-3, atol=1e-6
            ),
            together, alone,
        )  # fmt: skip


def test_held_out_points_are_the_unseen_ones(weights):
    x, y = points()
    unseen = jnp.full(9, 2.0), jnp.full(9, -3.0)
    _, metrics = loss(
        weights[K], {"x": x, "y": y}, jax.random.key(0), scale=SCALE, model=MODELS[K],
        unseen=unseen, count=4,
    )  # fmt: skip
    expected = errors(
        weights[K], SCALE, MODELS[K], jnp.full(SEEDS, 2.0), jnp.full(SEEDS, -3.0)
    )
    np.testing.assert_allclose(metrics["held_out"], np.mean(expected), rtol=1e-5)


def test_fresh_means_lie_side_by_side_and_units_turn_at_many_x(weights):
    bias = np.asarray(weights[K]["outputs"]["bias"])
    expected = [0, 0, 0, -1.5, 0, 1.5, 0, 0, 0]
    np.testing.assert_allclose(bias, [expected] * SEEDS)
    assert not np.asarray(weights[0]["outputs"]["bias"]).any()
    assert np.ptp(weights[K]["hidden0"]["bias"]) > 1


# What went wrong elsewhere with densities and draws; the mixture is M's.


def test_a_target_far_away_is_not_lost_to_rounding(weights):
    """exp(-d^2 / 2) is 0 in single precision from 14 deviations on: -log 0."""
    x, _ = points()
    y = np.full_like(x, 4e3)
    found = errors(weights[K], SCALE, MODELS[K], x, y)
    gradient = jax.grad(lambda y: errors(weights[K], SCALE, MODELS[K], x, y).sum())
    assert np.isfinite(found).all()
    assert (np.asarray(found) > 100).all()
    assert np.isfinite(gradient(y)).all()


def test_the_weights_of_every_seed_and_output_sum_to_1(weights):
    """A softmax over all K numbers of several outputs at once would share 1."""
    x, _ = points()
    found = mixture(weights[K], SCALE, MODELS[K], x)
    assert found.mean.shape == (*x.shape, K)
    np.testing.assert_allclose(np.exp(found.logweight).sum(-1), 1, rtol=1e-5)
    two = mixtures.from_outputs(jnp.arange(3.0 * K * 2), K)
    assert two.logit.shape == (2, K)
    np.testing.assert_allclose(np.exp(two.logweight).sum(-1), [1, 1], rtol=1e-5)


def test_a_narrow_gaussian_stays_narrow():
    """sigma = exp(-6): at its mean -log p = -6 + log(2 pi) / 2."""
    narrow = Mixture(jnp.zeros((1, 1)), jnp.zeros((1, 1)), jnp.full((1, 1), -6.0))
    found = nll(narrow, jnp.zeros(1))
    np.testing.assert_allclose(found, -6 + 0.9189385, rtol=1e-6)


@pytest.mark.parametrize("moved", [-500.0, 500.0])
def test_a_number_added_to_all_logits_changes_nothing(moved):
    """exp(500) is infinite: only logits less their largest can be added up."""
    rng = np.random.default_rng(2)
    logit, mean, logstd = rng.normal(size=(3, 40, 5)).astype(np.float32)
    y, u, e = rng.random((3, 40)).astype(np.float32)
    noise = Noise(u, e)
    one, other = (Mixture(logit + by, mean, logstd) for by in (0, moved))
    for of in (lambda m: nll(m, y), lambda m: drawn_with(m, noise)):
        assert np.isfinite(of(other)).all()
        # 500 leaves a logit 5 digits.
        np.testing.assert_allclose(of(other), of(one), rtol=1e-2, atol=1e-3)


def test_the_largest_uniform_number_finds_a_gaussian():
    """Weights whose rounded sum is below 1 must not leave a draw without a Gaussian."""
    rng = np.random.default_rng(5)
    logit = rng.normal(0, 2, (2000, 20)).astype(np.float32)
    logit[:, -1] = 0  # not negligible
    weight = special.softmax(logit, axis=-1)
    below = np.cumsum(weight, axis=-1)[:, -1] < np.nextafter(np.float32(1), 0)
    assert below.any()  # else these tell nothing
    mean = np.broadcast_to(np.arange(1, 21, dtype=np.float32), logit.shape)
    top = np.full(len(logit), np.nextafter(np.float32(1), 0))
    found = drawn_with(
        Mixture(logit, mean, np.zeros_like(mean)), Noise(top, np.zeros_like(top))
    )
    # Rounding may move the end of the last but one: never beyond the last, nor to 0.
    assert (np.asarray(found) == 20).mean() > 0.99
    assert np.isin(found, mean[0]).all()


def test_the_moments_of_draws_are_those_of_the_density(weights):
    count = 100_000
    x = jnp.broadcast_to(jnp.array([2.0, -3.0]), (count, SEEDS))
    draws = answers(jax.random.key(4), weights[K], SCALE, MODELS[K], x)
    for seed in range(SEEDS):
        drawn = np.asarray(draws[:, seed], np.float64)
        spread = 10 * drawn.std()
        y = np.linspace(drawn.mean() - spread, drawn.mean() + spread, 4001)
        wide = jnp.tile(jnp.asarray(y, jnp.float32)[:, None], SEEDS)
        cost = errors(weights[K], SCALE, MODELS[K], x[: len(y)], wide)
        density = np.exp(-np.asarray(cost[:, seed], np.float64)) * (y[1] - y[0])
        np.testing.assert_allclose(density.sum(), 1, rtol=1e-4)
        for power in (1, 2, 3):
            of = drawn**power
            error = of.std() / np.sqrt(count)
            expected = (density * y**power).sum()
            assert of.mean() == pytest.approx(expected, abs=5 * error)
    mean = mean_of(weights[K], SCALE, MODELS[K], x[:1])
    np.testing.assert_allclose(draws.mean(axis=0), mean[0], rtol=0.05, atol=0.05)


def test_the_network_of_squared_error_answers_with_its_output(weights):
    x, _ = points()
    found = answers(jax.random.key(4), weights[0], SCALE, MODELS[0], x)
    np.testing.assert_array_equal(found, mean_of(weights[0], SCALE, MODELS[0], x))
