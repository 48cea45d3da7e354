"""Stride-2 convolutions of V.

Layout: images [B, H, W, C], kernels [k, k, in, out], no padding (VALID), as in
`flax.linen.Conv` and `flax.linen.ConvTranspose`, whose parameters are interchangeable
with these.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax

STRIDE = 2
_LAYOUT = ("NHWC", "HWIO", "NHWC")


class Operations(NamedTuple):
    """One form of V's convolutions, each `(x, kernel) -> y`."""

    convolution: Callable[[jax.Array, jax.Array], jax.Array]
    transposed_convolution: Callable[[jax.Array, jax.Array], jax.Array]
    chunk: int | None  # frames encoded at a time; None: all


def convolution(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Convolve [B, H, W, I] with [k, k, I, O]; H becomes (H - k) // 2 + 1."""
    return jax.lax.conv_general_dilated(
        x, kernel, (STRIDE, STRIDE), "VALID", dimension_numbers=_LAYOUT
    )


def transposed_convolution(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Convolve, transposed, [B, H, W, I] with [k, k, I, O]; H becomes 2 H + k - 2."""
    return jax.lax.conv_transpose(
        x, kernel, (STRIDE, STRIDE), "VALID", dimension_numbers=_LAYOUT
    )


PLAIN = Operations(convolution, transposed_convolution, None)


def for_platform(platform: str) -> Operations:
    """Return the fastest form on `platform` ("cpu", "gpu", "tpu")."""
    return PLAIN
