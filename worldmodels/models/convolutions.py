"""Stride-2 convolutions of V, in two forms that compute one function.

Layout: images [B, H, W, C], kernels [k, k, in, out], no padding (VALID), as in
`flax.linen.Conv` and `flax.linen.ConvTranspose`, whose parameters are interchangeable
with these. Images are square.

The plain form hands XLA its own strided and dilated convolutions: right on a GPU. On a
CPU their gradients run at a tenth of a matrix product's speed, so the CPU form is
written with matrix products over patches and stride-1 convolutions, and its gradients
by hand. It rests on one adjoint pair with a shared kernel [k, k, image, feature]:
`gather` reads k x k patches of an image into features, `scatter` adds features times
the kernel back onto an image. Each one is the other's input gradient.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from worldmodels.models import encoder_rows
from worldmodels.runtime.barrier import stored

_LAYOUT = ("NHWC", "HWIO", "NHWC")
_STRIDES = (2, 2)

# What the CPU form chooses by. Measured when each was set, and again on one core of an
# Intel Xeon, in milliseconds of CPU: chunks of 32 images in the encoder, batches of 100
# in the decoder.
#
# Side of an image, in pixels, up to which patches and stamps beat convolutions. Encoder
# at 6 x 6, 128 channels to 256: 1.4 against 2.8; at 14 x 14, 64 to 128: 3.6 against
# 3.4. Decoder at 5 x 5, 128 to 64: 22 against 26; at 13 x 13, 64 to 32: 69 against 25.
SMALL = 8
# Channels up to which joining columns in pairs pays. At 64 x 64, 3 channels to 32: 2.3
# against 6.9 unpaired; at 31 x 31, 32 to 64: 7.0 against 5.9. All of the paper's
# encoder, 256 frames: 130 with pairs, 171 without.
FEW = 16
# Numbers in a kernel up to which patches beat pairs: half the paper's width in the
# first layer, 4 x 4 x 3 x 16, and a few more. When set, on two cores, it made the
# encoder of 8, 16, 32 and 64 channels 1.6 times as fast; on one busy core, measured
# again, it changes nothing beyond the noise (30 against 25 at that width, 47 against 49
# at half the paper's).
SMALL_KERNEL = 1024


class Operations(NamedTuple):
    """One form of V's convolutions, each `(x, kernel) -> y`."""

    convolution: Callable[[jax.Array, jax.Array], jax.Array]
    transposed_convolution: Callable[[jax.Array, jax.Array], jax.Array]
    chunk: int | None  # images that are best encoded at a time; None: all


def for_platform(platform: str) -> Operations:
    """Return the fastest form on `platform` ("cpu", "gpu", "tpu")."""
    return CPU if platform == "cpu" else PLAIN


