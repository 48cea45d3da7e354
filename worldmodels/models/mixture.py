"""The mixture density of M: K Gaussians a latent dimension (World Models, A.2).

`nll` scores a target, `sample` draws at a temperature, and `nll_and_gradients` is `nll`
straight from a network's outputs, with its gradients in closed form. Where targets do
not vary, as constant integers, the likelihood has no bound: `floored` gives one.
"""

import math
from functools import reduce
from itertools import accumulate
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

LOG_2PI = math.log(2 * math.pi)


class Mixture(NamedTuple):
    """A mixture of K Gaussians for each latent dimension."""

    # [..., Z, K] log of the weights, before they are made to sum to 1
    logit: jax.Array
    mean: jax.Array  # [..., Z, K]
    logstd: jax.Array  # [..., Z, K] log of the standard deviations

    @property
    def logweight(self) -> jax.Array:
        """Log of the weights [..., Z, K], which sum to 1 over K; not for `sample`."""
        return jax.nn.log_softmax(self.logit, axis=-1)


def from_outputs(outputs: jax.Array, mixtures: int) -> Mixture:
    """Return the mixtures [..., Z, K] of a network's outputs [..., 3KZ].

    The outputs hold logits, means and log-stds, each mixture after mixture with the
    latents innermost: sums over K then run over whole vectors.
    """
    outputs = outputs.reshape(*outputs.shape[:-1], 3, mixtures, -1)
    return Mixture(*jnp.moveaxis(jnp.swapaxes(outputs, -1, -2), -3, 0))


def floored(logstd: jax.Array, least: float) -> jax.Array:
    """Return log-stds that stay above `least`, and are as they were far above it.

    least + softplus(logstd - least) has a gradient everywhere.
    """
    return least + jax.nn.softplus(logstd - least)


def nll(mixture: Mixture, target: jax.Array) -> jax.Array:
    """Return the negative log-likelihood of target [..., Z], in nats, [..., Z]."""
    scaled = (target[..., None] - mixture.mean) * jnp.exp(-mixture.logstd)
    logdensity = -0.5 * (scaled**2 + LOG_2PI) - mixture.logstd
    return -jax.nn.logsumexp(mixture.logweight + logdensity, axis=-1)


class Noise(NamedTuple):
    """All that is random in a draw from a mixture."""

    uniform: jax.Array  # [..., Z] in [0, 1), chooses the Gaussian
    normal: jax.Array  # [..., Z] standard


def noise(key: jax.Array, shape: tuple[int, ...], dtype: Any) -> Noise:
    """Return the noise of a draw of that shape, [..., Z]."""
    of_choice, of_normal = jax.random.split(key)
    return Noise(
        jax.random.uniform(of_choice, shape, dtype),
        jax.random.normal(of_normal, shape, dtype),
    )


def sample(
    key: jax.Array, mixture: Mixture, temperature: jax.Array | float = 1.0
) -> jax.Array:
    """Draw z [..., Z] from the mixture at a temperature (World Models, section 2.2).

    Logits are divided by the temperature and variances multiplied by it, as in the
    released code; as it goes to 0 the draw becomes the likeliest Gaussian's mean.
    """
    mean = mixture.mean
    return drawn(mixture, noise(key, mean.shape[:-1], mean.dtype), temperature)


def drawn(
    mixture: Mixture, noise: Noise, temperature: jax.Array | float = 1.0
) -> jax.Array:
    """Return the z [..., Z] that `sample` makes of this noise."""
    # One array a Gaussian: on a CPU, sums over the short axis K are not vectorised.
    logits, means, logstds = (jnp.unstack(x, axis=-1) for x in mixture)
    dtype = means[0].dtype
    # The smallest positive number: temperature 0 would make the best logit 0 / 0.
    temperature = jnp.maximum(jnp.asarray(temperature, dtype), jnp.finfo(dtype).tiny)
    best = reduce(jnp.maximum, logits)
    weights = (jnp.exp((logit - best) / temperature) for logit in logits)
    *cdf, total = accumulate(weights)
    # One uniform and the inverse CDF: K times fewer draws than a categorical.
    u = noise.uniform * total
    mean, logstd = means[0], logstds[0]
    for below, next_mean, next_logstd in zip(cdf, means[1:], logstds[1:], strict=True):
        beyond = u >= below
        mean = jnp.where(beyond, next_mean, mean)
        logstd = jnp.where(beyond, next_logstd, logstd)
    std = jnp.exp(logstd) * jnp.sqrt(temperature)
    return mean + std * noise.normal


def nll_and_gradients(
    outputs: jax.Array,
    target: jax.Array,
    valid: jax.Array,
    least: float | None = None,
) -> tuple[jax.Array, tuple[jax.Array, jax.Array, jax.Array]]:
    """Return `nll` [R, Z] of outputs [R, 3KZ] and its gradients, 3 times [R, K, Z].

    Both are 0 in rows that are not valid [R]. With responsibilities
    r = softmax_k(logweight + logdensity) and s the distance in standard deviations the
    gradients are weight - r by the logits, -r s / std by the means and r (1 - s^2) by
    the log-stds.

    Args:
        least: None, or what bounds the log-stds: see `floored`.
    """
    outputs = outputs.reshape(len(target), 3, -1, target.shape[-1])
    logit, mean, logstd = outputs[:, 0], outputs[:, 1], outputs[:, 2]
    slope = 1.0  # of the log-std that counts, by the network's output
    if least is not None:
        slope, logstd = jax.nn.sigmoid(logstd - least), floored(logstd, least)
    precision = jnp.exp(-logstd)
    scaled = (target[:, None] - mean) * precision
    logjoint = logit - 0.5 * (scaled**2 + LOG_2PI) - logstd
    lognormaliser = jax.nn.logsumexp(logit, axis=1, keepdims=True)
    logevidence = jax.nn.logsumexp(logjoint, axis=1, keepdims=True)
    each = jnp.where(valid[:, None], (lognormaliser - logevidence)[:, 0], 0)
    valid = valid[:, None, None]
    weight = jnp.where(valid, jnp.exp(logit - lognormaliser), 0)
    r = jnp.where(valid, jnp.exp(logjoint - logevidence), 0)
    return each, (weight - r, -r * scaled * precision, slope * r * (1 - scaled**2))
