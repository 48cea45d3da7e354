"""Running mean and deviation inside jitted programs, of rows that come in groups.

What is kept is the number of rows n, their mean and M2, the sum of squared distances
from the mean. Two groups merge into the numbers of all rows together:

    n = n1 + n2,  d = mean2 - mean1,
    mean = mean1 + d n2 / n,  M2 = M2_1 + M2_2 + d^2 n1 n2 / n,

and the deviation is sqrt(M2 / (n - 1)). A sum of squares in place of M2 would lose all
digits of float32 where the mean is large; a count in float32 would stand still at 2^24.

`running_statistics` says the same of data in float64 on the host.

Source: Chan, Golub and LeVeque, Updating formulae and a pairwise algorithm for
computing sample variances (1979), equations (2.1).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np


class Moments(NamedTuple):
    """What is known of rows [...] so far."""

    count: jax.Array  # int32, n; below 2^31 rows
    mean: jax.Array  # [...]; of no rows: zeros
    squares: jax.Array  # [...], M2


def empty(shape: tuple[int, ...], dtype: str = "float32") -> Moments:
    """Return the moments of no rows of this shape."""
    return Moments(
        jnp.zeros((), np.int32), jnp.zeros(shape, dtype), jnp.zeros(shape, dtype)
    )


def of(rows: jax.Array, dtype: str = "float32") -> Moments:
    """Return the moments of rows [N, ...] of any type; N may be 0."""
    count = len(rows)
    if not count:
        return empty(rows.shape[1:], dtype)
    rows = rows.astype(dtype)
    mean = rows.mean(axis=0)
    squares = jnp.square(rows - mean).sum(axis=0)
    return Moments(jnp.full((), count, np.int32), mean, squares)


def combined(a: Moments, b: Moments) -> Moments:
    """Return the moments of the rows of both together."""
    count = a.count + b.count
    # As floats: the product of two counts overflows an int32.
    first, second = (part.count.astype(a.mean.dtype) for part in (a, b))
    share = second / jnp.maximum(count, 1)
    apart = b.mean - a.mean
    between = jnp.square(apart) * first * share
    return Moments(count, a.mean + apart * share, a.squares + b.squares + between)


def deviation(moments: Moments) -> jax.Array:
    """Return the standard deviation [...] with n - 1; of fewer than two rows 0."""
    return jnp.sqrt(moments.squares / jnp.maximum(moments.count - 1, 1))
