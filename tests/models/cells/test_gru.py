"""The GRU against its equations in numpy, and flax's with the same weights."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

from worldmodels.models.cells.gru import GRU, GRUState

T, B, X, N = 6, 2, 3, 4  # steps, rows, inputs, units
CELL = GRU(X, N)
FIRST = np.zeros((T, B), bool)
FIRST[[0, 3, 5], [1, 0, 1]] = True  # at the beginning, amid, and at the end


@pytest.fixture
def given(float64):
    """Weights, x and a state that is not zero, in float64."""
    rng = np.random.default_rng(0)
    params = {
        name: rng.normal(size=parameter.shape)
        for name, parameter in CELL.parameters().items()
    }
    x, h = rng.normal(size=(T, B, X)), rng.normal(size=(B, N))
    return params, x, GRUState(h)


def numpy_step(params, h, x):
    """One row, one gate after the other."""
    p = params
    of_x, of_h = x @ p["gru_kernel"] + p["gru_bias"], h @ p["gru_recurrent_kernel"]
    r = special.expit(of_x[:N] + of_h[:N])
    u = special.expit(of_x[N : 2 * N] + of_h[N : 2 * N])
    n = np.tanh(of_x[2 * N :] + r * (of_h[2 * N :] + p["gru_recurrent_bias"]))
    return (1 - u) * n + u * h


def test_unfold_equals_a_numpy_loop_that_forgets_at_first_steps(given):
    params, x, state = given
    h, after = jax.jit(CELL.unfold)(params, x, FIRST, state)
    for row in range(B):
        carried = np.asarray(state.h[row])
        for t in range(T):
            carried = numpy_step(params, carried * ~FIRST[t, row], x[t, row])
            np.testing.assert_allclose(h[t, row], carried, rtol=1e-12)
        np.testing.assert_allclose(after.h[row], carried, rtol=1e-12)


def test_step_equals_flax(given):
    params, x, state = given
    (ir, iu, i_n), (br, bu, bn) = (
        np.split(params[name], 3, axis=-1) for name in ("gru_kernel", "gru_bias")
    )
    hr, hu, hn = np.split(params["gru_recurrent_kernel"], 3, axis=-1)
    theirs = {  # their z is u
        "ir": {"kernel": ir, "bias": br}, "iz": {"kernel": iu, "bias": bu},
        "in": {"kernel": i_n, "bias": bn}, "hr": {"kernel": hr},
        "hz": {"kernel": hu},
        "hn": {"kernel": hn, "bias": params["gru_recurrent_bias"]},
    }  # fmt: skip
    cell = nn.GRUCell(N, dtype=jnp.float64, param_dtype=jnp.float64)
    expected, _ = jax.jit(cell.apply)({"params": theirs}, state.h, x[0])
    y, after = jax.jit(CELL.step)(params, state, x[0])
    np.testing.assert_allclose(y, expected, rtol=1e-12)
    np.testing.assert_array_equal(after.h, y)


def test_gradients_equal_those_of_a_loop(given):
    weights = np.random.default_rng(1).normal(size=(T + 1, B, N))

    def loop(params, x, state):
        total = 0.0
        for t in range(T):
            state = GRUState(state.h * ~FIRST[t][:, None])
            y, state = CELL.step(params, state, x[t])
            total += (weights[t] * y).sum()
        return total + (weights[T] * state.h).sum()

    def unfolded(params, x, state):
        y, after = CELL.unfold(params, x, FIRST, state)
        return (weights[:T] * y).sum() + (weights[T] * after.h).sum()

    expected, actual = (
        jax.jit(jax.value_and_grad(f, argnums=(0, 1, 2)))(*given)
        for f in (loop, unfolded)
    )
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12),
        actual,
        expected,
    )


def test_the_backward_pass_keeps_one_state_a_step():
    """No array of gates [T, B, 3N] is there: a scan would keep several."""

    def loss(params, x, state):
        return CELL.unfold(params, x, jnp.zeros((T, B), bool), state)[0].sum()

    params = {
        name: jnp.ones(parameter.shape) for name, parameter in CELL.parameters().items()
    }
    given = params, jnp.ones((T, B, X)), CELL.initial(B, jnp.float32)
    _, backward = jax.vjp(loss, *given)
    kept = sum(leaf.size for leaf in jax.tree.leaves(backward) if leaf.ndim == 3)
    # x and the state, and one mask for both.
    assert kept <= T * B * (X + 2 * N)
