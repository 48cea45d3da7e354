"""Barriers to what XLA does on a CPU where it costs more than it saves.

It fuses operations where storing their results would be faster, and copies arrays that
could be changed in place.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


def stored(arrays: Any, always: jax.Array) -> Any:
    """Return arrays as they are; XLA on CPU does not fuse them into what reads them.

    XLA fuses neighbouring elementwise operations into one loop, which computes an
    array again for each use. On a CPU it ignores `lax.optimization_barrier`, but it
    stores the operands of a conditional.

    Args:
        always: bool [], true in a way that XLA cannot know.
    """

    def branch(always, arrays):
        return jax.lax.cond(
            always, lambda x: x, lambda x: jax.tree.map(jnp.zeros_like, x), arrays
        )

    return jax.lax.platform_dependent(
        always, arrays, cpu=branch, default=lambda _, arrays: arrays
    )


def apart(compute: Callable[..., Any], always: jax.Array, *operands: Any) -> Any:
    """Return compute(*operands), stored as `stored` does, but never copied."""
    compute = jax.jit(compute)  # traced once, for all that follows

    def branch(always, *operands):
        shapes = jax.eval_shape(compute, *operands)

        def nothing(*_):
            return jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)

        return jax.lax.cond(always, compute, nothing, *operands)

    return jax.lax.platform_dependent(
        always, *operands, cpu=branch, default=lambda _, *operands: compute(*operands)
    )


def in_place(change: Callable[[Any], Any], always: jax.Array, arrays: Any) -> Any:
    """Return change(arrays), stored; on CPU it is written into them, without a copy."""

    def loop(always, arrays):
        turns = always.astype(jnp.int32)
        return jax.lax.fori_loop(0, turns, lambda _, arrays: change(arrays), arrays)

    return jax.lax.platform_dependent(
        always, arrays, cpu=loop, default=lambda _, arrays: change(arrays)
    )


def after(read: Any, arrays: Any) -> Any:
    """Return arrays as they are; on CPU, what needs them waits until `read` is there.

    XLA changes a table in place only after its last reader. Where no data says that the
    reader comes first, XLA copies the whole table. So give what was read of the table
    as `read`, and change the table by the arrays that come back.

    Args:
        read: one array or more, of any shapes and of numbers or bool.
        arrays: of any shapes and types; they come back with the same.
    """

    def branch(read, arrays):
        read = [jnp.count_nonzero(part) >= 0 for part in jax.tree.leaves(read)]
        return stored(arrays, jnp.stack(read).all())

    return jax.lax.platform_dependent(
        read, arrays, cpu=branch, default=lambda _, arrays: arrays
    )
