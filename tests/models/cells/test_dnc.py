"""The DNC against its equations in numpy, and what must hold of every state."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import dnc_cases, numpy_dnc
from support.dnc_cases import (
    CELL,
    H,
    N,
    R,
    W,
    as_row,
    cast,
    inputs,
    sizes,
    step,
    unfold,
    weights,
)

T, B = 100, 2
FIRST = np.zeros((T, B), bool)
FIRST[[0, 40, 41, 99], [1, 0, 1, 0]] = True  # at the beginning, amid, and at the end


def by_numpy(orders=None):
    """Numpy's outputs [T, B, ...], states after each step, and what was held."""
    params, x, state = weights(CELL), inputs(CELL, T, B), dnc_cases.state(CELL, B)
    held = [
        numpy_dnc.Held(orders=None if orders is None else orders[:, row])
        for row in range(B)
    ]
    rows = [
        numpy_dnc.unfold(
            params, sizes(CELL), x[:, row], FIRST[:, row], as_row(state, row), held[row]
        )
        for row in range(B)
    ]
    y = np.stack([y for y, _ in rows], axis=1)
    return y, [states for _, states in rows], held


@pytest.fixture(scope="module")
def expected():
    return by_numpy()


def given(dtype):
    return cast((weights(CELL), inputs(CELL, T, B)), dtype), cast(
        dnc_cases.state(CELL, B), dtype
    )


def each_state(dtype) -> dict[str, np.ndarray]:
    """The states [T, B, ...] after each step, made by a loop of steps."""
    (params, x), state = given(dtype)

    def step(state, at_t):
        x, first = at_t
        kept = jax.tree.map(
            lambda s: s * ~first.reshape(-1, *[1] * (s.ndim - 1)), state
        )
        y, state = CELL.step(params, kept, x)
        return state, (y, state)

    return jax.jit(lambda s: jax.lax.scan(step, s, (x, FIRST))[1])(state)


def assert_near(actual, expected, atol=1e-12):
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=atol),
        actual,
        expected,
    )


def test_unfold_equals_a_numpy_loop_over_a_hundred_steps(float64, expected):
    (params, x), state = given(np.float64)
    y, after = unfold(params, x, FIRST, state)
    assert_near(y, expected[0])
    assert_near(after, dnc_cases.stacked([states[-1] for states in expected[1]]))


def test_in_float32_it_is_the_loop_that_takes_slots_in_the_same_order():
    """Of two slots that are nearly as empty, rounding may take the other one."""
    (params, x), state = given(np.float32)
    order = np.argsort(each_state(np.float32)[1].usage, axis=-1, stable=True)
    y, states, _ = by_numpy(order)
    ours, after = unfold(params, x, FIRST, state)
    assert ours.dtype == np.float32
    assert_near(ours, y, 1e-5)
    assert_near(after, dnc_cases.stacked([rows[-1] for rows in states]), 1e-5)


def test_steps_equal_a_numpy_loop_in_every_part_of_the_state(float64, expected):
    y, states = each_state(np.float64)
    assert_near(y, expected[0])
    for row, rows in enumerate(expected[1]):
        for name, ours in states._asdict().items():
            theirs = np.stack([state[name] for state in rows])
            assert_near(ours[:, row], theirs)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_every_state_keeps_the_bounds_of_weightings(float64, dtype):
    slack = 1 + 50 * np.finfo(dtype).eps
    states = each_state(dtype)[1]
    assert np.all((states.usage >= 0) & (states.usage <= slack))
    for weighting in (states.write, states.precedence, states.read):
        assert np.all(weighting >= 0)
        assert np.all(weighting.sum(-1) <= slack)
    link = np.asarray(states.link)
    assert np.all(link >= 0)
    assert not np.any(np.diagonal(link, axis1=-2, axis2=-1))
    for axis in (-1, -2):
        assert np.all(link.sum(axis) <= slack)
    # None of it holds for want of anything to hold.
    assert link.max() > 0.1
    assert states.read.max() > 0.2
    assert states.usage.max() > 0.5


