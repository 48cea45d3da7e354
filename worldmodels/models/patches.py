"""V's stride-2 convolutions on a CPU: products over patches, one row of them at a time.

Layout: images [H, C, W, B], the batch last; kernels [k, k, C, F]; no padding (VALID).
Images are square. A row of patches [k * k * C, W * B] is copied in runs of W * B
numbers, at the speed of memory, and stays in the cache while a product reads it. All
rows at once, or channels last, which makes runs of a few numbers, cost several times
as much as the products themselves.

It all rests on one adjoint pair with a shared kernel: `gather` reads patches of an
image into features, `scatter` adds features times the kernel back onto an image. Each
is the other's input gradient.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp

from worldmodels.models.precision import MIXED, Precision, contract, narrow
from worldmodels.runtime.barrier import stored


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def convolution(x: jax.Array, kernel: jax.Array, precision: Precision) -> jax.Array:
    """Convolve [H, I, W, B] with [k, k, I, O]; H becomes (H - k) // 2 + 1."""
    return gather(x, kernel, precision)


def _convolution_forward(x, kernel, precision):
    return gather(x, kernel, precision), (x, kernel)


def _convolution_backward(precision, residuals, dy):
    x, kernel = residuals
    dx = scatter(dy, kernel, precision)
    unread = len(x) - len(dx)  # a last row and column that no patch reaches
    dx = jnp.pad(dx, ((0, unread), (0, 0), (0, unread), (0, 0)))
    return dx, kernel_gradient(x, dy, len(kernel), precision)


convolution.defvjp(_convolution_forward, _convolution_backward)


def transposed_convolution(
    x: jax.Array, kernel: jax.Array, precision: Precision
) -> jax.Array:
    """Convolve, transposed, [H, I, W, B] with [k, k, I, O]; H becomes 2 H + k - 2."""
    # What one pixel adds to the image: flax stores it turned around.
    if len(x) == 1:
        return _enlarged(x[0, :, 0], kernel[::-1, ::-1], precision)
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


def gather(image: jax.Array, kernel: jax.Array, precision: Precision) -> jax.Array:
    """Multiply [H, C, W, B]'s patches by [k, k, C, F]; H becomes (H - k) // 2 + 1."""
    size, row = patches(image, len(kernel), precision)
    matrix = _matrix(kernel)

    def step(i):
        return contract("kf,kn->fn", matrix, row(i), precision)

    features = jax.lax.map(step, jnp.arange(size))
    return features.reshape(size, matrix.shape[1], size, -1)


def kernel_gradient(
    image: jax.Array, features: jax.Array, k: int, precision: Precision
) -> jax.Array:
    """Return the gradient [k, k, C, F] of `gather`'s kernel, `features` its dy."""
    size, row = patches(image, k, precision)

    def step(gradient, inputs):
        i, features = inputs
        return gradient + _outer(features, row(i), precision), None

    shape = k * k * image.shape[1], features.shape[1]
    zero = jnp.zeros(shape[::-1], image.dtype)
    gradient, _ = jax.lax.scan(step, zero, (jnp.arange(size), _rows(features)))
    return gradient.T.reshape(k, k, -1, shape[1])


def gather_with_gradient(
    image: jax.Array, kernel: jax.Array, features: jax.Array, precision: Precision
) -> tuple[jax.Array, jax.Array]:
    """Return `gather` and, of the same patches, `kernel_gradient`."""
    size, row = patches(image, len(kernel), precision)
    matrix = _matrix(kernel)

    def step(gradient, inputs):
        i, features = inputs
        p = row(i)
        gathered = contract("kf,kn->fn", matrix, p, precision)
        return gradient + _outer(features, p, precision), gathered

    zero = jnp.zeros_like(matrix.T)
    gradient, gathered = jax.lax.scan(step, zero, (jnp.arange(size), _rows(features)))
    return gathered.reshape(features.shape), gradient.T.reshape(kernel.shape)


def _matrix(kernel):
    return kernel.reshape(-1, kernel.shape[-1])


def _rows(features):
    return features.reshape(*features.shape[:2], -1)


def _outer(features, patches, precision):
    return contract("fn,kn->fk", features, patches, precision)


