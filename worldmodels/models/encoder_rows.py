"""V's encoder on a CPU: rows of products, with the batch as the last axis.

It does what `vision.Encoder` does, without gradients. A batch of images lies in memory
as [H / 2, 4 C, W / 2, B]: two rows and two columns of pixels are channels of one, so
that a kernel of 4 x 4 pixels and stride 2 reads 2 x 2 of these. Two neighbouring rows
lie one after the other, and a product reads them where they are. It makes what the left
half of the kernel gives at every column, and what the right half gives. An output is
its left half plus the right half one column further.

So no patch is copied: copying takes a CPU as long as the products do. What is between
two layers stays in the cache, and loops run over the batch, whose numbers are
neighbours.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from worldmodels.models.precision import Precision, alone, factor, narrow
from worldmodels.runtime.barrier import stored

# Images at a time. Loops over 32 numbers are unrolled whole, and not vectorised, by
# XLA; more than 64 images leave the cache.
CHUNK = 64


class Halves(NamedTuple):
    """A layer whose kernel is cut into its left and its right half."""

    # [2 O, 8 C]: by half and output, and by row pair, row, column and input
    kernel: jax.Array
    bias: jax.Array  # [O]


class Whole(NamedTuple):
    """A layer whose patches are copied: cheaper for the last, a small image."""

    # [O, 16 C]: by output, and by pair of columns and of rows, row, column and input
    kernel: jax.Array
    bias: jax.Array  # [O]


class Head(NamedTuple):
    """What makes mu and logvar of the last layer's image."""

    kernel: jax.Array  # [2 Z, O H W]
    bias: jax.Array  # [2 Z]


class Weights(NamedTuple):
    """The encoder's weights as its products take them."""

    layers: tuple[Halves, ...]
    last: Whole
    head: Head


def prepare(encoder: Mapping[str, Any], precision: Precision) -> Weights:
    """Return the weights of `vision.Encoder`'s parameters, to be made once."""
    *layers, last = (encoder[f"conv_{i}"] for i in range(4))
    return Weights(
        tuple(_halves(layer, precision) for layer in layers),
        _whole(last, precision),
        _head(encoder, last["kernel"].shape[-1], precision),
    )


def _halves(layer: Mapping[str, jax.Array], precision: Precision) -> Halves:
    kernel = _by_pairs(layer["kernel"])
    *_, features = kernel.shape
    kernel = kernel.transpose(2, 5, 0, 1, 3, 4).reshape(2 * features, -1)
    return Halves(factor(kernel, precision), layer["bias"])


def _whole(layer: Mapping[str, jax.Array], precision: Precision) -> Whole:
    kernel = _by_pairs(layer["kernel"])
    *_, features = kernel.shape
    kernel = kernel.transpose(5, 2, 0, 1, 3, 4).reshape(features, -1)
    return Whole(factor(kernel, precision), layer["bias"])


def _by_pairs(kernel: jax.Array) -> jax.Array:
    """Return [4, 4, C, O] as [row pair, row, column pair, column, C, O]."""
    return kernel.reshape(2, 2, 2, 2, *kernel.shape[2:])


def _head(encoder: Mapping[str, Any], features: int, precision: Precision) -> Head:
    both = encoder["mu"], encoder["logvar"]
    kernel = jnp.concatenate([dense["kernel"] for dense in both], axis=1)
    # vision.Encoder has the channels last, and the last layer here has them first.
    kernel = kernel.reshape(-1, features, kernel.shape[1])
    kernel = kernel.transpose(2, 1, 0).reshape(kernel.shape[2], -1)
    bias = jnp.concatenate([dense["bias"] for dense in both])
    return Head(factor(kernel, precision), bias)


def encode(weights: Weights, frames: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return mu and logvar, each [B, Z], of uint8 frames [B, H, W, 3]."""
    side = frames.shape[1]
    sides = [side]
    for _ in range(4):
        sides.append((sides[-1] - 4) // 2 + 1)
    x = _image(frames, weights.head.bias.dtype)
    for layer, following in zip(weights.layers, sides[2:], strict=True):
        # The rows and columns that the following layer reads.
        x = _rows(x, layer, 2 * following + 2)
    x = _last(x, weights.last, sides[-1])
    head = weights.head
    both = _times(head.kernel, x.reshape(-1, x.shape[-1])) + head.bias[:, None]
    mu, logvar = jnp.split(both, 2)
    return mu.T, logvar.T


def _image(frames: jax.Array, dtype: Any) -> jax.Array:
    """Return uint8 [B, H, W, 3] as the image [H / 2, 12, W / 2, B] in [0, 1]."""
    batch, height, width, colours = frames.shape
    pixels = frames.reshape(batch, -1).T
    # Without a stop it would be transposed anew for each of its parts.
    pixels = stored(pixels, ~(pixels[0, 0] > 255))
    pixels = pixels.reshape(height // 2, 2, width // 2, 2, colours, batch)
    pixels = pixels.transpose(0, 1, 3, 4, 2, 5)
    pixels = pixels.reshape(height // 2, 4 * colours, width // 2, batch)
    return pixels.astype(dtype) / 255


def _rows(x: jax.Array, layer: Halves, size: int) -> jax.Array:
    """Return the image [size / 2, 4 O, size / 2, B] of x [H / 2, 4 C, W / 2, B]."""
    features, batch = len(layer.bias), x.shape[-1]
    x = x[:, :, : size + 1]

    def pair(i: jax.Array) -> jax.Array:
        read = jax.lax.dynamic_slice_in_dim(x, 2 * i, 3)
        rows = [_row(read[row : row + 2], layer) for row in range(2)]
        y = jnp.stack(rows).reshape(2, features, size // 2, 2, batch)
        return y.transpose(0, 3, 1, 2, 4).reshape(4 * features, size // 2, batch)

    return jax.lax.map(pair, jnp.arange(size // 2))


def _row(x: jax.Array, layer: Halves) -> jax.Array:
    """Return the row [O, W, B] that the kernel makes of x [2, 4 C, W + 1, B]."""
    _, _, width, batch = x.shape
    y = _times(layer.kernel, x.reshape(-1, width * batch))
    left, right = y.reshape(2, -1, width, batch)
    return nn.relu(left[:, :-1] + right[:, 1:] + layer.bias[:, None, None])


def _last(x: jax.Array, layer: Whole, size: int) -> jax.Array:
    """Return the image [O, size, size, B] of x [H / 2, 4 C, W / 2, B]."""
    batch = x.shape[-1]
    parts = [
        x[row : row + size, :, column : column + size].swapaxes(0, 1)
        for column in range(2)
        for row in range(2)
    ]
    patches = jnp.concatenate(parts).reshape(-1, size * size * batch)
    y = _times(layer.kernel, patches).reshape(-1, size, size, batch)
    return nn.relu(y + layer.bias[:, None, None, None])


def _times(kernel: jax.Array, x: jax.Array) -> jax.Array:
    """Return kernel [M, K], as `factor` rounds it, times x [K, N], in x's type."""
    if kernel.dtype == x.dtype:
        return kernel @ x
    y = jax.lax.dot(kernel, narrow(x), preferred_element_type=jnp.float32)
    return alone(y).astype(x.dtype)