def convolution(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Convolve [B, H, W, I] with [k, k, I, O]; H becomes (H - k) // 2 + 1."""
    return jax.lax.conv_general_dilated(
        x, kernel, _STRIDES, "VALID", dimension_numbers=_LAYOUT
    )


def transposed_convolution(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Convolve, transposed, [B, H, W, I] with [k, k, I, O]; H becomes 2 H + k - 2."""
    return jax.lax.conv_transpose(
        x, kernel, _STRIDES, "VALID", dimension_numbers=_LAYOUT
    )


@jax.custom_vjp
def cpu_convolution(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Do what `convolution` does."""
    # The value alone. With gradients `_convolution_forward` takes patches everywhere:
    # the backward pass uses them again.
    if len(x[0]) <= SMALL:
        return gather(x, kernel)
    if kernel.size <= SMALL_KERNEL:
        # Every pixel is in four patches: without a stop it would be made four times.
        return gather(stored(x, ~(x.ravel()[0] > jnp.inf)), kernel)
    return (_paired if x.shape[-1] <= FEW else convolution)(x, kernel)


def _paired(x, kernel):
    """Convolve with neighbouring columns joined: twice the channels, half the steps."""
    k = len(kernel)
    pairs = pair_columns(x, k)
    kernel = jnp.pad(kernel, ((0, 0), (0, k % 2), (0, 0), (0, 0)))
    kernel = kernel.reshape(k, (k + 1) // 2, pairs.shape[-1], -1)
    return jax.lax.conv_general_dilated(
        pairs, kernel, (2, 1), "VALID", dimension_numbers=_LAYOUT
    )


def _convolution_forward(x, kernel):
    return gather(x, kernel), (x, kernel)


def _convolution_backward(residuals, dy):
    x, kernel = residuals
    dx = scatter(dy, kernel)
    unread = x.shape[1] - dx.shape[1]  # a last row and column that no patch reaches
    dx = jnp.pad(dx, ((0, 0), (0, unread), (0, unread), (0, 0)))
    return dx, kernel_gradient(x, dy, len(kernel))


cpu_convolution.defvjp(_convolution_forward, _convolution_backward)


def cpu_transposed_convolution(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Do what `transposed_convolution` does."""
    # What one pixel adds to the image: flax stores it turned around.
    stamp = kernel[::-1, ::-1].swapaxes(2, 3)
    if x.shape[1:3] == (1, 1):  # one pixel, one stamp: a matrix product
        return jnp.einsum("bhwi,xyoi->bxyo", x, stamp)
    return _stamped(x, stamp)


@jax.custom_vjp
def _stamped(x, stamp):
    return scatter(x, stamp)


def _stamped_forward(x, stamp):
    return scatter(x, stamp), (x, stamp)


def _stamped_backward(residuals, dy):
    x, stamp = residuals
    return gather(dy, stamp), kernel_gradient(dy, x, len(stamp))


_stamped.defvjp(_stamped_forward, _stamped_backward)


def gather(image: jax.Array, kernel: jax.Array) -> jax.Array:
    """Multiply [B, H, W, I]'s patches by [k, k, I, F]; H becomes (H - k) // 2 + 1."""
    k = len(kernel)
    kernel = jnp.pad(kernel, ((0, 0), (0, k % 2), (0, 0), (0, 0)))
    return patches(image, k) @ kernel.reshape(-1, kernel.shape[-1])


def kernel_gradient(image: jax.Array, features: jax.Array, k: int) -> jax.Array:
    """Return the gradient [k, k, I, F] of `gather`'s kernel, `features` its dy."""
    p = patches(image, k)
    p = p.reshape(-1, p.shape[-1])
    features = features.reshape(-1, features.shape[-1])
    # (dy^T P)^T: three times as fast as P^T dy.
    gradient = (features.T @ p).T
    return gradient.reshape(k, k + k % 2, image.shape[-1], -1)[:, :k]


def patches(image: jax.Array, k: int) -> jax.Array:
    """Cut [B, H, W, I] into stride-2 patches [B, Ho, Wo, k * (k + k % 2) * I].

    Columns go in pairs, so that the copied runs are twice as long: an odd k leaves a
    last column in each patch that the kernel must ignore.
    """
    size = (image.shape[1] - k) // 2 + 1
    image = pair_columns(image, k)
    return jnp.concatenate(
        [
            image[:, row : row + 2 * size - 1 : 2, pair : pair + size]
            for row in range(k)
            for pair in range((k + 1) // 2)
        ],
        axis=-1,
    )


def pair_columns(image: jax.Array, k: int) -> jax.Array:
    """Join the columns [B, H, W, I] that k x k patches reach: [B, H, W', 2 I]."""
    batch, height, width, channels = image.shape
    pairs = (width - k) // 2 + (k + 1) // 2
    missing = max(0, 2 * pairs - width)
    image = jnp.pad(image, ((0, 0), (0, 0), (0, missing), (0, 0)))[:, :, : 2 * pairs]
    return image.reshape(batch, height, pairs, 2 * channels)


def scatter(features: jax.Array, kernel: jax.Array) -> jax.Array:
    """Add [B, H, W, F] times [k, k, I, F] onto an image; H becomes 2 H + k - 2."""
    k, _, channels, _ = kernel.shape
    batch, height, width, _ = features.shape
    kernel = jnp.pad(kernel, ((0, k % 2), (0, k % 2), (0, 0), (0, 0)))
    # Padding costs a convolution much on a small image, stamps much memory on a large.
    blocks = (_stamps if height <= SMALL else _blocks)(features, kernel)
    _, rows, columns, _, _, _ = blocks.shape
    image = blocks.swapaxes(2, 3).reshape(batch, 2 * rows, 2 * columns, channels)
    return image[:, : 2 * height + k - 2, : 2 * width + k - 2]


def _stamps(features, kernel):
    """Make the image's 2 x 2 blocks, [B, Y, X, 2, 2, I], as a sum of stamps."""
    k, _, channels, _ = kernel.shape
    taps = k // 2
    stamps = features @ kernel.reshape(-1, kernel.shape[-1]).T
    stamps = stamps.reshape(*features.shape[:3], taps, 2, taps, 2, channels)
    spare = [(tap, taps - 1 - tap) for tap in range(taps)]
    none = (0, 0)
    return sum(
        jnp.pad(stamps[:, :, :, y, :, x], (none, spare[y], spare[x], none, none, none))
        for y in range(taps)
        for x in range(taps)
    )


def _blocks(features, kernel):
    """Make the same blocks as the channels of a stride-1 convolution."""
    k, _, channels, _ = kernel.shape
    taps = k // 2
    kernel = kernel.reshape(taps, 2, taps, 2, channels, -1)[::-1, :, ::-1]
    kernel = kernel.transpose(0, 2, 5, 1, 3, 4).reshape(taps, taps, -1, 4 * channels)
    blocks = jax.lax.conv_general_dilated(
        features, kernel, (1, 1), [(taps - 1,) * 2] * 2, dimension_numbers=_LAYOUT
    )
    return blocks.reshape(*blocks.shape[:3], 2, 2, channels)


PLAIN = Operations(convolution, transposed_convolution, chunk=None)
CPU = Operations(cpu_convolution, cpu_transposed_convolution, chunk=encoder_rows.CHUNK)
