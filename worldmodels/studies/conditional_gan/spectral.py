"""Spectral normalisation (Miyato et al. 2018): kernels divided by their largest
singular value, which one step of power iteration an update follows.

A kernel is the matrix W [inputs, outputs]. Of the stored u [outputs]:
v = W u / |W u|, u' = W^T v / |W^T v| and sigma = v^T W u'. No gradient goes through u
and v. The stored u becomes u' in updates of the discriminator, and in no others.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

Params = dict[str, Any]
Vectors = dict[str, jax.Array]  # u by layer
_TINY = 1e-12  # of a kernel that is all zeros, whose direction is none


class Normalised(NamedTuple):
    """Parameters with divided kernels, and what divided them, by layer."""

    params: Params
    sigma: dict[str, jax.Array]
    vectors: Vectors


def initial(params: Mapping[str, Any], rng: np.random.Generator) -> Vectors:
    """Draw the first u of each layer."""
    found = {}
    for name, layer in params.items():
        drawn = rng.standard_normal(layer["kernel"].shape[-1])
        drawn /= np.linalg.norm(drawn)
        found[name] = drawn.astype(layer["kernel"].dtype)
    return found


def normalised(params: Params, vectors: Vectors) -> Normalised:
    """Divide the kernel of each layer by its estimated largest singular value."""
    layers, sigmas, moved = {}, {}, {}
    for name, layer in params.items():
        sigmas[name], moved[name] = estimate(layer["kernel"], vectors[name])
        layers[name] = layer | {"kernel": layer["kernel"] / sigmas[name]}
    return Normalised(layers, sigmas, moved)


def estimate(kernel: jax.Array, u: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return a kernel's largest singular value, estimated from u, and the next u."""
    matrix = kernel.reshape(-1, kernel.shape[-1])
    held = jax.lax.stop_gradient(matrix)
    v = _unit(held @ u)
    u = _unit(v @ held)
    return v @ matrix @ u, u


def _unit(x: jax.Array) -> jax.Array:
    return x / jnp.maximum(jnp.linalg.norm(x), _TINY)
