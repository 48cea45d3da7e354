"""M: the mixture-density LSTM that predicts the next latent (World Models, sec. 2.2).

After (z_1, a_1) .. (z_t, a_t) every dimension of z_{t+1} has a mixture of K Gaussians
of its own: p(z_{t+1} | a_t, z_t, h_t), appendix A.2. A memory that becomes the
environment predicts more from the same h: death_{t+1}, section 4, and the reward.
Everything here is a pure function of parameters, arrays and a key; parameters are a
dict of named arrays, and every function after `initial` takes them with the `Memory`
that shapes them.
"""

import math
from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from worldmodels.models import memory_costs, mixture
from worldmodels.models.cells import lstm
from worldmodels.models.cells.lstm import LSTMState
from worldmodels.models.memory_costs import Costs, Targets
from worldmodels.models.mixture import Mixture, nll, sample

__all__ = [
    "LSTMState",
    "Memory",
    "Mixture",
    "Prediction",
    "initial",
    "initial_state",
    "nll",
    "observe",
    "remember",
    "sample",
    "step",
]

Params = dict[str, Any]


class Prediction(NamedTuple):
    """What M expects of the step after (z_t, a_t); None where M has no such head."""

    mixture: Mixture  # [..., Z, K] of z_{t+1}
    death: jax.Array | None  # [...] log-odds of dying by a_t, in nats
    reward: jax.Array | None  # [...] expected reward of a_t, in the game's units


class Linear(NamedTuple):
    """A number that is linear in h."""

    kernel: jax.Array  # [N, 1]
    bias: jax.Array  # [1]

    def __call__(self, h: jax.Array) -> jax.Array:
        """Return the number [...] of h [..., N]."""
        return (h @ self.kernel + self.bias)[..., 0]


class Memory(nn.Module):
    """The weights of M and the shapes that they have."""

    latent_size: int = 32  # Z
    action_size: int = 3  # A
    hidden_size: int = 256  # N
    mixtures: int = 5  # K
    death_head: bool = False  # whether it predicts death
    reward_head: bool = False  # whether it predicts the reward
    dtype: Any = jnp.float32

    def setup(self):
        glorot = nn.initializers.glorot_uniform()  # as the original's TensorFlow
        reads = self.latent_size + self.action_size + self.hidden_size
        gates, outputs = 4 * self.hidden_size, 3 * self.mixtures * self.latent_size
        self.lstm_kernel = self.param("lstm_kernel", glorot, (reads, gates), self.dtype)
        self.lstm_bias = self.param("lstm_bias", _forget_one, (gates,), self.dtype)
        self.head_kernel = self.param(
            "head_kernel", glorot, (self.hidden_size, outputs), self.dtype
        )
        self.head_bias = self.param(
            "head_bias", nn.initializers.zeros, (outputs,), self.dtype
        )
        # Made last: the others are the same with and without them.
        self.death = self._number("death") if self.death_head else None
        self.reward = self._number("reward") if self.reward_head else None

    def _number(self, name: str) -> Linear:
        glorot, zeros = nn.initializers.glorot_uniform(), nn.initializers.zeros
        shape = (self.hidden_size, 1)
        kernel = self.param(f"{name}_kernel", glorot, shape, self.dtype)
        return Linear(kernel, self.param(f"{name}_bias", zeros, (1,), self.dtype))

    def _inputs(self, z: jax.Array, a: jax.Array) -> jax.Array:
        return jnp.concatenate([z, a], axis=-1).astype(self.dtype)

    def remember(self, state: LSTMState, z: jax.Array, a: jax.Array) -> LSTMState:
        """Return the state [B, N] after (z [B, Z], a [B, A])."""
        return lstm.step(self.lstm_kernel, self.lstm_bias, state, self._inputs(z, a))

    def unfold(
        self, z: jax.Array, a: jax.Array, first: jax.Array, state: LSTMState
    ) -> tuple[jax.Array, LSTMState]:
        """Return h [T, B, N] after each of (z [T, B, Z], a [T, B, A]), and the state.

        An episode begins where `first` [T, B]: what was before it is forgotten.
        """
        x = self._inputs(z, a)
        return lstm.unfold(self.lstm_kernel, self.lstm_bias, x, first, state)

    def head(self, h: jax.Array) -> Prediction:
        """Return what h [..., N] predicts."""
        outputs = h @ self.head_kernel + self.head_bias
        return Prediction(
            mixture=mixture.from_outputs(outputs, self.mixtures),
            death=self.death(h) if self.death_head else None,
            reward=self.reward(h) if self.reward_head else None,
        )

    def observe(
        self, z: jax.Array, a: jax.Array, first: jax.Array, state: LSTMState
    ) -> tuple[LSTMState, Prediction]:
        """Return the state and the predictions [T, B, ...]: time in front."""
        h, state = self.unfold(z, a, first, state)
        return state, self.head(h)

    def cost(
        self, h: jax.Array, targets: Targets, death_weight: float
    ) -> tuple[jax.Array, Costs]:
        """Return `memory_costs.total` of what h [T, B, N] predicts.

        Deaths are rare: with a weight w > 1 the cross-entropy counts each w times, and
        what minimises it is not the log-odds x of death but x + log w (odds w times as
        high). So the loss sees x + log w, and x itself, which `head` gives to dreams
        and reports alike, is calibrated. This is the only place that knows of it.
        """
        heads = [Linear(self.head_kernel, self.head_bias)]
        if self.death_head:
            bias = self.death.bias + math.log(death_weight)
            heads.append(Linear(self.death.kernel, bias))
        if self.reward_head:
            heads.append(self.reward)
        kernel, bias = (jnp.concatenate(x, axis=-1) for x in zip(*heads, strict=True))
        return memory_costs.total(kernel, bias, h, targets)

    def __call__(self, state: LSTMState, z: jax.Array, a: jax.Array):
        """Return the next state and what it predicts."""
        state = self.remember(state, z, a)
        return state, self.head(state.h)


