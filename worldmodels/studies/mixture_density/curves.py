"""What a trained network says along x, for the figures: that of the first seed."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.models import mixture as mixtures
from worldmodels.models.mixture import Mixture
from worldmodels.stores.artifact import Artifact
from worldmodels.studies.mixture_density import exact, networks, train

COLUMNS, ROWS = 240, 250  # of a heat map


class Components(NamedTuple):
    """The components of a mixture along x, [N, K] each."""

    weight: np.ndarray
    mean: np.ndarray
    std: np.ndarray


def places(toy: str, points: int) -> np.ndarray:
    """Return x [N] from the least of a toy's test points to the largest."""
    x, _ = train.test_points(toy, points)
    return np.linspace(x.min(), x.max(), COLUMNS)


def mean(store: Artifact, x: np.ndarray) -> np.ndarray:
    """Return a network's mean of y at x, [N] both."""
    params, scale, model = train.trained(store)
    found = jax.jit(networks.mean, static_argnums=2)
    return np.asarray(found(params, scale, model, train.by_seed(x, scale))[:, 0])


def drawn(store: Artifact, x: np.ndarray) -> np.ndarray:
    """Return a draw of y from a mixture at each x, [N] both."""
    return train.answers(*train.trained(store), x)[:, 0]


def components(store: Artifact, x: np.ndarray) -> Components:
    """Return a mixture's components at x [N]."""
    found = _mixture(store, x)
    parts = jnp.exp(found.logweight), found.mean, jnp.exp(found.logstd)
    return Components(*map(np.asarray, parts))


def density(store: Artifact, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return a mixture's p(y | x) [N, M] at x [N] and y [M]."""
    found = _mixture(store, x)
    each = Mixture(*(part[:, None] for part in found))
    wide = jnp.broadcast_to(y.astype(found.mean.dtype), (len(x), len(y)))
    return np.exp(-np.asarray(jax.jit(mixtures.nll)(each, wide)))


def exact_density(toy: str, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return y [M] and p(y | x) [N, M], the means over as many parts of y's range."""
    found = exact.conditional(toy, x).reshape(len(x), ROWS, -1).mean(axis=2)
    return exact.midpoints(toy).reshape(ROWS, -1).mean(axis=1), found


def _mixture(store: Artifact, x: np.ndarray) -> Mixture:
    params, scale, model = train.trained(store)
    found = jax.jit(networks.mixture, static_argnums=2)
    found = found(params, scale, model, train.by_seed(x, scale))
    return Mixture(*(part[:, 0] for part in found))
