"""M: the mixture-density LSTM that predicts the next latent (World Models, sec. 2.2).

After (z_1, a_1) .. (z_t, a_t) every dimension of z_{t+1} has a mixture of K Gaussians
of its own: p(z_{t+1} | a_t, z_t, h_t), appendix A.2. Everything here is a pure
function of parameters, arrays and a key; parameters are a nested dict of named arrays,
and every function after `initial` takes them with the `Memory` that shapes them.
"""

import math
from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from worldmodels import vision

Params = dict[str, Any]


class LSTMState(NamedTuple):
    """What the LSTM carries from one time step to the next."""

    h: jax.Array  # [B, N] output, in (-1, 1)
    c: jax.Array  # [B, N] cell


class Mixture(NamedTuple):
    """A mixture of K Gaussians for each latent dimension."""

    logweight: jax.Array  # [..., Z, K] log of the weights, normalised over K
    mean: jax.Array  # [..., Z, K]
    logstd: jax.Array  # [..., Z, K] log of the standard deviations


class Memory(nn.Module):
    """The weights of M and its two layers.

    The four gates are ordered input, forget, candidate, output.
    """

    latent_size: int = 32  # Z
    action_size: int = 3  # A
    hidden_size: int = 256  # N
    mixtures: int = 5  # K
    dtype: Any = jnp.float32

    def setup(self):
        glorot = nn.initializers.glorot_uniform()  # as the original's TensorFlow
        zeros = nn.initializers.zeros
        gates = 4 * self.hidden_size
        inputs = self.latent_size + self.action_size
        outputs = 3 * self.mixtures * self.latent_size
        self.input_kernel = self.param(
            "input_kernel", glorot, (inputs, gates), self.dtype
        )
        self.recurrent_kernel = self.param(
            "recurrent_kernel", glorot, (self.hidden_size, gates), self.dtype
        )
        self.gate_bias = self.param("gate_bias", _forget_one, (gates,), self.dtype)
        self.head_kernel = self.param(
            "head_kernel", glorot, (self.hidden_size, outputs), self.dtype
        )
        self.head_bias = self.param("head_bias", zeros, (outputs,), self.dtype)

    def project(self, z: jax.Array, a: jax.Array) -> jax.Array:
        """Return what (z [..., Z], a [..., A]) add to the gates [..., 4N]."""
        x = jnp.concatenate([z, a], axis=-1).astype(self.dtype)
        return x @ self.input_kernel + self.gate_bias

    def remember(self, state: LSTMState, z: jax.Array, a: jax.Array) -> LSTMState:
        return _cell(state, self.project(z, a) + state.h @ self.recurrent_kernel)[0]

    def unfold(self, z: jax.Array, a: jax.Array) -> jax.Array:
        """Return h [T, B, N] after each of (z [T, B, Z], a [T, B, A])."""
        return unfold(self.project(z, a), self.recurrent_kernel)

    def head(self, h: jax.Array) -> Mixture:
        """Return the mixtures [..., Z, K] that h [..., N] predicts."""
        y = h @ self.head_kernel + self.head_bias
        # Latents last in memory: the sum over K then runs over whole vectors.
        y = y.reshape(*h.shape[:-1], 3, self.mixtures, self.latent_size)
        logit, mean, logstd = jnp.moveaxis(jnp.swapaxes(y, -1, -2), -3, 0)
        return Mixture(jax.nn.log_softmax(logit, axis=-1), mean, logstd)

    def __call__(self, state: LSTMState, z: jax.Array, a: jax.Array):
        state = self.remember(state, z, a)
        return state, self.head(state.h)


