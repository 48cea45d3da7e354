"""M against numpy, scipy and plain autodiff."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

from worldmodels import memory
from worldmodels.memory import LSTMState, Memory

SMALL = Memory(latent_size=4, action_size=3, hidden_size=8, mixtures=3)
loss = jax.jit(partial(memory.loss, model=SMALL))


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


def latents(batch=5, time=8, seed=4):
    """A batch as `loss` takes it, with `time` frames."""
    rng = np.random.default_rng(seed)
    return {
        "mu": rng.normal(size=(batch, time, 4)).astype(np.float32),
        "logvar": rng.normal(-1, 1, (batch, time, 4)).astype(np.float32),
        "actions": rng.uniform(-1, 1, (batch, time, 3)).astype(np.float32),
        "length": np.array([time, 3, 1, time - 1, 2])[:batch],
    }


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
    model = Memory(latent_size=4, hidden_size=8, death_head=True, reward_head=True)
    plain = memory.initial(
        jax.random.key(0), model.clone(death_head=False, reward_head=False)
    )
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
    _, other = memory.step(
        plain, model.clone(death_head=False, reward_head=False), start, z[:, 0], a[:, 0]
    )
    assert other.death is other.reward is None
    jax.tree.map(np.testing.assert_array_equal, other.mixture, predicted.mixture)


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
    for ours, theirs in zip(mixture, expected, strict=True):
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
    observed = jax.jit(lambda p: memory.observe(p, SMALL, z, a))(params)
    state = memory.initial_state(SMALL, 5)
    for t in range(z.shape[1]):
        state, predicted = memory.step(params, SMALL, state, z[:, t], a[:, t])
        for ours, looped in zip(observed.mixture, predicted.mixture, strict=True):
            np.testing.assert_allclose(ours[:, t], looped, atol=2e-6)


def naive_loss(params, batch, key, model):
    """`loss` by a plain scan over `step`, scipy-like densities, autodiff throughout."""
    noise = jax.random.normal(key, batch["mu"].swapaxes(0, 1).shape, model.dtype)
    z = batch["mu"] + np.exp(0.5 * batch["logvar"]) * noise.swapaxes(0, 1)

    def body(state, x):
        state, predicted = memory.step(params, model, state, *x)
        return state, predicted.mixture

    start = memory.initial_state(model, z.shape[0])
    inputs = (z[:, :-1].swapaxes(0, 1), batch["actions"][:, :-1].swapaxes(0, 1))
    _, mixture = jax.lax.scan(body, start, inputs)
    target = z[:, 1:].swapaxes(0, 1)[..., None]
    std = jnp.exp(mixture.logstd)
    density = jax.scipy.stats.norm.pdf(target, mixture.mean, std)
    each = -jnp.log((jnp.exp(mixture.logweight) * density).sum(-1))
    valid = np.arange(1, z.shape[1])[:, None] < batch["length"][None]
    return (each * valid[..., None]).sum() / (valid.sum() * model.latent_size)


def test_loss_and_gradients_equal_plain_autodiff_in_float64():
    model = Memory(latent_size=4, hidden_size=8, mixtures=3, dtype=jnp.float64)
    with jax.enable_x64(True):
        params = memory.initial(jax.random.key(0), model)
        params = jax.tree.map(lambda x: 2 * x + 0.1, params)
        assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {jnp.dtype("f8")}
        batch, key = latents(), jax.random.key(5)
        batch |= {k: batch[k].astype(np.float64) for k in ("mu", "logvar", "actions")}
        ours = jax.jit(
            jax.value_and_grad(lambda p: memory.loss(p, batch, key, model=model)[0])
        )(params)
        naive = jax.jit(jax.value_and_grad(lambda p: naive_loss(p, batch, key, model)))(
            params
        )
        assert ours[0].dtype == jnp.float64
        jax.tree.map(
            lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-12),
            ours,
            naive,
        )


def test_loss_metrics_are_the_mean_over_valid_steps(params):
    batch = latents()
    batch["logvar"] = np.full_like(batch["logvar"], -np.inf)  # z is mu exactly
    value, metrics = loss(params, batch, jax.random.key(0))
    observed = memory.observe(
        params, SMALL, batch["mu"][:, :-1], batch["actions"][:, :-1]
    )
    each = np.asarray(memory.nll(observed.mixture, batch["mu"][:, 1:]))
    # lengths 8, 3, 1, 7, 2 have 7, 2, 0, 6, 1 transitions
    valid = [each[b, :n] for b, n in enumerate([7, 2, 0, 6, 1])]
    expected = np.concatenate(valid).mean()
    assert value == pytest.approx(expected, rel=1e-5)
    assert metrics == {"loss": value, "nll": value}


def test_nothing_past_the_end_changes_loss_or_gradients(params):
    batch, key = latents(), jax.random.key(0)
    past = np.arange(8) >= batch["length"][:, None]
    spoilt = {k: np.where(past[..., None], 9, batch[k]) for k in ("mu", "actions")}
    # the action of the last frame has no successor either
    spoilt["actions"][np.arange(5), batch["length"] - 1] = -7
    grad = jax.jit(jax.value_and_grad(lambda p, b: loss(p, b, key)[0]))
    jax.tree.map(
        np.testing.assert_array_equal,
        grad(params, batch),
        grad(params, batch | spoilt),
    )
    alone = {k: v[2:3] for k, v in batch.items()}  # one frame: nothing to predict
    value, grads = grad(params, alone)
    assert value == 0
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(grads))


def test_targets_are_the_next_latents(params):
    """A model that predicts exactly z_t + a_t fits z_{t+1} = z_t + a_t, not its kin."""
    model = Memory(latent_size=1, action_size=1, hidden_size=1, mixtures=1)
    scale = 1e-3  # in this range of an LSTM everything is linear
    params = memory.initial(jax.random.key(0), model)
    params["lstm_kernel"] = jnp.zeros((3, 4)).at[:2, 2].set(scale)  # g = z + a
    params["lstm_bias"] = jnp.array([20.0, -20.0, 0.0, 20.0])  # no memory, all open
    params["head_kernel"] = jnp.array([[0.0, 1 / scale, 0.0]])
    params["head_bias"] = jnp.array([0.0, 0.0, -3.0])
    rng = np.random.default_rng(0)
    actions = rng.choice([-1.0, 1.0], (16, 9, 1)).astype(np.float32)
    mu = np.cumsum(actions, axis=1) - actions  # z_{t+1} = z_t + a_t from z_0 = 0
    batch = {
        "mu": mu,
        "logvar": np.full_like(mu, -np.inf),
        "actions": actions,
        "length": np.full(16, 9),
    }

    @jax.jit
    def value(batch):
        return memory.loss(params, batch, jax.random.key(0), model=model)[0]

    # a perfect prediction leaves log(std) + 0.5 log(2 pi) = -3 + 0.918939
    assert value(batch) == pytest.approx(-2.081061, abs=0.01)
    for shift in (-1, 1):
        assert value(batch | {"actions": np.roll(actions, shift, axis=1)}) > 100


def test_z_is_sampled_anew_with_the_key(params):
    batch = latents()
    first, again, other = (loss(params, batch, jax.random.key(n))[0] for n in (0, 0, 1))
    assert first == again
    assert first != other