def test_permuted_slots_permute_the_state_and_change_no_output(float64):
    (params, x), state = given(np.float64)
    order = np.random.default_rng(3).permutation(N)

    def permute(state):
        return state._replace(
            memory=state.memory[:, order],
            usage=state.usage[:, order],
            write=state.write[:, order],
            read=state.read[:, :, order],
            link=state.link[:, order][:, :, order],
            precedence=state.precedence[:, order],
        )

    # Of equal slots the lower number goes first: an empty memory would have ties.
    first = np.zeros((T, B), bool)
    y, after = unfold(params, x, first, state)
    permuted, end = unfold(params, x, first, permute(state))
    assert_near(permuted, y, 1e-11)
    assert_near(end, permute(after), 1e-11)


def test_a_batch_is_its_rows_alone_and_a_scan_a_loop_of_steps(float64):
    (params, x), state = given(np.float64)
    x, first = x[:8], FIRST[40:48]
    y, _ = unfold(params, x, first, state)
    for row in range(B):
        carried = jax.tree.map(lambda s, row=row: s[row], state)
        for t in range(len(x)):
            carried = jax.tree.map(lambda s, now=first[t, row]: s * ~now, carried)
            alone, carried = step(params, carried, x[t, row])  # no leading axis
            assert alone.shape == (H + R * W,)
            assert_near(y[t, row], alone)


def test_two_windows_are_the_whole(float64):
    (params, x), state = given(np.float64)
    y, after = unfold(params, x, FIRST, state)
    y1, between = unfold(params, x[:33], FIRST[:33], state)
    y2, end = unfold(params, x[33:], FIRST[33:], between)
    assert_near(np.concatenate([y1, y2]), y)
    assert_near(end, after)


def test_mixed_precision_rounds_the_factors_and_stays_near():
    (params, x), _ = given(np.float32)
    mixed = replace(CELL, precision="mixed")
    first, state = np.zeros((8, B), bool), CELL.initial(B, jnp.float32)

    def loss(cell, params):
        y, _ = cell.unfold(params, x[:8], first, state)
        return (y**2).mean(), y

    (_, y), grads = jax.jit(
        jax.value_and_grad(lambda p: loss(CELL, p), has_aux=True)
    )(params)  # fmt: skip
    (_, rounded), other = jax.jit(
        jax.value_and_grad(lambda p: loss(mixed, p), has_aux=True)
    )(params)
    assert rounded.dtype == jnp.float32
    assert 1e-5 < np.abs(rounded - y).max() < 0.1
    for name, grad in grads.items():
        assert other[name].dtype == jnp.float32
        scale = np.abs(grad).max()
        assert np.abs(other[name] - grad).max() < 0.2 * scale, name


@pytest.mark.parametrize("option", ["masked_content", "erase_freed", "sharpen_links"])
def test_each_option_equals_its_equation_in_numpy(float64, option):
    cell = replace(CELL, **{option: True})
    params, x, state = weights(cell), inputs(cell, 12, 1), dnc_cases.state(cell, 1)
    first = FIRST[38:50, :1]
    y, states = numpy_dnc.unfold(
        params, sizes(cell), x[:, 0], first[:, 0], as_row(state, 0)
    )
    ours, after = jax.jit(cell.unfold)(params, x, first, state)
    assert_near(ours[:, 0], y)
    assert_near(after, dnc_cases.stacked([states[-1]]))
    # And it is another cell than that without it.
    plain, _ = numpy_dnc.unfold(
        {
            name: params[name][..., : p.shape[-1]]
            for name, p in CELL.parameters().items()
        },
        sizes(CELL),
        x[:, 0],
        first[:, 0],
        as_row(state, 0),
    )
    assert np.abs(plain - y).max() > 1e-4
