"""The precision of matrix products: float32 throughout, or mixed.

In mixed precision the factors of a product are rounded to bfloat16, 8 bits of fraction
each, and their products are summed in float32. All else keeps its type: sums, states,
activations, losses and the optimiser's numbers. A processor with a matrix unit (AMX, a
graphics processor's tensor cores) makes such products several times as fast.
"""

from typing import Literal

import jax
import jax.numpy as jnp

Precision = Literal["float32", "mixed"]
FLOAT32: Precision = "float32"  # as the arrays are: float64 stays float64
MIXED: Precision = "mixed"


def product(x: jax.Array, kernel: jax.Array, precision: Precision) -> jax.Array:
    """Return x [..., K] times the kernel [K, N], in x's type; so are its gradients."""
    return _mixed(x, kernel) if precision == MIXED else x @ kernel


def contract(spec: str, x: jax.Array, y: jax.Array, precision: Precision) -> jax.Array:
    """Return `jnp.einsum(spec, x, y)` in x's type, for gradients written by hand."""
    if precision != MIXED:
        return jnp.einsum(spec, x, y)
    sums = jnp.einsum(spec, narrow(x), narrow(y), preferred_element_type=jnp.float32)
    return alone(sums).astype(x.dtype)


def alone(sums: jax.Array) -> jax.Array:
    """Return a mixed product as it is, which XLA must not join with a transpose.

    XLA on a CPU (jaxlib 0.10) would make another product of both, and then stop, for
    it has no such product of bfloat16.
    """
    return jax.lax.optimization_barrier(sums)


def factor(x: jax.Array, precision: Precision) -> jax.Array:
    """Return x as products take it: rounded once, before a loop that reads it often."""
    return narrow(x) if precision == MIXED else x


def narrow(x: jax.Array) -> jax.Array:
    """Round to bfloat16, as a factor of a product in mixed precision."""
    return x.astype(jnp.bfloat16)


@jax.custom_vjp
def _mixed(x, kernel):
    return contract("...k,kn->...n", x, kernel, MIXED)


def _mixed_forward(x, kernel):
    return _mixed(x, kernel), (x, kernel)


def _mixed_backward(residuals, dy):
    x, kernel = residuals
    dx = contract("...n,kn->...k", dy, kernel, MIXED)
    dkernel = contract("...k,...n->kn", x, dy, MIXED)
    return dx, dkernel


_mixed.defvjp(_mixed_forward, _mixed_backward)