def patches(
    image: jax.Array, k: int, precision: Precision
) -> tuple[int, Callable[[jax.Array], jax.Array]]:
    """Return how many rows of k x k patches [H, C, W, B] has, and what makes row i.

    A row is [k * k * C, W * B], in mixed precision of bfloat16.
    """
    size = (len(image) - k) // 2 + 1
    always = ~(image.ravel()[0] > jnp.inf)
    columns = split_columns(image)
    if precision == MIXED:
        # XLA on CPU moves bfloat16 as float32, and integers as they are.
        columns = jax.lax.bitcast_convert_type(narrow(columns), jnp.uint16)

    def row(i):
        rows = jax.lax.dynamic_slice_in_dim(columns, 2 * i, k)
        _, _, channels, _, batch = rows.shape
        # Slices are written into their places: joined, they would cost twice as much.
        p = jax.lax.empty((k, k, channels, size, batch), rows.dtype)
        for x in range(k):
            part = rows[:, None, x % 2, :, x // 2 : x // 2 + size]
            p = jax.lax.dynamic_update_slice_in_dim(p, part, x, 1)
        p = p.reshape(-1, size * batch)
        if precision != MIXED:
            return p
        return jax.lax.bitcast_convert_type(stored(p, always), jnp.bfloat16)

    return size, row


def split_columns(image: jax.Array) -> jax.Array:
    """Part even and odd columns of [H, C, W, B]: [H, 2, C, W / 2, B]."""
    height, channels, width, batch = image.shape
    image = jnp.pad(image, ((0, 0), (0, 0), (0, width % 2), (0, 0)))
    return image.reshape(height, channels, -1, 2, batch).transpose(0, 3, 1, 2, 4)


def join_columns(image: jax.Array) -> jax.Array:
    """Undo `split_columns` of an even width."""
    height, _, channels, _, batch = image.shape
    return image.transpose(0, 2, 3, 1, 4).reshape(height, channels, -1, batch)


def scatter(features: jax.Array, kernel: jax.Array, precision: Precision) -> jax.Array:
    """Add [H, F, W, B] times [k, k, C, F] onto an image; H becomes 2 H + k - 2."""
    k, _, channels, _ = kernel.shape
    width, batch = features.shape[2:]
    taps = (k + 1) // 2  # of one row, on even columns as on odd ones
    matrix = _matrix(jnp.pad(kernel, ((0, 0), (0, k % 2), (0, 0), (0, 0))))

    def step(image, features):
        stamps = contract("kf,fn->kn", matrix, features, precision)
        stamps = stamps.reshape(k, taps, 2 * channels, width * batch)
        for x in range(taps):
            place = slice(x * batch, (x + width) * batch)
            image = image.at[:, :, place].add(stamps[:, x])
        return jnp.concatenate([image[2:], jnp.zeros_like(image[:2])]), image[:2]

    # The k rows that stamps reach; the first two are complete.
    image = jnp.zeros((k, 2 * channels, (width + taps - 1) * batch), features.dtype)
    image, rows = jax.lax.scan(step, image, _rows(features))
    rows = rows.reshape(-1, *image.shape[1:])
    image = jnp.concatenate([rows, image[: k - 2]])
    image = join_columns(image.reshape(len(image), 2, channels, -1, batch))
    return image[:, :, : 2 * width + k - 2]


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _enlarged(x, kernel, precision):
    """Multiply one pixel [I, B] by [k, k, I, O]: an image [k, O, k, B]."""

    def step(tap):
        return contract("io,ib->ob", tap, x, precision)

    k, _, inputs, outputs = kernel.shape
    image = jax.lax.map(step, kernel.reshape(-1, inputs, outputs))
    return image.reshape(k, k, outputs, -1).swapaxes(1, 2)


def _enlarged_forward(x, kernel, precision):
    return _enlarged(x, kernel, precision), (x, kernel)


def _enlarged_backward(precision, residuals, dy):
    x, kernel = residuals
    inputs, outputs = kernel.shape[2:]

    def step(dx, tap_and_dy):
        tap, dy = tap_and_dy
        dx += contract("io,ob->ib", tap, dy, precision)
        return dx, contract("ib,ob->io", x, dy, precision)

    dy = dy.swapaxes(1, 2).reshape(-1, outputs, dy.shape[-1])
    taps = kernel.reshape(-1, inputs, outputs)
    dx, dkernel = jax.lax.scan(step, jnp.zeros_like(x), (taps, dy))
    return dx, dkernel.reshape(kernel.shape)


_enlarged.defvjp(_enlarged_forward, _enlarged_backward)
