"""The networks: a body for what is seen, heads for policy and values, and RND's pair.

A body ends in features. "dense" reads numbers; "patches" reads pictures through two
layers of patches, which are matrix products; "convolutions" is the paper's for 84 x 84.
Pictures come as `arranged` makes them, once each, when they are seen.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.models.precision import Precision, product

Params = Any
Prepared = Callable[[jax.Array], jax.Array]

_SMALL, _LARGE = 4, 8  # pixels of a patch's sides: of the first layer and the second
_PAPER = ((32, 8, 4), (64, 4, 2), (64, 3, 1))  # channels, size and stride of each layer
_PIECE = 2**20  # numbers that a CPU reads at once: 4 MB in float32
_GAIN = np.sqrt(2)  # of orthogonal weights before a ReLU


@dataclass(frozen=True)
class Body:
    """What reads observations.

    Attributes:
        kind: one of dense, patches and convolutions.
        shape: of one observation, as it is given to the body: [..., C].
        stack: observations that are seen at once.
        units: features in the end.
        patch_features: of the two layers of patches.
        extra: dense layers of as many units after that.
        activated: whether an activation follows the last layer.
    """

    kind: str
    shape: tuple[int, ...]
    stack: int
    units: int
    patch_features: tuple[int, int] = (8, 32)
    extra: int = 0
    activated: bool = True
    precision: Precision = "float32"
    dtype: str = "float32"


def arranged(kind: str, frames: jax.Array) -> jax.Array:
    """Return observations [B, ...] as a body of that kind reads them.

    For patches, pictures [B, H, W] become [B, HW / 16, 16]: patches of 4 x 4 pixels, of
    which four follow each other that form one of 8 x 8. No product moves pixels then.
    """
    if kind == "dense":
        return frames
    if kind == "convolutions":
        return frames[..., None]
    count, height, width = frames.shape
    ratio = _LARGE // _SMALL
    split = frames.reshape(
        count, height // _LARGE, ratio, _SMALL, width // _LARGE, ratio, _SMALL
    )
    return split.transpose(0, 1, 4, 2, 5, 3, 6).reshape(count, -1, _SMALL * _SMALL)


def layers(body: Body) -> dict[str, tuple[int, ...]]:
    """Return the kernels' shapes of a body, by name, from input to output."""
    found, width = {}, 0
    channels = body.shape[-1] * body.stack
    if body.kind == "dense":
        found["hidden0"] = (int(np.prod(body.shape[:-1])) * channels, body.units)
        width = body.units
    elif body.kind == "patches":
        first, second = body.patch_features
        found["small"] = (channels, first)
        found["large"] = (4 * first, second)
        width = body.shape[0] // 4 * second
    else:
        side = body.shape[0]
        for number, (features, size, stride) in enumerate(_PAPER):
            found[f"convolution{number}"] = (size, size, channels, features)
            channels, side = features, (side - size) // stride + 1
        width = side * side * channels
    found["features"] = (width, body.units)
    for number in range(body.extra):
        found[f"extra{number}"] = (body.units, body.units)
    return found


def initial(
    rng: np.random.Generator, shapes: dict[str, tuple[int, ...]], dtype: str
) -> Params:
    """Return orthogonal kernels and biases of 0, drawn on the host."""
    return {name: layer(rng, shape, _GAIN, dtype) for name, shape in shapes.items()}


def layer(
    rng: np.random.Generator, shape: tuple[int, ...], gain: float, dtype: str
) -> Params:
    """Return one layer with an orthogonal kernel of that gain."""
    rows, columns = int(np.prod(shape[:-1])), shape[-1]
    drawn = rng.standard_normal((max(rows, columns), min(rows, columns)))
    kernel, upper = np.linalg.qr(drawn)
    kernel = kernel * np.sign(np.diag(upper))
    if rows < columns:
        kernel = kernel.T
    return {
        "kernel": (gain * kernel).reshape(shape).astype(dtype),
        "bias": np.zeros(columns, dtype),
    }


def features(
    params: Params, body: Body, x: jax.Array, prepared: Prepared = lambda x: x
) -> jax.Array:
    """Return the features [..., N] of arranged observations [..., *shape].

    Pictures as floats are four times their bytes: a CPU makes and reads patches of them
    in pieces that its caches hold, and makes them once more for the gradient.
    Convolutions are at once: XLA on a CPU takes ten times as long for those in a loop.

    Args:
        prepared: what is done first to observations [B, *shape].
    """
    lead = x.shape[: x.ndim - len(body.shape)]
    x = x.reshape(-1, *x.shape[len(lead) :])
    at_once = partial(_read, params, body, prepared)
    rows = max(1, _PIECE // math.prod(x.shape[1:]))
    if body.kind != "patches" or len(x) <= rows:
        found = at_once(x)
    else:
        found = jax.lax.platform_dependent(
            x, cpu=partial(_in_pieces, at_once, rows), default=at_once
        )
    return found.reshape(*lead, body.units)


def _in_pieces(read: Prepared, rows: int, x: jax.Array) -> jax.Array:
    """Return what `read` makes of x [B, ...], so many rows after another."""
    one = jax.checkpoint(read, policy=jax.checkpoint_policies.dots_saveable)
    whole = len(x) // rows * rows
    found = jax.lax.map(one, x[:whole].reshape(-1, rows, *x.shape[1:]))
    found = found.reshape(whole, -1)
    return jnp.concatenate([found, one(x[whole:])]) if whole < len(x) else found


def _read(params: Params, body: Body, prepared: Prepared, x: jax.Array) -> jax.Array:
    """Return the features [B, N] of observations [B, *shape]."""
    x = prepared(x).astype(body.dtype)
    if body.kind == "dense":
        x = _dense(params["hidden0"], body, x.reshape(len(x), -1))
    elif body.kind == "patches":
        x = _dense(params["small"], body, x)
        x = x.reshape(len(x), body.shape[0] // 4, -1)
        x = _dense(params["large"], body, x).reshape(len(x), -1)
    else:
        for number, (_, _, stride) in enumerate(_PAPER):
            x = _convolution(params[f"convolution{number}"], x, stride)
        x = x.reshape(len(x), -1)
    *hidden, last = ["features", *(f"extra{n}" for n in range(body.extra))]
    for name in hidden:
        x = _dense(params[name], body, x)
    x = linear(params[last], x, body.precision)
    return jax.nn.leaky_relu(x) if body.activated else x


def linear(params: Params, x: jax.Array, precision: Precision = "float32") -> jax.Array:
    """Return x [..., N] through one layer without an activation."""
    return product(x, params["kernel"], precision) + params["bias"]


def _dense(params: Params, body: Body, x: jax.Array) -> jax.Array:
    return jax.nn.leaky_relu(linear(params, x, body.precision))


def _convolution(params: Params, x: jax.Array, stride: int) -> jax.Array:
    found = jax.lax.conv_general_dilated(
        x, params["kernel"], (stride, stride), "VALID",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )  # fmt: skip
    return jax.nn.leaky_relu(found + params["bias"])
