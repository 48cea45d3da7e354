"""Convolutions of V and of studies, in two forms that compute one function.

The stride is 2 where nothing else is said. Kernels are [k, k, in, out] and there is no
padding (VALID), as in `flax.linen.Conv` and `flax.linen.ConvTranspose`, whose
parameters are interchangeable with these. Each form has its own layout of images.

The plain form hands XLA its own strided and dilated convolutions: right on a GPU. On a
CPU their gradients run at a tenth of a matrix product's speed, so the CPU form,
`models/patches.py`, is written with matrix products, and its gradients by hand.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from worldmodels.models import encoder_rows, patches
from worldmodels.models.precision import MIXED, Precision, narrow

_LAYOUT = ("NHWC", "HWIO", "NHWC")
_STRIDES = (2, 2)


class Operations(NamedTuple):
    """One form of the convolutions, each `(x, kernel, precision) -> y`."""

    convolution: Callable[[jax.Array, jax.Array, Precision], jax.Array]
    transposed_convolution: Callable[[jax.Array, jax.Array, Precision], jax.Array]
    unstrided: Callable[[jax.Array, jax.Array, Precision], jax.Array]
    add_bias: Callable[[jax.Array, jax.Array], jax.Array]  # [C] to images
    channel_sums: Callable[[jax.Array], jax.Array]  # of images, over all else: [C]
    axes: tuple[int, int, int, int]  # where B, H, W and C are in its layout
    chunk: int | None  # images that are best encoded at a time; None: all

    def arrange(self, images: jax.Array) -> jax.Array:
        """Bring [B, H, W, C] into the form's layout."""
        return jnp.moveaxis(images, range(4), self.axes)

    def restore(self, images: jax.Array) -> jax.Array:
        """Bring the form's images back into [B, H, W, C]."""
        return jnp.moveaxis(images, self.axes, range(4))


def for_platform(platform: str) -> Operations:
    """Return the fastest form on `platform` ("cpu", "gpu", "tpu")."""
    return CPU if platform == "cpu" else PLAIN


def convolution(x: jax.Array, kernel: jax.Array, precision: Precision) -> jax.Array:
    """Convolve [B, H, W, I] with [k, k, I, O]; n becomes (n - k) // 2 + 1."""
    return _in_precision(_convolution, x, kernel, precision)


def transposed_convolution(
    x: jax.Array, kernel: jax.Array, precision: Precision
) -> jax.Array:
    """Convolve, transposed, [B, H, W, I] with [k, k, I, O]; n becomes 2 n + k - 2."""
    return _in_precision(_transposed_convolution, x, kernel, precision)


def unstrided(x: jax.Array, kernel: jax.Array, precision: Precision) -> jax.Array:
    """Convolve, with stride 1, [B, H, W, I] with [k, k, I, O]; H becomes H - k + 1."""
    return _in_precision(_unstrided, x, kernel, precision)


def channel_sums(images: jax.Array) -> jax.Array:
    """Sum [B, H, W, C] over all but the channels: [C]."""
    return images.sum(axis=(0, 1, 2))


def _convolution(x, kernel, **options):
    return jax.lax.conv_general_dilated(
        x, kernel, _STRIDES, "VALID", dimension_numbers=_LAYOUT, **options
    )


def _transposed_convolution(x, kernel, **options):
    return jax.lax.conv_transpose(
        x, kernel, _STRIDES, "VALID", dimension_numbers=_LAYOUT, **options
    )


def _unstrided(x, kernel, **options):
    return jax.lax.conv_general_dilated(
        x, kernel, (1, 1), "VALID", dimension_numbers=_LAYOUT, **options
    )


def _in_precision(operation, x, kernel, precision):
    if precision == MIXED:
        return _mixed(operation, x, kernel)
    return operation(x, kernel)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _mixed(operation, x, kernel):
    y = operation(narrow(x), narrow(kernel), preferred_element_type=jnp.float32)
    return y.astype(x.dtype)


def _mixed_forward(operation, x, kernel):
    return _mixed(operation, x, kernel), (x, kernel)


def _mixed_backward(operation, residuals, dy):
    x, kernel = residuals
    # XLA sums in float32 and rounds the gradients, once, to the factors' type.
    _, pullback = jax.vjp(operation, narrow(x), narrow(kernel))
    dx, dkernel = pullback(narrow(dy))
    return dx.astype(x.dtype), dkernel.astype(kernel.dtype)


_mixed.defvjp(_mixed_forward, _mixed_backward)


PLAIN = Operations(
    convolution,
    transposed_convolution,
    unstrided,
    jnp.add,
    channel_sums,
    axes=(0, 1, 2, 3),
    chunk=None,
)
CPU = Operations(
    patches.convolution,
    patches.transposed_convolution,
    patches.unstrided,
    patches.add_bias,
    patches.channel_sums,
    axes=(3, 0, 2, 1),
    chunk=encoder_rows.CHUNK,
)
