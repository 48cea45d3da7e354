"""Barriers change no value; what waits for a reader is changed in place."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from worldmodels.runtime.barrier import after

TABLE = jnp.arange(1 << 20, dtype=np.int32)


def _writes(before, table, count):
    """Return what was read of a table, and the table with `count` entries changed."""
    read = table[jnp.arange(8) * count]  # its first entry is one of those that change
    table = jax.lax.fori_loop(
        0, before(read, count), lambda i, table: table.at[i].set(-1), table
    )
    return read, table


def _steps(before, table):
    """Write into a table ten times, each time after reading."""

    def step(table, count):
        read, table = _writes(before, table, count)
        return table, read

    return jax.lax.scan(step, table, jnp.arange(10))


@pytest.mark.parametrize("count", [0, 3])
def test_values_are_as_without_it(count):
    found = jax.jit(lambda *given: _writes(after, *given))(TABLE, count)
    expected = TABLE.at[:count].set(-1)
    np.testing.assert_array_equal(found[0], np.arange(8) * count)
    np.testing.assert_array_equal(found[1], expected)


def test_a_table_that_was_read_first_is_not_copied_in_each_step():
    if jax.default_backend() != "cpu":
        pytest.skip("a barrier of CPUs alone")

    def copies(before):
        made = jax.jit(lambda table: _steps(before, table), donate_argnums=0)
        text = made.lower(TABLE).compile().as_text()
        return len(re.findall(r"= s32\[1048576\]\S* copy\(", text))

    assert not copies(after)
    if not copies(lambda read, count: count):
        pytest.skip("this XLA copies nothing without `after`, which then has no use")
