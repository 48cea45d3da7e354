"""M against numpy, scipy and plain autodiff."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats

from worldmodels import memory
from worldmodels.memory import LSTMState, Memory, Mixture

SMALL = Memory(latent_size=4, action_size=3, hidden_size=8, mixtures=3)
loss = jax.jit(partial(memory.loss, model=SMALL))
draw = jax.jit(jax.vmap(memory.sample, in_axes=(0, None, None)))


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


def random_mixture(shape, seed=3):
    rng = np.random.default_rng(seed)
    logit, mean, logstd = rng.normal(size=(3, *shape)).astype(np.float32)
    return Mixture(jax.nn.log_softmax(jnp.asarray(logit)), mean, 0.5 * logstd)


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
    gates = x @ p["input_kernel"] + h @ p["recurrent_kernel"] + p["gate_bias"]
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


def test_forget_gate_starts_open():
    bias = memory.initial(jax.random.key(0), SMALL)["gate_bias"].reshape(4, 8)
    np.testing.assert_array_equal(bias, [[0] * 8, [1] * 8, [0] * 8, [0] * 8])


def test_step_equals_numpy(params):
    z, a = sequence()
    rng = np.random.default_rng(0)
    h, c = rng.normal(size=(2, 5, 8)).astype(np.float32)
    expected_h, expected_c, expected = numpy_step(params, SMALL, h, c, z[:, 0], a[:, 0])
    state, mixture = memory.step(params, SMALL, LSTMState(h, c), z[:, 0], a[:, 0])
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
        state, mixture = memory.step(params, SMALL, state, z[:, t], a[:, t])
        for ours, looped in zip(observed, mixture, strict=True):
            np.testing.assert_allclose(ours[:, t], looped, atol=2e-6)


def naive_loss(params, batch, key, model):
    """`loss` by a plain scan over `step`, scipy-like densities, autodiff throughout."""
    noise = jax.random.normal(key, batch["mu"].swapaxes(0, 1).shape, model.dtype)
    z = batch["mu"] + np.exp(0.5 * batch["logvar"]) * noise.swapaxes(0, 1)

    def body(state, x):
        state, mixture = memory.step(params, model, state, *x)
        return state, mixture

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


def test_nll_equals_scipy():
    mixture = random_mixture((6, 4, 3))
    target = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    ours = memory.nll(mixture, target)
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
    assert memory.nll(mixture, jnp.array([0.5]))[0] == pytest.approx(0.725791, abs=1e-5)


def test_loss_metrics_are_the_mean_over_valid_steps(params):
    batch = latents()
    batch["logvar"] = np.full_like(batch["logvar"], -np.inf)  # z is mu exactly
    value, metrics = loss(params, batch, jax.random.key(0))
    mixture = memory.observe(
        params, SMALL, batch["mu"][:, :-1], batch["actions"][:, :-1]
    )
    each = np.asarray(memory.nll(mixture, batch["mu"][:, 1:]))
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
    params["input_kernel"] = jnp.zeros((2, 4)).at[:, 2].set(scale)  # g = z + a
    params["recurrent_kernel"] = jnp.zeros((1, 4))
    params["gate_bias"] = jnp.array([20.0, -20.0, 0.0, 20.0])  # no memory, all open
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


@pytest.mark.parametrize("logstd", [-20.0, 0.0, 20.0])
@pytest.mark.parametrize("gap", [0.0, 1e4])
def test_extreme_values_stay_finite(logstd, gap):
    shape = (2, 4, 3)
    logit = jnp.broadcast_to(jnp.array([-gap, 0.0, gap]), shape)

    def value(logit, mean, logstd, target):
        mixture = Mixture(jax.nn.log_softmax(logit), mean, logstd)
        return memory.nll(mixture, target).sum()

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
    assert memory.nll(mixture, jnp.ones(1))[0] == np.inf


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
    cold = jax.jit(memory.sample)(jax.random.key(0), mixture, tau)
    np.testing.assert_allclose(cold, mode, atol=0.1 if tau == 1e-5 else 1e-6)


def test_imagine_equals_a_loop_of_own_samples(params):
    z, a = sequence()
    actions, key = a.swapaxes(0, 1), jax.random.key(3)
    start = LSTMState(*np.full((2, 5, 8), 0.3, np.float32))
    dreamt = memory.imagine(params, SMALL, start, z[:, 0], actions, key, 0.8)
    keys = jax.random.split(key, len(actions))
    state, latent = start, z[:, 0]
    for t in range(len(actions)):
        state, mixture = memory.step(params, SMALL, state, latent, actions[t])
        latent = memory.sample(keys[t], mixture, 0.8)
        np.testing.assert_allclose(dreamt[t], latent, atol=2e-5)


def test_imagine_without_a_batch(params):
    z, a = sequence()
    start = LSTMState(*np.zeros((2, 8), np.float32))
    dreamt = memory.imagine(params, SMALL, start, z[0, 0], a[0], jax.random.key(0))
    assert dreamt.shape == (7, 4)
