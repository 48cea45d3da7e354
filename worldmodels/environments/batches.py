"""What functional environments are given: checked as a program is traced, at no cost.

JAX would stretch an array of another shape over the batch without a word.
"""

import jax
import jax.numpy as jnp

from worldmodels.runtime.errors import UserError


def typed(keys: jax.Array) -> jax.Array:
    """Return typed keys as [B]; one key is a batch of one.

    Raises:
        UserError: they are not typed.
    """
    dtype = getattr(keys, "dtype", None)
    if dtype is None or not jnp.issubdtype(dtype, jax.dtypes.prng_key):
        raise UserError("the keys must be typed: make them with jax.random.key")
    return keys.reshape(-1)


def renewed(
    keys: jax.Array, done: jax.Array, count: int
) -> tuple[jax.Array, jax.Array]:
    """Return the keys and truths of `count` environments, some of which begin anew.

    Raises:
        UserError: the keys are not typed, or either is not one for each environment.
    """
    return shaped("keys", typed(keys), (count,)), shaped("done", done, (count,)) != 0


def shaped(name: str, given: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Return an array of that shape.

    Raises:
        UserError: it has another one.
    """
    given = jnp.asarray(given)
    if given.shape != shape:
        raise UserError(
            f"{name} has the shape {given.shape}; it must be {shape}, one for each "
            "environment of the state"
        )
    return given
