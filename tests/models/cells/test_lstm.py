"""The LSTM's hand-written backward pass against autodiff of a plain loop."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from worldmodels.models.cells import cell, lstm
from worldmodels.models.cells.lstm import LSTMState

T, B, X, N = 6, 2, 3, 4  # steps, rows, inputs, units
FIRST = np.zeros((T, B), bool)
FIRST[[0, 3, 5], [1, 0, 1]] = True  # at the beginning, amid, and at the end


def arguments(seed: int = 0) -> list:
    """Kernel, bias, x and a state that is not zero, in float64."""
    rng = np.random.default_rng(seed)
    shapes = ((X + N, 4 * N), (4 * N,), (T, B, X), (B, N), (B, N))
    *given, h, c = (jnp.asarray(rng.normal(size=shape)) for shape in shapes)
    return [*given, LSTMState(h, c)]


def loop(kernel, bias, x, state, first=FIRST):
    """Step by step; at a first step the state is zero."""
    h = []
    for x_t, first_t in zip(x, first, strict=True):
        state = jax.tree.map(lambda s, at=first_t: s * ~at[:, None], state)
        state = lstm.step(kernel, bias, state, x_t)
        h.append(state.h)
    return jnp.stack(h), state


def assert_close(actual, expected):
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-12),
        actual,
        expected,
    )


@pytest.mark.parametrize("rows", [2, 4, 100])  # one, two and all six steps at once
def test_unfold_and_its_gradients_equal_a_loop(monkeypatch, rows):
    monkeypatch.setattr(cell, "ROWS", rows)
    with jax.enable_x64(True):
        rng = np.random.default_rng(1)
        weights = rng.normal(size=(T, B, N)), LSTMState(*rng.normal(size=(2, B, N)))

        def weighed(h_and_state):
            products = jax.tree.map(lambda x, w: (x * w).sum(), h_and_state, weights)
            return sum(jax.tree.leaves(products))

        def ours(kernel, bias, x, state):
            return weighed(lstm.unfold(kernel, bias, x, FIRST, state))

        given, argnums = arguments(), (0, 1, 2, 3)
        expected = jax.jit(
            jax.value_and_grad(lambda *a: weighed(loop(*a)), argnums=argnums)
        )(*given)
        actual = jax.jit(jax.value_and_grad(ours, argnums=argnums))(*given)
        assert_close(actual, expected)


def test_two_halves_are_the_whole():
    """Values and gradients: the state and its gradient carry all there is."""
    with jax.enable_x64(True):

        def whole(kernel, bias, x, state):
            h, state = lstm.unfold(kernel, bias, x, FIRST, state)
            return (h**2).sum() + state.c.sum()

        def halves(kernel, bias, x, state):
            h1, state = lstm.unfold(kernel, bias, x[:2], FIRST[:2], state)
            h2, state = lstm.unfold(kernel, bias, x[2:], FIRST[2:], state)
            return (h1**2).sum() + (h2**2).sum() + state.c.sum()

        given = arguments()
        expected, actual = (
            jax.jit(jax.value_and_grad(f, argnums=(0, 1, 2, 3)))(*given)
            for f in (whole, halves)
        )
        assert_close(actual, expected)


def test_nothing_leaks_past_the_first_step_of_an_episode():
    with jax.enable_x64(True):
        kernel, bias, x, state = arguments()
        # Row 0 begins an episode at step 3, row 1 at steps 0 and 5.
        other = x.at[:3, 0].set(9.0).at[:5, 1].set(-9.0)
        unlike = jax.tree.map(lambda s: s - 5, state)
        h, after = lstm.unfold(kernel, bias, x, FIRST, state)
        changed, end = lstm.unfold(kernel, bias, other, FIRST, unlike)
        np.testing.assert_array_equal(changed[3:, 0], h[3:, 0])
        np.testing.assert_array_equal(changed[5:, 1], h[5:, 1])
        jax.tree.map(np.testing.assert_array_equal, end, after)
        assert np.abs(changed[:3, 0] - h[:3, 0]).min() > 1e-6

        def later(x, state):
            h, _ = lstm.unfold(kernel, bias, x, FIRST, state)
            return h[3:, 0].sum() + h[5:, 1].sum()

        dx, dstate = jax.grad(later, argnums=(0, 1))(x, state)
        assert not np.any(dx[:3, 0])
        assert not np.any(dx[:5, 1])
        assert not any(np.any(leaf) for leaf in dstate)
        assert np.abs(dx[3:, 0]).min() > 0
