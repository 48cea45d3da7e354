"""The LSTM of M: one cell, and a whole sequence with a backward pass by hand.

Gates are ordered input, forget, candidate, output. One kernel [I + N, 4N] takes the
input and the state before it side by side, so a time step is one matrix product.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

ROWS = 1024  # of T * B to take at once: as many as stay in a core's cache


class LSTMState(NamedTuple):
    """What the LSTM carries from one time step to the next."""

    h: jax.Array  # [B, N] output, in (-1, 1)
    c: jax.Array  # [B, N] cell


class Activations(NamedTuple):
    """The gates of one time step, each [B, N]: in (0, 1), the candidate in (-1, 1)."""

    i: jax.Array
    f: jax.Array
    g: jax.Array
    o: jax.Array


class Gradients(NamedTuple):
    """What the backward pass carries against time."""

    state: LSTMState  # of the loss with respect to the state after this step
    kernel: jax.Array  # [I + N, 4N] summed over the steps so far
    bias: jax.Array  # [4N]


def cell(state: LSTMState, gates: jax.Array) -> tuple[LSTMState, Activations]:
    """Return the next state and the activations of gates [B, 4N]."""
    i, f, g, o = jnp.split(gates, 4, axis=-1)
    i, f, o = jax.nn.sigmoid(i), jax.nn.sigmoid(f), jax.nn.sigmoid(o)
    g = jnp.tanh(g)
    c = f * state.c + i * g
    return LSTMState(o * jnp.tanh(c), c), Activations(i, f, g, o)


def step(
    kernel: jax.Array, bias: jax.Array, state: LSTMState, x: jax.Array
) -> LSTMState:
    """Consume x [B, I] with kernel [I + N, 4N] and bias [4N]."""
    gates = jnp.concatenate([x, state.h], axis=-1) @ kernel + bias
    return cell(state, gates)[0]


@jax.custom_vjp
def unfold(
    kernel: jax.Array,
    bias: jax.Array,
    x: jax.Array,
    first: jax.Array,
    state: LSTMState,
) -> tuple[jax.Array, LSTMState]:
    """Return h [T, B, N] after each of x [T, B, I], and the state [B, N] at the end.

    The backward pass by hand makes the kernel's gradient of many time steps in one
    product, but not of all: on a CPU, mapping and filling an array [T, B, 4N] costs
    as much as the product. For the same reason the inputs' share of the gates is not
    computed ahead for all time.

    Args:
        kernel: [I + N, 4N] and bias [4N].
        first: bool [T, B] where an episode begins: nothing before it is remembered.
        state: [B, N] before the first x.
    """
    return _forward(kernel, bias, x, first, state)[0]


def _cut(state: LSTMState, first: jax.Array) -> LSTMState:
    """Return the state [B, N], or its gradient, with zeros where an episode begins."""
    return LSTMState(*(jnp.where(first[:, None], 0, x) for x in state))


def _forward(kernel, bias, x, first, state):
    def step(state, at_t):
        x, first = at_t
        state = _cut(state, first)
        read = jnp.concatenate([x, state.h], axis=-1)
        after, activations = cell(state, read @ kernel + bias)
        return after, (after.h, (read, state.c, activations))

    after, (h, residuals) = jax.lax.scan(step, state, (x, first))
    return (h, after), (kernel, first, residuals)


def _backward(saved, gradients):
    kernel, first, residuals = saved
    dh, dafter = gradients
    inputs = kernel.shape[0] - dh.shape[-1]
    from_x, from_h = kernel[:inputs].T, kernel[inputs:].T
    chunks = jax.tree.map(in_chunks, (dh, first, residuals))

    def step(after: LSTMState, at_t):
        dh, first, (_, c_tm1, activations) = at_t
        dgates, dc = _cell_backward(after, dh, c_tm1, activations)
        return _cut(LSTMState(dgates @ from_h, dc), first), dgates

    def chunk(after: Gradients, steps):
        state, dgates = jax.lax.scan(step, after.state, steps, reverse=True)
        read = steps[2][0]
        dkernel = after.kernel + jnp.einsum("tbr,tbg->rg", read, dgates)
        dbias = after.bias + dgates.sum(axis=(0, 1))
        return Gradients(state, dkernel, dbias), dgates @ from_x

    start = Gradients(dafter, jnp.zeros_like(kernel), jnp.zeros_like(kernel[0]))
    total, dx = jax.lax.scan(chunk, start, chunks, reverse=True)
    dx = dx.reshape(*dh.shape[:2], inputs)
    return total.kernel, total.bias, dx, None, total.state


def in_chunks(x: jax.Array) -> jax.Array:
    """Cut x [T, B, ...] into [T / S, S, B, ...]: as many steps S as ROWS allows."""
    time, batch = x.shape[:2]
    fitting = [n for n in range(1, time + 1) if time % n == 0 and n * batch <= ROWS]
    return x.reshape(-1, max(fitting, default=1), *x.shape[1:])


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
