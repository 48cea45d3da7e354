"""V: the convolutional variational autoencoder (World Models, section 2.1, A.1).

A frame becomes a Gaussian over a latent vector z, and z becomes a frame again. All
functions are pure; frames come in as uint8 and are scaled to [0, 1] here. Their sides
H and W are 64 pixels, as the paper's, or 16, 32, ... more.
"""

import math
from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.models import encoder_rows
from worldmodels.models.convolutions import Operations, for_platform
from worldmodels.models.precision import FLOAT32, Precision, product
from worldmodels.runtime.barrier import stored

ENCODER_KERNELS = (4, 4, 4, 4)  # frames of 64: 64 -> 31 -> 14 -> 6 -> 2
DECODER_KERNELS = (5, 5, 6, 6)  # 1 -> 5 -> 13 -> 30 -> 64
DECODER_UNITS = 1024  # channels of the first image, 1x1, which a dense layer makes of z

Params = dict[str, Any]
Prepared = Params | encoder_rows.Weights  # what `encode` takes


class VAE(nn.Module):
    """The autoencoder; its fields are all that its shapes depend on.

    `operations` is the form of its convolutions; None picks the backend's fastest. All
    forms compute one function of the same parameters.
    """

    latent_size: int = 32  # Z; paper: 32 CarRacing, 64 TakeCover
    channels: tuple[int, int, int, int] = (32, 64, 128, 256)
    decoder_channels: tuple[int, int, int] = (128, 64, 32)
    dtype: Any = jnp.float32
    operations: Operations | None = None
    frame_size: int = 64  # pixels of both sides, 48 + 16 s for a first image s x s
    precision: Precision = FLOAT32  # of matrix products

    @property
    def frame_shape(self) -> tuple[int, int, int]:
        """Height, width and colours of a frame."""
        return self.frame_size, self.frame_size, 3

    @property
    def form(self) -> Operations:
        """The form of the convolutions in use."""
        return self.operations or for_platform(jax.default_backend())

    def setup(self) -> None:
        how = self.dtype, self.form, self.precision
        self.encoder = Encoder(self.latent_size, self.channels, *how)
        first = (self.frame_size - 48) // 16
        self.decoder = Decoder(self.decoder_channels, *how, first)

    def __call__(self, frames: jax.Array) -> jax.Array:
        """Reconstruct uint8 [B, H, W, 3] through the posterior's mean."""
        mu, _ = self.encode(frames)
        return self.decode(mu)

    def encode(self, frames: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Return mu and logvar, each [B, Z], of uint8 frames [B, H, W, 3]."""
        return self.encode_arranged(to_unit(self.form.arrange(frames), self.dtype))

    def encode_arranged(self, images: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Do what `encode` does, of images in [0, 1] in the layout of the form."""
        return self.encoder(images)

    def decode(self, z: jax.Array) -> jax.Array:
        """Return images [B, H, W, 3] in [0, 1] of z [B, Z]."""
        return self.form.restore(self.decode_arranged(z))

    def decode_arranged(self, z: jax.Array) -> jax.Array:
        """Do what `decode` does, in the layout of the form."""
        return self.decoder(z.astype(self.dtype))


class Encoder(nn.Module):
    """Images in [0, 1], in the layout of the form, to mu and logvar, each [B, Z]."""

    latent_size: int
    channels: tuple[int, ...]
    dtype: Any
    form: Operations
    precision: Precision

    @nn.compact
    def __call__(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        how = self.dtype, self.form, self.precision
        sizes = zip(self.channels, ENCODER_KERNELS, strict=True)
        for i, (features, kernel_size) in enumerate(sizes):
            layer = Layer("convolution", features, kernel_size, *how, name=f"conv_{i}")
            x = nn.relu(layer(x))
        x = self.form.restore(x)
        x = x.reshape(len(x), -1)
        heads = [
            Dense(self.latent_size, self.dtype, self.precision, name=name)
            for name in ("mu", "logvar")
        ]
        return heads[0](x), heads[1](x)


class Decoder(nn.Module):
    """z [B, Z] to images in [0, 1], in the layout of the form."""

    channels: tuple[int, ...]
    dtype: Any
    form: Operations
    precision: Precision
    first: int = 1  # pixels of the first image's sides

    @nn.compact
    def __call__(self, z: jax.Array) -> jax.Array:
        how = self.dtype, self.form, self.precision
        units = self.first**2 * DECODER_UNITS
        dense = Dense(units, self.dtype, self.precision, name="dense")
        # No activation, as in the original.
        x = dense(z).reshape(len(z), self.first, self.first, DECODER_UNITS)
        x = self.form.arrange(x)
        sizes = zip((*self.channels, 3), DECODER_KERNELS, strict=True)
        for i, (features, kernel_size) in enumerate(sizes):
            name = f"deconv_{i}"
            layer = Layer(
                "transposed_convolution", features, kernel_size, *how, name=name
            )
            x = layer(x if i == 0 else nn.relu(x))
        return nn.sigmoid(x)


class Layer(nn.Module):
    """A stride-2 convolution with a bias, of images in the layout of the form."""

    operation: Literal["convolution", "transposed_convolution"]
    features: int
    kernel_size: int
    dtype: Any
    form: Operations
    precision: Precision

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        inputs = x.shape[self.form.axes[-1]]
        shape = (self.kernel_size, self.kernel_size, inputs, self.features)
        kernel = self.param("kernel", nn.initializers.zeros, shape, self.dtype)
        bias = self.param("bias", nn.initializers.zeros, shape[-1:], self.dtype)
        operation = getattr(self.form, self.operation)
        return self.form.add_bias(operation(x, kernel, self.precision), bias)


class Dense(nn.Module):
    """A dense layer, [B, I] to [B, O]."""

    features: int
    dtype: Any
    precision: Precision

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        shape = (x.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.zeros, shape, self.dtype)
        bias = self.param("bias", nn.initializers.zeros, shape[-1:], self.dtype)
        return product(x, kernel, self.precision) + bias


def to_unit(frames: jax.Array, dtype: Any) -> jax.Array:
    """Scale uint8 [0, 255] to `dtype` [0, 1]."""
    return frames.astype(dtype) / 255


def initial(key: jax.Array, model: VAE) -> Params:
    """Draw first parameters: Glorot-uniform kernels (the original's), zero biases.

    One flat draw is cut into all tensors: a draw for each costs seconds of start-up.
    """
    frames = jax.ShapeDtypeStruct((1, *model.frame_shape), jnp.uint8)
    shapes = jax.eval_shape(model.init, key, frames)["params"]
    return _draw(key, jax.tree.structure(shapes), tuple(jax.tree.leaves(shapes)))


@partial(jax.jit, static_argnums=(1, 2))
def _draw(key: jax.Array, structure: Any, shapes: tuple) -> Params:
    sizes = [leaf.size if leaf.ndim > 1 else 0 for leaf in shapes]
    flat = jax.random.uniform(key, (sum(sizes),), shapes[0].dtype, -1, 1)
    parts = jnp.split(flat, np.cumsum(sizes)[:-1])
    leaves = [
        glorot_limit(leaf.shape) * part.reshape(leaf.shape)
        if leaf.ndim > 1
        else jnp.zeros(leaf.shape, leaf.dtype)
        for leaf, part in zip(shapes, parts, strict=True)
    ]
    return jax.tree.unflatten(structure, leaves)


def glorot_limit(shape: tuple[int, ...]) -> float:
    """Return the bound of Glorot and Bengio's uniform draw (2010, eq. 16)."""
    *kernel, inputs, outputs = shape
    return math.sqrt(6 / (math.prod(kernel) * (inputs + outputs)))


def prepared(params: Params, model: VAE) -> Prepared:
    """Return V's encoder as `encode` reads it fastest; made once, for many calls."""
    if model.form.chunk is None:
        return params
    return _prepare(params["encoder"], model.precision)


_prepare = jax.jit(encoder_rows.prepare, static_argnums=1)


def encode(
    encoder: Prepared, model: VAE, frames: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Return mu and logvar, each [B, Z], of uint8 frames [B, H, W, 3].

    On a CPU the frames pass in chunks that stay in its cache.

    Args:
        encoder: V's parameters, or what `prepared` makes of them.
    """
    if isinstance(encoder, Mapping):
        encoder = prepared(encoder, model)
    if isinstance(encoder, Mapping):
        return _encode(encoder, model, frames)
    chunk, size = partial(encoder_rows.encode, encoder), model.form.chunk
    full = len(frames) // size * size
    if len(frames) <= size:
        return chunk(frames)
    parts = jax.lax.map(chunk, frames[:full].reshape(-1, size, *model.frame_shape))
    parts = jax.tree.map(lambda x: x.reshape(full, -1), parts)
    if full == len(frames):
        return parts
    return jax.tree.map(lambda *x: jnp.concatenate(x), parts, chunk(frames[full:]))


def _encode(params, model, frames):
    return model.apply({"params": params}, frames, method="encode")


def decode(params: Params, model: VAE, z: jax.Array) -> jax.Array:
    """Return images [B, H, W, 3] in [0, 1] of z [B, Z]."""
    return model.apply({"params": params}, z, method="decode")


def sample(key: jax.Array, mu: jax.Array, logvar: jax.Array) -> jax.Array:
    """Draw z from N(mu, exp(logvar)), of mu's shape: exp(logvar) is the variance."""
    noise = jax.random.normal(key, mu.shape, mu.dtype)
    return mu + jnp.exp(logvar / 2) * noise


def kl_divergence(mu: jax.Array, logvar: jax.Array) -> jax.Array:
    """Return KL(N(mu, exp(logvar)) || N(0, 1)) in nats, [..., Z] to [...]."""
    return -0.5 * jnp.sum(1 + logvar - mu**2 - jnp.exp(logvar), axis=-1)


def loss(
    params: Params, batch: jax.Array, key: jax.Array, *, model: VAE, kl_tolerance: float
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Return the loss of uint8 frames [B, H, W, 3] and its parts, batch means.

    `recon` is the squared error summed over pixels, not halved; `kl` is in nats and
    never below `kl_tolerance` nats per latent dimension: the floor holds for the whole
    KL of one image, as in the released code.
    """
    frames = to_unit(model.form.arrange(batch), model.dtype)
    # Used three times: without a stop it would be arranged three times.
    frames = stored(frames, ~(frames.ravel()[0] > jnp.inf))
    variables = {"params": params}
    mu, logvar = model.apply(variables, frames, method="encode_arranged")
    z = sample(key, mu, logvar)
    error = frames - model.apply(variables, z, method="decode_arranged")
    recon = _sum(error**2) / len(batch)
    kl = kl_divergence(mu, logvar)
    kl = jnp.mean(jnp.maximum(kl, kl_tolerance * model.latent_size))
    return recon + kl, {"loss": recon + kl, "recon": recon, "kl": kl}


def _sum(images):
    """Sum over all: a product with ones, since XLA's sum on a CPU is slow in a loop."""
    rows = images.reshape(len(images), -1)
    ones = jnp.ones(rows.shape[1], rows.dtype)
    return jnp.matmul(rows, ones, precision="highest").sum()
