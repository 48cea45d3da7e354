"""How the DNC finds slots: by hand-computed numbers and against a sort."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import numpy_dnc

from worldmodels.models.cells import addressing, links

TIES = np.array([0.4, 0.0, 0.4, 1.0, 0.0, 1.0, 0.7])


def linked(link, precedence, write):
    """The links after a write."""
    read = jnp.zeros((1, len(write)))
    return links.follow(link, jnp.ones(()), precedence, write, read)[0]


def by_sort(usage):
    return numpy_dnc.allocation(usage, np.argsort(usage, kind="stable"))


@pytest.mark.parametrize("usage", [TIES, np.zeros(5), np.ones(5), np.full(5, 0.3)])
def test_allocation_is_that_of_the_sorted_free_list(float64, usage):
    a = addressing.allocation(jnp.asarray(usage))
    np.testing.assert_allclose(a, by_sort(usage), rtol=1e-12, atol=1e-15)
    assert a.sum() <= 1 + 1e-12


def test_allocation_takes_an_empty_slot_whole_and_a_full_one_never(float64):
    a = addressing.allocation(jnp.array([[1.0, 0.5, 0.0], [0.5, 1.0, 1.0]]))
    np.testing.assert_allclose(a, [[0, 0, 1], [0.5, 0, 0]], atol=2e-6)


@pytest.mark.parametrize(
    "usage", [TIES, np.zeros(5), np.ones(5), np.full(5, 0.3), np.linspace(1, 0, 6)]
)
@pytest.mark.parametrize("few", [0, 32])
def test_gradients_of_allocation_are_finite_differences_in_a_fixed_order(
    float64, monkeypatch, usage, few
):
    """At 0, 1 and ties too; a is linear in each usage, so differences are exact."""
    monkeypatch.setattr(addressing, "FEW", few)
    order = np.argsort(usage, kind="stable")
    actual = jax.jit(jax.jacrev(addressing.allocation))(jnp.asarray(usage))
    moved = 1e-3 * np.eye(len(usage))
    expected = np.stack(
        [
            (
                numpy_dnc.allocation(usage + one, order)
                - numpy_dnc.allocation(usage - one, order)
            )
            / 2e-3
            for one in moved
        ],
        axis=1,
    )
    np.testing.assert_allclose(actual, expected, atol=1e-10)


def test_retention_gives_gradients_where_a_factor_is_zero(float64):
    free, read = jnp.ones(2), jnp.array([[1.0, 0.5], [1.0, 0.25]])
    kept = addressing.retention(free, read)
    np.testing.assert_allclose(kept, [0, 0.375])
    grads = jax.grad(lambda f, r: addressing.retention(f, r).sum(), (0, 1))(free, read)
    # d/df_k = -w_k times the other factor.
    np.testing.assert_allclose(grads[0], [-0.5 * 0.75, -0.25 * 0.5])
    np.testing.assert_allclose(grads[1], [[0, -0.75], [0, -0.5]])


def test_content_of_an_empty_memory_is_even_and_its_gradients_are_numbers(float64):
    memory, keys = jnp.zeros((4, 3)), jnp.zeros((2, 3))
    found = addressing.content(memory, keys, jnp.ones(2))
    np.testing.assert_array_equal(found, np.full((2, 4), 0.25))
    weights = np.arange(8.0).reshape(2, 4)
    loss = jax.grad(lambda *x: (addressing.content(*x) * weights).sum(), (0, 1, 2))
    grads = jax.jit(loss)(memory, keys, jnp.ones(2))
    assert all(np.isfinite(x).all() for x in grads)


def test_content_prefers_the_slot_that_points_where_the_key_does(float64):
    memory = jnp.array([[5.0, 0], [0, 0.1], [-1, 0]])
    found = addressing.content(memory, jnp.array([[2.0, 0]]), jnp.array([3.0]))
    # Cosines 1, 0 and -1.
    expected = np.exp([3.0, 0, -3]) / np.exp([3.0, 0, -3]).sum()
    np.testing.assert_allclose(found[0], expected, atol=1e-4)


def test_one_hot_writes_leave_links_in_their_order():
    link, precedence = jnp.zeros((4, 4)), jnp.zeros(4)
    for slot in (0, 1, 2):
        write = jax.nn.one_hot(slot, 4)
        link = linked(link, precedence, write)
        precedence = addressing.preceding(precedence, write)
    expected = np.zeros((4, 4))
    expected[1, 0] = expected[2, 1] = 1
    np.testing.assert_array_equal(link, expected)
    np.testing.assert_array_equal(precedence, [0, 0, 1, 0])
    # Forward from slot 0 is slot 1; backward from slot 2 is slot 1.
    np.testing.assert_array_equal(link @ jax.nn.one_hot(0, 4), [0, 1, 0, 0])
    np.testing.assert_array_equal(link.T @ jax.nn.one_hot(2, 4), [0, 1, 0, 0])


def test_links_are_made_with_the_precedence_of_before():
    """Two half writes: L_1 has none, and L_2[1, 0] is w_2[1] times p_1[0]."""
    w1, w2 = jnp.array([0.5, 0.0]), jnp.array([0.25, 0.5])
    zero = jnp.zeros(2)
    np.testing.assert_array_equal(linked(jnp.zeros((2, 2)), zero, w1), np.zeros((2, 2)))
    p1 = addressing.preceding(zero, w1)
    l2 = linked(jnp.zeros((2, 2)), p1, w2)
    np.testing.assert_allclose(l2, [[0, 0], [0.25, 0]])
    np.testing.assert_allclose(addressing.preceding(p1, w2), [0.375, 0.5])


def test_usage_has_no_gradient_by_the_write_of_before(float64):
    usage = jnp.array([0.2, 0.6])
    by_usage, by_write, by_psi = jax.grad(
        lambda *x: addressing.used(*x).sum(), (0, 1, 2)
    )(usage, jnp.array([0.5, 0.1]), jnp.array([1.0, 0.5]))
    np.testing.assert_allclose(by_usage, [0.5, 0.45])
    np.testing.assert_array_equal(by_write, [0, 0])
    np.testing.assert_allclose(by_psi, [0.6, 0.64])
