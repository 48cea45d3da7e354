"""Convolutions on a CPU: products over patches, one row of them at a time.

Layout: images [H, C, W, B], the batch last; kernels [k, k, C, F]; no padding (VALID).
The stride is 2 where nothing else is said. A row of patches [k * k * C, W * B] is
copied in runs of W * B numbers, at the speed of memory, and stays in the cache while a
product reads it. All rows at once, or channels last, which makes runs of a few numbers,
cost several times as much as the products themselves.

It all rests on one adjoint pair with a shared kernel: `gather` reads patches of an
image into features, `scatter` adds features times the kernel back onto an image. Each
is the other's input gradient.
"""

import math
from functools import partial

import jax
import jax.numpy as jnp

from worldmodels.models.precision import MIXED, Precision, contract, narrow
from worldmodels.runtime.barrier import stored


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def convolution(x: jax.Array, kernel: jax.Array, precision: Precision) -> jax.Array:
    """Convolve [H, I, W, B] with [k, k, I, O]; H and W become (n - k) // 2 + 1."""
    return gather(x, kernel, precision)


def _convolution_forward(x, kernel, precision):
    return gather(x, kernel, precision), (x, kernel)


def _convolution_backward(precision, residuals, dy):
    x, kernel = residuals
    dx = scatter(dy, kernel, precision)
    # A last row and column that no patch reaches.
    rows, columns = len(x) - len(dx), x.shape[2] - dx.shape[2]
    dx = jnp.pad(dx, ((0, rows), (0, 0), (0, columns), (0, 0)))
    return dx, kernel_gradient(x, dy, len(kernel), precision)


convolution.defvjp(_convolution_forward, _convolution_backward)


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def unstrided(x: jax.Array, kernel: jax.Array, precision: Precision) -> jax.Array:
    """Convolve, with stride 1, [H, I, W, B] with [k, k, I, O]; H becomes H - k + 1."""
    return gather(x, kernel, precision, stride=1)


def _unstrided_forward(x, kernel, precision):
    return unstrided(x, kernel, precision), (x, kernel)


def _unstrided_backward(precision, residuals, dy):
    x, kernel = residuals
    border = (len(kernel) - 1,) * 2
    around = jnp.pad(dy, (border, (0, 0), border, (0, 0)))
    turned = kernel[::-1, ::-1].swapaxes(2, 3)
    dx = gather(around, turned, precision, stride=1)
    return dx, kernel_gradient(x, dy, len(kernel), precision, stride=1)


unstrided.defvjp(_unstrided_forward, _unstrided_backward)


def transposed_convolution(
    x: jax.Array, kernel: jax.Array, precision: Precision
) -> jax.Array:
    """Convolve, transposed, [H, I, W, B] with [k, k, I, O]; n becomes 2 n + k - 2."""
    if len(x) == x.shape[2] == 1:
        return _enlarged(x[0, :, 0], kernel, precision)
    # What one pixel adds to the image: flax stores it turned around.
    return _stamped(x, kernel[::-1, ::-1].swapaxes(2, 3), precision)


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _stamped(x, stamp, precision):
    return scatter(x, stamp, precision)


def _stamped_forward(x, stamp, precision):
    return scatter(x, stamp, precision), (x, stamp)


def _stamped_backward(precision, residuals, dy):
    x, stamp = residuals
    return gather_with_gradient(dy, stamp, x, precision)


_stamped.defvjp(_stamped_forward, _stamped_backward)


def gather(
    image: jax.Array, kernel: jax.Array, precision: Precision, stride: int = 2
) -> jax.Array:
    """Multiply [H, C, W, B]'s patches by [k, k, C, F]; n becomes (n - k) // 2 + 1."""
    matrix = _matrix(kernel).T

    def step(nothing, p):
        return nothing, contract("fk,kn->fn", matrix, p, precision)

    _, features = _over_patches(step, (), image, len(kernel), precision, stride=stride)
    return features


def kernel_gradient(
    image: jax.Array,
    features: jax.Array,
    k: int,
    precision: Precision,
    stride: int = 2,
) -> jax.Array:
    """Return the gradient [k, k, C, F] of `gather`'s kernel, `features` its dy."""

    def step(gradient, p, features):
        return gradient + contract("fn,kn->fk", features, p, precision), None

    zero = jnp.zeros((features.shape[1], k * k * image.shape[1]), image.dtype)
    gradient, _ = _over_patches(
        step, zero, image, k, precision, features, stride=stride
    )
    return _kernel(gradient.T, k)


def gather_with_gradient(
    image: jax.Array, kernel: jax.Array, features: jax.Array, precision: Precision
) -> tuple[jax.Array, jax.Array]:
    """Return `gather` and, of the same patches, `kernel_gradient`."""
    matrix = _matrix(kernel).T

    def step(gradient, p, features):
        gradient += contract("fn,kn->fk", features, p, precision)
        return gradient, contract("fk,kn->fn", matrix, p, precision)

    gradient, gathered = _over_patches(
        step, jnp.zeros_like(matrix), image, len(kernel), precision, features
    )
    return gathered, _kernel(gradient.T, len(kernel))


def _matrix(kernel):
    """Flatten [k, k, C, F] in the order of patches: by column, row and channel."""
    return kernel.swapaxes(0, 1).reshape(-1, kernel.shape[-1])


def _kernel(matrix, k):
    return matrix.reshape(k, k, -1, matrix.shape[-1]).swapaxes(0, 1)


