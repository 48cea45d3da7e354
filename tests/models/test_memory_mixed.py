"""M in mixed precision: what is rounded, and how far its loss and gradients move."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

from worldmodels.models import memory, memory_loss
from worldmodels.models.cells import registry
from worldmodels.models.cells.lstm import LSTMState
from worldmodels.models.memory import Memory

Z, A, N, B, T = 8, 3, 32, 4, 24
MODEL = Memory(Z, A, N, mixtures=3, death_head=True, reward_head=True)
MIXED = MODEL.clone(precision="mixed")
# Of a gradient's norm, and of the loss. A factor is rounded by 2^-9 at most, 0.002.
GRADIENT_BOUND, LOSS_BOUND = 0.01, 0.001


def batch() -> dict[str, np.ndarray]:
    """Rows in which episodes end and begin."""
    rng = np.random.default_rng(0)
    ends = rng.uniform(size=(B, T)) < 0.1
    made = {
        "mu": rng.normal(size=(B, T + 1, Z)),
        "logvar": rng.normal(-2, 0.5, (B, T + 1, Z)),
        "actions": rng.uniform(-1, 1, (B, T, A)),
        "rewards": rng.normal(size=(B, T)),
    }
    return {name: x.astype(np.float32) for name, x in made.items()} | {
        "first": np.roll(ends, 1, axis=1),
        "last": ends,
        "terminated": ends,
        "inside": np.ones((B, T), bool),
    }


def value_and_grad(model: Memory, params: dict):
    loss = partial(memory_loss.loss, model=model)
    run = jax.jit(jax.value_and_grad(loss, has_aux=True))
    state = memory.initial_state(model, B)
    (value, (_, state)), grads = run(params, batch(), jax.random.key(1), state)
    return value, state, grads


@pytest.mark.parametrize("cell", registry.CELLS)
def test_loss_and_gradients_stay_near_those_of_float32(cell):
    model, mixed = MODEL.clone(cell=cell), MIXED.clone(cell=cell)
    params = memory.initial(jax.random.key(0), model)
    expected, _, exact = value_and_grad(model, params)
    actual, state, rounded = value_and_grad(mixed, params)
    assert float(actual) == pytest.approx(float(expected), rel=LOSS_BOUND)
    assert {x.dtype for x in jax.tree.leaves((rounded, state))} == {jnp.dtype("f4")}
    for name, gradient in exact.items():
        error = np.linalg.norm(rounded[name] - gradient) / np.linalg.norm(gradient)
        assert 0 < error < GRADIENT_BOUND, name


def round_to_bfloat16(x) -> np.ndarray:
    return np.asarray(jnp.asarray(x, jnp.bfloat16), np.float64)


def test_factors_of_products_are_rounded_and_nothing_else():
    params = memory.initial(jax.random.key(0), MODEL)
    rng = np.random.default_rng(2)
    h, c, z = (rng.normal(size=(B, n)).astype(np.float32) for n in (N, N, Z))
    a = rng.uniform(-1, 1, (B, A)).astype(np.float32)
    step = jax.jit(memory.step, static_argnums=1)
    state, predicted = step(params, MIXED, LSTMState(h, c), z, a)
    read = round_to_bfloat16(np.concatenate([z, a, h], axis=1))
    gates = read @ round_to_bfloat16(params["lstm_kernel"]) + params["lstm_bias"]
    i, f, g, o = np.split(gates, 4, axis=1)
    c = special.expit(f) * c + special.expit(i) * np.tanh(g)
    np.testing.assert_allclose(state.c, c, atol=2e-6)
    np.testing.assert_allclose(state.h, special.expit(o) * np.tanh(c), atol=2e-6)
    outputs = round_to_bfloat16(state.h) @ round_to_bfloat16(params["head_kernel"])
    means = outputs.reshape(B, 3, 3, Z)[:, 1].swapaxes(1, 2)
    np.testing.assert_allclose(predicted.mixture.mean, means, atol=2e-6)
    death = np.asarray(state.h, np.float64) @ params["death_kernel"]
    np.testing.assert_allclose(predicted.death, death[:, 0], atol=2e-6)
