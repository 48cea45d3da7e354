"""V's decoder with its first two layers folded into one, for looking at images.

No activation stands between the dense layer and the first transposed convolution, so
both together are one linear map of z. Its matrix is made once from V's parameters; each
image then costs Z rows of it, where the two layers cost 1,024 channels, and their
kernels, which are most of the decoder, are not read again. Products and sums are those
of the plain decoder in another order: images differ by rounding alone.
"""

from functools import partial
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from worldmodels.models.vision import DECODER_UNITS, VAE, Params


class FoldedDecoder(NamedTuple):
    """V's decoder for images, not for training; X x X pixels of O channels at first."""

    kernel: jax.Array  # [Z, X * X * O]
    bias: jax.Array  # [X * X * O]
    layers: tuple[Params, ...]  # the other transposed convolutions, in their order


@partial(jax.jit, static_argnums=1)
def fold(params: Params, model: VAE) -> FoldedDecoder:
    """Fold V's decoder."""
    decoder = params["decoder"]
    dense, first, *others = (
        decoder[name] for name in ("dense", *(f"deconv_{n}" for n in range(4)))
    )
    # What each number of z adds to the first image, and below it what all images have.
    rows = jnp.concatenate([dense["kernel"], dense["bias"][None]])
    side = (model.frame_size - 48) // 16
    images = rows.reshape(-1, side, side, DECODER_UNITS)
    # Once, and so in full precision, where a graphics processor would round.
    with jax.default_matmul_precision("highest"):
        images = model.form.transposed_convolution(images, first["kernel"])
    bias = images[-1] + first["bias"]
    return FoldedDecoder(
        images[:-1].reshape(len(rows) - 1, -1), bias.ravel(), tuple(others)
    )


def decode(decoder: FoldedDecoder, model: VAE, z: jax.Array) -> jax.Array:
    """Return images [B, H, W, 3] in [0, 1] of z [B, Z], as `vision.decode` does."""
    x = z.astype(model.dtype) @ decoder.kernel + decoder.bias
    channels = decoder.layers[0]["kernel"].shape[2]
    side = 2 * ((model.frame_size - 48) // 16) + 3
    x = x.reshape(len(z), side, side, channels)
    for layer in decoder.layers:
        x = model.form.transposed_convolution(nn.relu(x), layer["kernel"])
        x = x + layer["bias"]
    return nn.sigmoid(x)
