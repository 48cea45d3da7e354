"""The LSTM's hand-written backward pass against autodiff of a plain loop."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from worldmodels import lstm


@pytest.mark.parametrize("rows", [2, 4, 100])  # one, two and all six steps at once
def test_unfold_and_its_gradients_equal_a_loop(monkeypatch, rows):
    monkeypatch.setattr(lstm, "ROWS", rows)
    rng = np.random.default_rng(0)
    with jax.enable_x64(True):
        shapes = ((3 + 4, 16), (16,), (6, 2, 3))  # I 3, N 4, T 6, B 2
        arguments = [jnp.asarray(rng.normal(size=shape)) for shape in shapes]
        weights = jnp.asarray(rng.normal(size=(6, 2, 4)))

        def loop(kernel, bias, x):
            state = lstm.LSTMState(jnp.zeros((2, 4)), jnp.zeros((2, 4)))
            total = 0.0
            for x_t, weight in zip(x, weights, strict=True):
                state = lstm.step(kernel, bias, state, x_t)
                total += (state.h * weight).sum()
            return total

        def ours(*arguments):
            return (lstm.unfold(*arguments) * weights).sum()

        expected = jax.jit(jax.value_and_grad(loop, argnums=(0, 1, 2)))(*arguments)
        actual = jax.jit(jax.value_and_grad(ours, argnums=(0, 1, 2)))(*arguments)
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-12),
        actual,
        expected,
    )
