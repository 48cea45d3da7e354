"""The networks: a small net with one output, or with the 3K numbers of a mixture.

All see x and y standardised by their training points. What they return is in y's own
units again, so a likelihood needs no correction. Several trainings, one a seed, stand
side by side: every array has an axis S, and a seed's network reads its own column of
the points.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.models import mixture as mixtures
from worldmodels.models.mixture import Mixture

Params = Any
_FURTHEST = 1.5  # standard deviations of y, of an untrained mixture's outer means


class Scale(NamedTuple):
    """Mean and standard deviation of the training points of each seed, [S] each."""

    x_mean: np.ndarray
    x_std: np.ndarray
    y_mean: np.ndarray
    y_std: np.ndarray


def scale(x: np.ndarray, y: np.ndarray) -> Scale:
    """Return the scale of training points [N, S]."""
    return Scale(x.mean(axis=0), x.std(axis=0), y.mean(axis=0), y.std(axis=0))


@dataclass(frozen=True)
class Model:
    """A network without its weights."""

    mixtures: int  # K; 0: one output, which is learnt by squared error
    widths: tuple[int, ...]  # units of each hidden layer
    dtype: str = "float32"

    @property
    def outputs(self) -> int:
        """Numbers that the network gives for one x."""
        return 3 * self.mixtures or 1


class Net(nn.Module):
    """Dense layers with tanh between them."""

    model: Model

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Return the outputs [O] for a standardised x, [1]."""
        dense = partial(nn.Dense, dtype=self.model.dtype, param_dtype=self.model.dtype)
        for number, width in enumerate(self.model.widths):
            # Without a bias all units of the first layer would turn at x = 0.
            bias = nn.initializers.zeros if number else nn.initializers.normal(1.0)
            layer = dense(width, bias_init=bias, name=f"hidden{number}")
            x = jnp.tanh(layer(x))
        return dense(self.model.outputs, bias_init=_side_by_side, name="outputs")(x)


def _side_by_side(key: jax.Array, shape: tuple[int], dtype: Any) -> jax.Array:
    """Return the first bias of the outputs: the means of a mixture lie side by side.

    Means that all begin at one place stay together for long, and some for ever.
    """
    del key
    bias, count = jnp.zeros(shape, dtype), shape[0] // 3
    if count < 2:
        return bias
    means = jnp.linspace(-_FURTHEST, _FURTHEST, count, dtype=dtype)
    return bias.at[count : 2 * count].set(means)


@partial(jax.jit, static_argnames="model")
def initial(keys: jax.Array, model: Model) -> Params:
    """Return fresh weights, one set for each key [S]."""
    one = jnp.zeros(1, model.dtype)
    return jax.vmap(lambda key: Net(model).init(key, one)["params"])(keys)


def outputs(params: Params, scale: Scale, model: Model, x: jax.Array) -> jax.Array:
    """Return the outputs [..., S, O] of each seed's network for x [..., S]."""
    scaled = (x - scale.x_mean) / scale.x_std

    def one(params: Params, x: jax.Array) -> jax.Array:
        return Net(model).apply({"params": params}, x[..., None])

    return jax.vmap(one, in_axes=(0, -1), out_axes=-2)(params, scaled)


def mixture(params: Params, scale: Scale, model: Model, x: jax.Array) -> Mixture:
    """Return each seed's mixture [..., S, K] of y for x [..., S]."""
    found = mixtures.from_outputs(outputs(params, scale, model, x), model.mixtures)
    logit, mean, logstd = (part[..., 0, :] for part in found)  # y is one number
    std = jnp.asarray(scale.y_std)[:, None]
    return Mixture(logit, mean * std + scale.y_mean[:, None], logstd + jnp.log(std))


def mean(params: Params, scale: Scale, model: Model, x: jax.Array) -> jax.Array:
    """Return each network's mean of y for x, both [..., S]."""
    if model.mixtures:
        found = mixture(params, scale, model, x)
        return jnp.sum(jnp.exp(found.logweight) * found.mean, axis=-1)
    found = outputs(params, scale, model, x)[..., 0]
    return found * scale.y_std + scale.y_mean


def answers(
    key: jax.Array, params: Params, scale: Scale, model: Model, x: jax.Array
) -> jax.Array:
    """Return one y for each x [..., S]: a draw from the mixture, or the one output."""
    if model.mixtures:
        return mixtures.sample(key, mixture(params, scale, model, x))
    return mean(params, scale, model, x)


def errors(
    params: Params, scale: Scale, model: Model, x: jax.Array, y: jax.Array
) -> jax.Array:
    """Return what is minimised at each point [..., S]: nats, or the squared error."""
    if model.mixtures:
        return mixtures.nll(mixture(params, scale, model, x), y)
    return (mean(params, scale, model, x) - y) ** 2


def loss(
    params: Params,
    batch: dict[str, jax.Array],
    key: jax.Array,
    *,
    scale: Scale,
    model: Model,
    unseen: tuple[jax.Array, jax.Array],
    count: int,
):
    """Return what is minimised and the metrics, of a batch x, y [B, S].

    It is the mean over the batch and the sum over the seeds, so the gradient of each
    seed's network is that of its own mean. The metrics are means over the seeds, too.

    Args:
        unseen: x and y [N] that no network learns from.
        count: of them that each update of a seed is tested on, drawn anew: `held_out`.
    """
    found = errors(params, scale, model, **batch).mean(axis=0)
    chosen = jax.random.randint(key, (count, len(found)), 0, len(unseen[0]))
    held_out = errors(params, scale, model, *(part[chosen] for part in unseen))
    return found.sum(), {"loss": found.mean(), "held_out": held_out.mean()}
