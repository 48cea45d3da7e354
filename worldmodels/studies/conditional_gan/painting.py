"""Pictures of a trained generator: from z and labels to uint8.

Batch norms divide by the statistics of many drawn batches, measured with the averaged
weights: a picture then depends on nothing that is drawn beside it.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.stores.artifact import Artifact
from worldmodels.studies.conditional_gan import networks
from worldmodels.studies.conditional_gan.networks import Params, Shapes, Statistics
from worldmodels.studies.conditional_gan.settings import Network

_AT_ONCE = 128  # pictures that are drawn together


class Painter(NamedTuple):
    """A trained generator.

    Attributes:
        names: of the labels, L.
        params: its averaged weights, and the statistics of its batch norms.
    """

    shapes: Shapes
    names: tuple[str, ...]
    params: tuple[Params, Statistics]


def shapes_of(config: Any) -> Shapes:
    """Return the shapes of the networks that a training's settings describe."""
    return Shapes(
        Network(**config["network"]),
        config["height"],
        config["width"],
        len(config["names"]),
        config.get("dtype", "float32"),
    )


def painter(store: Artifact) -> Painter:
    """Return the generator of a store of the step train."""
    statistics = {
        name: (norm["mean"], norm["variance"])
        for name, norm in store.tree("statistics").items()
    }
    params = store.tree("average"), statistics
    return Painter(shapes_of(store.config), tuple(store.config["names"]), params)


def paint(known: Painter, z: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Draw pictures uint8 [N, H, W, 3] of z [N, Z] and labels [N, L]."""
    parts = []
    for at in range(0, len(z), _AT_ONCE):
        given = [np.asarray(x[at : at + _AT_ONCE], np.float64) for x in (z, labels)]
        missing = _AT_ONCE - len(given[0])  # so that all parts have one shape
        given = [np.pad(x, ((0, missing), (0, 0))) for x in given]
        drawn = _paint(known.params, known.shapes, *given)
        parts.append(np.asarray(drawn)[: _AT_ONCE - missing])
    return np.concatenate(parts)


@partial(jax.jit, static_argnums=1)
def _paint(params, shapes, z, labels):
    z, labels = z.astype(shapes.dtype), labels.astype(shapes.dtype)
    images = networks.paint(params, shapes, z, labels)
    return jnp.round((images + 1) * 127.5).astype(jnp.uint8)


def painted(
    store: Artifact, labels: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Draw a picture for each row of labels [N, L] with a training's generator."""
    known = painter(store)
    z = rng.standard_normal((len(labels), known.shapes.network.latent_size))
    return paint(known, z, labels)


@partial(jax.jit, static_argnums=1)
def measured(
    weights: Params, shapes: Shapes, z: jax.Array, labels: jax.Array
) -> Statistics:
    """Return the mean and variance at each batch norm over batches of draws.

    Args:
        z: [K, B, Z], in K batches.
        labels: [K, B, L].
    """

    def step(nothing, given):
        _, found = networks.generate(weights, shapes, *given)
        return nothing, found

    _, found = jax.lax.scan(step, (), (z, labels))
    return {
        # The variance of all: within batches, and of their means.
        name: (mean.mean(axis=0), variance.mean(axis=0) + mean.var(axis=0))
        for name, (mean, variance) in found.items()
    }