def _over_patches(step, carry, image, k, precision, *features, stride=2):
    """Scan `step(carry, patches, *features)` over the rows of k x k patches.

    Patches are [k * k * C, W * B], in mixed precision of bfloat16, and features, those
    returned as well, [F, W * B].
    """
    height, channels, width, batch = image.shape
    size, columns = ((n - k) // stride + 1 for n in (height, width))
    always = ~(image.ravel()[0] > jnp.inf)
    if precision == MIXED:
        # XLA on CPU moves bfloat16 as float32, and integers as they are.
        image = jax.lax.bitcast_convert_type(narrow(image), jnp.uint16)

    def row(state, inputs):
        carry, p = state
        i, *features = inputs
        rows = jax.lax.dynamic_slice_in_dim(image, stride * i, k)
        # Slices are written into their places: joined, they would cost twice as much.
        for x in range(k):
            part = rows[:, :, x : x + stride * (columns - 1) + 1 : stride]
            part = part.reshape(-1, columns * batch)
            p = jax.lax.dynamic_update_slice_in_dim(p, part, x * len(part), 0)
        factor = p
        if precision == MIXED:
            factor = jax.lax.bitcast_convert_type(stored(p, always), jnp.bfloat16)
        carry, y = step(carry, factor, *map(_flat, features))
        return (carry, p), None if y is None else y.reshape(-1, columns, batch)

    # Carried so that each row overwrites the last one: a new place would be cleared.
    p = jnp.zeros((k * k * channels, columns * batch), image.dtype)
    (carry, _), ys = jax.lax.scan(row, (carry, p), (jnp.arange(size), *features))
    return carry, ys


def _flat(features):
    return features.reshape(len(features), -1)


def join_columns(image: jax.Array) -> jax.Array:
    """Join the even and odd columns [H, 2, C, W, B]: [H, C, 2 W, B]."""
    height, _, channels, _, batch = image.shape
    return image.transpose(0, 2, 3, 1, 4).reshape(height, channels, -1, batch)


def scatter(features: jax.Array, kernel: jax.Array, precision: Precision) -> jax.Array:
    """Add [H, F, W, B] times [k, k, C, F] onto an image; n becomes 2 n + k - 2."""
    k, _, channels, _ = kernel.shape
    width, batch = features.shape[2:]
    taps = (k + 1) // 2  # of one row, on even columns as on odd ones
    matrix = jnp.pad(kernel, ((0, 0), (0, k % 2), (0, 0), (0, 0)))
    matrix = matrix.reshape(-1, kernel.shape[-1])

    def step(image, features):
        stamps = contract("kf,fn->kn", matrix, _flat(features), precision)
        stamps = stamps.reshape(k, taps, 2 * channels, width * batch)
        for x in range(taps):
            place = slice(x * batch, (x + width) * batch)
            image = image.at[:, :, place].add(stamps[:, x])
        return jnp.concatenate([image[2:], jnp.zeros_like(image[:2])]), image[:2]

    # The k rows that stamps reach; the first two are complete.
    image = jnp.zeros((k, 2 * channels, (width + taps - 1) * batch), features.dtype)
    image, rows = jax.lax.scan(step, image, features)
    image = jnp.concatenate([rows.reshape(-1, *image.shape[1:]), image[: k - 2]])
    image = join_columns(image.reshape(len(image), 2, channels, -1, batch))
    return image[:, :, : 2 * width + k - 2]


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _enlarged(x, kernel, precision):
    """Convolve, transposed, one pixel [I, B] with [k, k, I, O]: [k, O, k, B]."""
    k, _, _, outputs = kernel.shape
    taps = kernel.reshape(k * k, -1, outputs)

    def step(tap):
        return contract("io,ib->ob", tap, x, precision)

    image = jax.lax.map(step, taps)
    # flax stores a kernel turned around.
    return image.reshape(k, k, outputs, -1)[::-1, ::-1].swapaxes(1, 2)


def _enlarged_forward(x, kernel, precision):
    return _enlarged(x, kernel, precision), (x, kernel)


def _enlarged_backward(precision, residuals, dy):
    x, kernel = residuals
    k, _, inputs, outputs = kernel.shape
    taps = kernel.reshape(k * k, inputs, outputs)
    dy = dy.swapaxes(1, 2)[::-1, ::-1].reshape(k * k, outputs, -1)

    def step(dx, tap_and_dy):
        tap, dy = tap_and_dy
        dx += contract("io,ob->ib", tap, dy, precision)
        return dx, contract("ib,ob->io", x, dy, precision)

    dx, dkernel = jax.lax.scan(step, jnp.zeros_like(x), (taps, dy))
    return dx, dkernel.reshape(kernel.shape)


_enlarged.defvjp(_enlarged_forward, _enlarged_backward)


@jax.custom_vjp
def add_bias(images: jax.Array, bias: jax.Array) -> jax.Array:
    """Add a bias [C] to [H, C, W, B]."""
    return images + bias[:, None, None]


def _add_bias_backward(_, dy):
    return dy, channel_sums(dy)


def channel_sums(images: jax.Array) -> jax.Array:
    """Sum [H, C, W, B] over all but the channels: [C]."""
    height, channels, *rest = images.shape
    # A product with ones: XLA's sum takes 50 times as long within a training step.
    ones = jnp.ones(math.prod(rest), images.dtype)
    sums = images.reshape(height * channels, -1) @ ones
    return sums.reshape(height, channels).sum(0)


add_bias.defvjp(lambda images, bias: (add_bias(images, bias), None), _add_bias_backward)