def _forget_one(key: jax.Array, shape: tuple[int, ...], dtype: Any) -> jax.Array:
    """Return a gate bias [4N] of 1 at the forget gate: memories last from the start."""
    return jnp.zeros((4, shape[0] // 4), dtype).at[1].set(1).ravel()


def _cell(state: LSTMState, gates: jax.Array) -> tuple[LSTMState, jax.Array]:
    """Return the next state and the gates' activations [B, 4N]."""
    i, f, g, o = jnp.split(gates, 4, axis=-1)
    i, f, o = jax.nn.sigmoid(i), jax.nn.sigmoid(f), jax.nn.sigmoid(o)
    g = jnp.tanh(g)
    c = f * state.c + i * g
    h = o * jnp.tanh(c)
    return LSTMState(h, c), jnp.concatenate([i, f, g, o], axis=-1)


@jax.custom_vjp
def unfold(projected: jax.Array, recurrent_kernel: jax.Array) -> jax.Array:
    """Run the LSTM over a sequence from a zero state.

    The backward pass is written by hand so that the recurrent kernel's gradient is one
    matrix product after the scan, not a sum of T small ones inside it.

    Args:
        projected: [T, B, 4N] what the inputs and the bias add to the gates.
        recurrent_kernel: [N, 4N].

    Returns:
        h [T, B, N] after each step.
    """
    return _unfold_forward(projected, recurrent_kernel)[0]


def _zero_state(projected: jax.Array) -> LSTMState:
    zeros = jnp.zeros_like(projected[0, :, : projected.shape[-1] // 4])
    return LSTMState(zeros, zeros)


def _unfold_forward(projected, recurrent_kernel):
    def step(state, x):
        state, activations = _cell(state, x + state.h @ recurrent_kernel)
        return state, (state, activations)

    _, (states, activations) = jax.lax.scan(step, _zero_state(projected), projected)
    return states.h, (states, activations, recurrent_kernel)


def _unfold_backward(residuals, dh_out):
    states, activations, recurrent_kernel = residuals
    transposed = recurrent_kernel.T
    zero = jnp.zeros_like(states.c[:1])
    c_before = jnp.concatenate([zero, states.c[:-1]])
    h_before = jnp.concatenate([zero, states.h[:-1]])

    def step(carry: LSTMState, at_t):
        dh, c, c_tm1, activation = at_t
        i, f, g, o = jnp.split(activation, 4, axis=-1)
        tanh_c = jnp.tanh(c)
        dh = dh + carry.h
        dc = carry.c + dh * o * (1 - tanh_c**2)
        di = dc * g * i * (1 - i)
        df = dc * c_tm1 * f * (1 - f)
        dg = dc * i * (1 - g**2)
        do = dh * tanh_c * o * (1 - o)
        dgates = jnp.concatenate([di, df, dg, do], axis=-1)
        return LSTMState(dgates @ transposed, dc * f), dgates

    start = LSTMState(zero[0], zero[0])
    inputs = (dh_out, states.c, c_before, activations)
    _, dgates = jax.lax.scan(step, start, inputs, reverse=True)
    return dgates, jnp.einsum("tbn,tbg->ng", h_before, dgates)


unfold.defvjp(_unfold_forward, _unfold_backward)


@partial(jax.jit, static_argnames="model")
def initial(key: jax.Array, model: Memory) -> Params:
    """Return fresh parameters, 422,368 of them at the paper's sizes."""
    z = jnp.zeros((1, model.latent_size), model.dtype)
    a = jnp.zeros((1, model.action_size), model.dtype)
    return model.init(key, initial_state(model, 1), z, a)["params"]


def initial_state(model: Memory, batch: int) -> LSTMState:
    """Return the state [B, N] before the first step: zeros."""
    zeros = jnp.zeros((batch, model.hidden_size), model.dtype)
    return LSTMState(zeros, zeros)


def step(
    params: Params, model: Memory, state: LSTMState, z: jax.Array, a: jax.Array
) -> tuple[LSTMState, Mixture]:
    """Consume (z [B, Z], a [B, A]); return the state and the next z's mixture."""
    return model.apply({"params": params}, state, z, a)


def remember(
    params: Params, model: Memory, state: LSTMState, z: jax.Array, a: jax.Array
) -> LSTMState:
    """Consume (z [B, Z], a [B, A]) without predicting: all that driving needs."""
    return model.apply({"params": params}, state, z, a, method="remember")


def observe(params: Params, model: Memory, z: jax.Array, a: jax.Array) -> Mixture:
    """Return the mixtures [B, T, Z, K] of each next z, teacher-forced from zero.

    Args:
        z: [B, T, Z] true latents.
        a: [B, T, A] actions that were applied.
    """
    mixture = _observe(params, model, jnp.swapaxes(z, 0, 1), jnp.swapaxes(a, 0, 1))
    return jax.tree.map(lambda x: jnp.swapaxes(x, 0, 1), mixture)


def _observe(params: Params, model: Memory, z: jax.Array, a: jax.Array) -> Mixture:
    """Return `observe`'s mixtures with time in front, [T, B, Z, K]."""
    h = model.apply({"params": params}, z, a, method="unfold")
    return model.apply({"params": params}, h, method="head")


def nll(mixture: Mixture, target: jax.Array) -> jax.Array:
    """Return the negative log-likelihood of target [..., Z], in nats, [..., Z]."""
    scaled = (target[..., None] - mixture.mean) * jnp.exp(-mixture.logstd)
    logdensity = -0.5 * (scaled**2 + math.log(2 * math.pi)) - mixture.logstd
    return -jax.nn.logsumexp(mixture.logweight + logdensity, axis=-1)


def loss(
    params: Params, batch: dict[str, jax.Array], key: jax.Array, *, model: Memory
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Return the mean NLL over valid (episode, time, dimension), in nats.

    z is sampled anew from V's posterior, so that M never sees the same noise twice.
    Step t reads (z_t, a_t) and is scored on z_{t+1}, where the episode has one.

    Args:
        batch: "mu", "logvar" [B, T+1, Z], "actions" [B, T+1, A], "length" [B].
    """
    by_time = {
        name: jnp.swapaxes(batch[name], 0, 1).astype(model.dtype)
        for name in ("mu", "logvar", "actions")
    }
    z = vision.sample(key, by_time["mu"], by_time["logvar"])  # [T+1, B, Z]
    mixture = _observe(params, model, z[:-1], by_time["actions"][:-1])
    valid = jnp.arange(1, z.shape[0])[:, None] < batch["length"]  # [T, B]
    total = jnp.where(valid[..., None], nll(mixture, z[1:]), 0).sum()
    # A batch of one-frame episodes has nothing to predict: 0, not 0 / 0.
    mean = total / jnp.maximum(valid.sum() * model.latent_size, 1)
    return mean, {"loss": mean, "nll": mean}


def sample(
    key: jax.Array, mixture: Mixture, temperature: jax.Array | float = 1.0
) -> jax.Array:
    """Draw z [..., Z] from the mixture at a temperature (World Models, appendix D).

    Logits are divided by the temperature and variances multiplied by it; as it goes
    to 0 the draw becomes the mean of the likeliest Gaussian.
    """
    choice_key, noise_key = jax.random.split(key)
    logweight, mean, logstd = mixture
    # The smallest positive number: temperature 0 would make the best logit 0 / 0.
    temperature = jnp.maximum(
        jnp.asarray(temperature, mean.dtype), jnp.finfo(mean.dtype).tiny
    )
    logits = (logweight - logweight.max(axis=-1, keepdims=True)) / temperature
    # One uniform and the inverse CDF: K times fewer draws than a categorical.
    cdf = jnp.cumsum(jax.nn.softmax(logits, axis=-1), axis=-1)
    shape = mean.shape[:-1]
    u = jax.random.uniform(choice_key, shape, mean.dtype)
    k = (u[..., None] >= cdf[..., :-1]).sum(axis=-1, keepdims=True)
    chosen = k == jnp.arange(mean.shape[-1])
    mean = jnp.where(chosen, mean, 0).sum(axis=-1)
    std = jnp.exp(jnp.where(chosen, logstd, 0).sum(axis=-1)) * jnp.sqrt(temperature)
    return mean + std * jax.random.normal(noise_key, shape, mean.dtype)


def imagine(
    params: Params,
    model: Memory,
    state: LSTMState,
    z: jax.Array,
    actions: jax.Array,
    key: jax.Array,
    temperature: jax.Array | float = 1.0,
) -> jax.Array:
    """Dream on from z [B, Z] under given actions [T, B, A]: M feeds on its own samples.

    Without B everywhere (a state [N], z [Z], actions [T, A]) it dreams one sequence.

    Returns:
        z [T, B, Z]; its first is the prediction for the step after the given z.
    """

    def dream_step(carry: tuple[LSTMState, jax.Array], at_t):
        a, key = at_t
        state, mixture = step(params, model, *carry, a)
        z = sample(key, mixture, temperature)
        return (state, z), z

    keys = jax.random.split(key, actions.shape[0])
    return jax.lax.scan(dream_step, (state, z), (actions, keys))[1]