def _forget_one(key: jax.Array, shape: tuple[int, ...], dtype: Any) -> jax.Array:
    """Return a gate bias [4N] of 1 at the forget gate: memories last from the start."""
    return jnp.zeros((4, shape[0] // 4), dtype).at[1].set(1).ravel()


@partial(jax.jit, static_argnames="model")
def initial(key: jax.Array, model: Memory) -> Params:
    """Return fresh parameters, 422,368 of them at the paper's sizes."""
    z = jnp.zeros((1, model.latent_size), model.dtype)
    a = jnp.zeros((1, model.action_size), model.dtype)
    return model.init(key, initial_state(model, 1), z, a)["params"]


def initial_state(model: Memory, batch: int) -> LSTMState:
    """Return the state [B, N] before the first step: zeros."""
    # Not one array twice: a training donates both.
    return LSTMState(*jnp.zeros((2, batch, model.hidden_size), model.dtype))


def step(
    params: Params, model: Memory, state: LSTMState, z: jax.Array, a: jax.Array
) -> tuple[LSTMState, Prediction]:
    """Consume (z [B, Z], a [B, A]); return the state [B, N] and its prediction [B]."""
    return model.apply({"params": params}, state, z, a)


def remember(
    params: Params, model: Memory, state: LSTMState, z: jax.Array, a: jax.Array
) -> LSTMState:
    """Consume (z [B, Z], a [B, A]) without predicting: all that driving needs."""
    return model.apply({"params": params}, state, z, a, method="remember")


def observe(
    params: Params,
    model: Memory,
    state: LSTMState,
    z: jax.Array,
    a: jax.Array,
) -> tuple[LSTMState, Prediction]:
    """Consume true latents; return the state and the predictions of each next step.

    Args:
        state: [B, N] before the first step.
        z: [B, T, Z] true latents.
        a: [B, T, A] actions that were applied.

    Returns:
        The state [B, N] after the last step, and predictions [B, T, ...].
    """
    z, a = jnp.swapaxes(z, 0, 1), jnp.swapaxes(a, 0, 1)
    first = jnp.zeros(z.shape[:2], bool)
    state, predictions = model.apply(
        {"params": params}, z, a, first, state, method="observe"
    )
    return state, jax.tree.map(lambda x: jnp.swapaxes(x, 0, 1), predictions)
