"""M against numpy and loops over its single step."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

from worldmodels.models import memory
from worldmodels.models.cells.lstm import LSTMState
from worldmodels.models.memory import Memory

SMALL = Memory(latent_size=4, action_size=3, hidden_size=8, mixtures=3)


@pytest.fixture(scope="module")
def params():
    """Parameters of SMALL, all away from zero."""
    params = memory.initial(jax.random.key(0), SMALL)
    leaves, tree = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(1), len(leaves))
    return jax.tree.unflatten(
        tree,
        [
            leaf + 0.2 * jax.random.normal(key, leaf.shape)
            for key, leaf in zip(keys, leaves, strict=True)
        ],
    )


def sequence(batch=5, time=7, seed=2):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(batch, time, 4)).astype(np.float32)
    a = rng.uniform(-1, 1, (batch, time, 3)).astype(np.float32)
    return z, a


def numpy_step(params, model, h, c, z, a):
    """The LSTM's equations, one gate at a time, and the head's reshaping."""
    p = jax.tree.map(lambda x: np.asarray(x, np.float64), params)
    n = model.hidden_size
    x = np.concatenate([z, a], -1)
    gates = np.concatenate([x, h], -1) @ p["lstm_kernel"] + p["lstm_bias"]
    i, f = special.expit(gates[:, :n]), special.expit(gates[:, n : 2 * n])
    g, o = np.tanh(gates[:, 2 * n : 3 * n]), special.expit(gates[:, 3 * n :])
    c = f * c + i * g
    h = o * np.tanh(c)
    y = h @ p["head_kernel"] + p["head_bias"]
    y = y.reshape(len(h), 3, model.mixtures, model.latent_size).transpose(1, 0, 3, 2)
    return h, c, (y[0] - special.logsumexp(y[0], -1, keepdims=True), y[1], y[2])


def test_parameter_count_is_the_papers():
    shapes = jax.eval_shape(
        lambda key: memory.initial(key, Memory()), jax.random.key(0)
    )
    # (35 + 256) * 1024 + 1024 for the LSTM, 256 * 480 + 480 for the head
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes)) == 422_368


def test_heads_for_death_and_reward_are_two_more_numbers():
    headless = Memory(latent_size=4, hidden_size=8)
    model = headless.clone(death_head=True, reward_head=True)
    plain = memory.initial(jax.random.key(0), headless)
    params = memory.initial(jax.random.key(0), model)
    for name, values in plain.items():  # the others are what they were
        np.testing.assert_array_equal(params[name], values)
    assert params.keys() - plain.keys() == {
        "death_kernel", "death_bias", "reward_kernel", "reward_bias",
    }  # fmt: skip
    params |= {"death_bias": jnp.array([3.0]), "reward_bias": jnp.array([-2.0])}
    z, a = sequence()
    start = LSTMState(*np.full((2, 5, 8), 0.3, np.float32))
    state, predicted = memory.step(params, model, start, z[:, 0], a[:, 0])
    h = np.asarray(state.h, np.float64)
    for name, bias in (("death", 3), ("reward", -2)):
        expected = h @ np.asarray(params[f"{name}_kernel"])[:, 0] + bias
        np.testing.assert_allclose(getattr(predicted, name), expected, atol=1e-6)
    _, other = memory.step(plain, headless, start, z[:, 0], a[:, 0])
    assert other.death is other.reward is None
    jax.tree.map(np.testing.assert_array_equal, other.mixture, predicted.mixture)


def test_means_are_foreseen_no_sharper_than_a_twentieth(params):
    z, a = sequence()
    state = memory.initial_state(SMALL, 5)
    weights = params | {"head_bias": params["head_bias"] * 40}
    model = SMALL.clone(target=memory.MEAN)
    plain, floored = (
        memory.step(weights, m, state, z[:, 0], a[:, 0])[1].mixture
        for m in (SMALL, model)
    )
    logstd = np.asarray(plain.logstd, np.float64)
    assert logstd.min() < -5
    assert logstd.max() > 3
    np.testing.assert_allclose(
        floored.logstd, -3 + np.log(1 + np.exp(logstd + 3)), rtol=1e-5, atol=1e-6
    )
    assert np.exp(floored.logstd).min() > 1 / 21
    np.testing.assert_array_equal(floored.mean, plain.mean)
    np.testing.assert_array_equal(floored.logit, plain.logit)


def test_forget_gate_starts_open():
    bias = memory.initial(jax.random.key(0), SMALL)["lstm_bias"].reshape(4, 8)
    np.testing.assert_array_equal(bias, [[0] * 8, [1] * 8, [0] * 8, [0] * 8])


def test_step_equals_numpy(params):
    z, a = sequence()
    rng = np.random.default_rng(0)
    h, c = rng.normal(size=(2, 5, 8)).astype(np.float32)
    expected_h, expected_c, expected = numpy_step(params, SMALL, h, c, z[:, 0], a[:, 0])
    state, predicted = memory.step(params, SMALL, LSTMState(h, c), z[:, 0], a[:, 0])
    mixture = predicted.mixture
    np.testing.assert_allclose(state.h, expected_h, atol=1e-6)
    np.testing.assert_allclose(state.c, expected_c, atol=1e-6)
    actual = mixture.logweight, mixture.mean, mixture.logstd
    for ours, theirs in zip(actual, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-6)
    np.testing.assert_allclose(np.exp(mixture.logweight).sum(-1), 1, rtol=1e-5)


def test_remember_is_step_without_the_head(params):
    z, a = sequence()
    start = memory.initial_state(SMALL, 5)
    state, _ = memory.step(params, SMALL, start, z[:, 0], a[:, 0])
    remembered = memory.remember(params, SMALL, start, z[:, 0], a[:, 0])
    jax.tree.map(np.testing.assert_array_equal, remembered, state)


def test_observe_equals_a_loop_over_step(params):
    z, a = sequence()
    start = LSTMState(*np.random.default_rng(0).normal(size=(2, 5, 8)).astype("f4"))
    by_time = z.swapaxes(0, 1), a.swapaxes(0, 1)
    observe = jax.jit(lambda p, state: memory.observe(p, SMALL, state, *by_time))
    after, observed = observe(params, start)
    state = start
    for t in range(z.shape[1]):
        state, predicted = memory.step(params, SMALL, state, z[:, t], a[:, t])
        for ours, looped in zip(observed.mixture, predicted.mixture, strict=True):
            np.testing.assert_allclose(ours[t], looped, atol=2e-6)
    for ours, looped in zip(after, state, strict=True):
        np.testing.assert_allclose(ours, looped, atol=2e-6)
