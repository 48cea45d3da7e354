"""The LSTM of M (World Models, section 2.2 and appendix A.2), the paper's cell.

A whole sequence has a backward pass by hand. Gates are ordered input, forget,
candidate, output. One kernel [I + N, 4N] takes the input and the state before it side
by side, so a time step is one matrix product.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from worldmodels.models.cells.cell import Parameter, Params, in_chunks
from worldmodels.models.precision import FLOAT32, Precision, contract, factor, product


class LSTMState(NamedTuple):
    """What the LSTM carries from one time step to the next."""

    h: jax.Array  # [B, N] output, in (-1, 1)
    c: jax.Array  # [B, N] cell


@dataclass(frozen=True)
class LSTM:
    """An LSTM of N units that reads I inputs."""

    inputs: int  # I
    units: int  # N
    precision: Precision = FLOAT32  # of the products

    def parameters(self) -> Mapping[str, Parameter]:
        """Return the kernel [I + N, 4N] and the bias [4N]."""
        glorot = nn.initializers.glorot_uniform()  # as the original's TensorFlow
        gates = 4 * self.units
        return {
            "lstm_kernel": Parameter(glorot, (self.inputs + self.units, gates)),
            "lstm_bias": Parameter(forget_one, (gates,)),
        }

    def initial(self, batch: int, dtype: Any) -> LSTMState:
        """Return the state [B, N] before the first step: zeros."""
        return LSTMState(*jnp.zeros((2, batch, self.units), dtype))

    def step(
        self, params: Params, state: LSTMState, x: jax.Array
    ) -> tuple[jax.Array, LSTMState]:
        """Return h and the state after x [..., I]."""
        kernel, bias = params["lstm_kernel"], params["lstm_bias"]
        state = step(kernel, bias, state, x, self.precision)
        return state.h, state

    def unfold(
        self, params: Params, x: jax.Array, first: jax.Array, state: LSTMState
    ) -> tuple[jax.Array, LSTMState]:
        """Return h [T, B, N] after each of x [T, B, I], and the state at the end."""
        kernel, bias = params["lstm_kernel"], params["lstm_bias"]
        return unfold(kernel, bias, x, first, state, self.precision)

    def features(self, state: LSTMState) -> dict[str, jax.Array]:
        """Return h and c, of which C reads h, or c and h (appendix A.3)."""
        return {"h": state.h, "c": state.c}


def forget_one(key: jax.Array, shape: tuple[int, ...], dtype: Any) -> jax.Array:
    """Return a gate bias [4N] of 1 at the forget gate: memories last from the start."""
    return jnp.zeros((4, shape[0] // 4), dtype).at[1].set(1).ravel()


class Activations(NamedTuple):
    """The gates of one time step, each [B, N]: in (0, 1), the candidate in (-1, 1)."""

    i: jax.Array
    f: jax.Array
    g: jax.Array
    o: jax.Array


class LSTMGradients(NamedTuple):
    """What the backward pass carries against time."""

    state: LSTMState  # of the loss with respect to the state after this step
    kernel: jax.Array  # [I + N, 4N] summed over the steps so far
    bias: jax.Array  # [4N]


def activate(state: LSTMState, gates: jax.Array) -> tuple[LSTMState, Activations]:
    """Return the next state and the activations of gates [B, 4N]."""
    i, f, g, o = jnp.split(gates, 4, axis=-1)
    i, f, o = jax.nn.sigmoid(i), jax.nn.sigmoid(f), jax.nn.sigmoid(o)
    g = jnp.tanh(g)
    c = f * state.c + i * g
    return LSTMState(o * jnp.tanh(c), c), Activations(i, f, g, o)


def step(
    kernel: jax.Array,
    bias: jax.Array,
    state: LSTMState,
    x: jax.Array,
    precision: Precision = FLOAT32,
) -> LSTMState:
    """Consume x [B, I] with kernel [I + N, 4N] and bias [4N]."""
    read = jnp.concatenate([x, state.h], axis=-1)
    return activate(state, product(read, kernel, precision) + bias)[0]


@partial(jax.custom_vjp, nondiff_argnums=(5,))
def unfold(
    kernel: jax.Array,
    bias: jax.Array,
    x: jax.Array,
    first: jax.Array,
    state: LSTMState,
    precision: Precision = FLOAT32,
) -> tuple[jax.Array, LSTMState]:
    """Return h [T, B, N] after each of x [T, B, I], and the state [B, N] at the end.

    The backward pass by hand makes the kernel's gradient of many time steps in one
    product, but not of all steps: on a CPU, an array [T, B, 4N] costs as much to
    allocate and fill as the product. For the same reason the inputs' part of the gates
    is not computed ahead for all steps.

    Args:
        kernel: [I + N, 4N] and bias [4N].
        first: bool [T, B] where an episode begins: nothing before it is remembered.
        state: [B, N] before the first x.
        precision: of the products, but for that which makes the kernel's gradient.
    """
    return _forward(kernel, bias, x, first, state, precision)[0]


def _cut(state: LSTMState, first: jax.Array) -> LSTMState:
    """Return the state [B, N], or its gradient, with zeros where an episode begins."""
    return LSTMState(*(jnp.where(first[:, None], 0, x) for x in state))


def _forward(kernel, bias, x, first, state, precision):
    rounded = factor(kernel, precision)

    def step(state, at_t):
        x, first = at_t
        state = _cut(state, first)
        read = jnp.concatenate([x, state.h], axis=-1)
        gates = contract("bk,kn->bn", read, rounded, precision) + bias
        after, activations = activate(state, gates)
        return after, (after.h, (read, state.c, activations))

    after, (h, residuals) = jax.lax.scan(step, state, (x, first))
    return (h, after), (kernel, first, residuals)


def _backward(precision, saved, gradients):
    kernel, first, residuals = saved
    dh, dafter = gradients
    inputs = kernel.shape[0] - dh.shape[-1]
    from_x, from_h = (
        factor(part.T, precision) for part in (kernel[:inputs], kernel[inputs:])
    )
    chunks = jax.tree.map(in_chunks, (dh, first, residuals))

    def step(after: LSTMState, at_t):
        dh, first, (_, c_tm1, activations) = at_t
        dgates, dc = _cell_backward(after, dh, c_tm1, activations)
        dh = contract("bg,gn->bn", dgates, from_h, precision)
        return _cut(LSTMState(dh, dc), first), dgates

    def chunk(after: LSTMGradients, steps):
        state, dgates = jax.lax.scan(step, after.state, steps, reverse=True)
        read = steps[2][0]
        # In float32 always: in bfloat16 XLA's CPU backend loses more by transposing
        # `read` than the product gains.
        dkernel = after.kernel + jnp.einsum("tbr,tbg->rg", read, dgates)
        dbias = after.bias + dgates.sum(axis=(0, 1))
        dx = contract("tbg,gi->tbi", dgates, from_x, precision)
        return LSTMGradients(state, dkernel, dbias), dx

    start = LSTMGradients(dafter, jnp.zeros_like(kernel), jnp.zeros_like(kernel[0]))
    total, dx = jax.lax.scan(chunk, start, chunks, reverse=True)
    dx = dx.reshape(*dh.shape[:2], inputs)
    return total.kernel, total.bias, dx, None, total.state


def _cell_backward(after: LSTMState, dh, c_tm1, activations: Activations):
    """Return the gradients with respect to the gates [B, 4N] and c_tm1 [B, N]."""
    i, f, g, o = activations
    tanh_c = jnp.tanh(f * c_tm1 + i * g)
    dh = dh + after.h
    dc = after.c + dh * o * (1 - tanh_c**2)
    di = dc * g * i * (1 - i)
    df = dc * c_tm1 * f * (1 - f)
    dg = dc * i * (1 - g**2)
    do = dh * tanh_c * o * (1 - o)
    return jnp.concatenate([di, df, dg, do], axis=-1), dc * f


unfold.defvjp(_forward, _backward)
