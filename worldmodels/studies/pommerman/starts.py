"""Where the mixtures start: what the network's outputs are added to, by value of now.

- "nothing": outputs are the mixtures, as M's of latents.
- "state": all means start at the value of now, so the network gives differences.
- "counts": the K values that most often follow the value of now are the means, and how
  often they do gives the weights. The cells of a plane share their counts.

None of them learns.
"""

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.studies.pommerman.components import PARTS, RANGE

STARTS = ("nothing", "state", "counts")
VALUES = int(RANGE.max()) + 1
_BELOW = 8.0  # that log-stds start below their floor: there is nothing to narrow
_WIDE = 1.0  # log-std of the last Gaussian: what is not among the K may happen, too
_PART = np.repeat(np.arange(len(PARTS)), [s.stop - s.start for s in PARTS.values()])


def counted(now: np.ndarray, later: np.ndarray) -> np.ndarray:
    """Return how often each value follows each, int64 [parts, V, V].

    Args:
        now, later: int8 [N, Z], states and those that followed.
    """
    counts = np.zeros((len(PARTS), VALUES, VALUES), np.int64)
    for count, part in zip(counts, PARTS.values(), strict=True):
        pairs = now[:, part].astype(np.int64) * VALUES + later[:, part]
        count += np.bincount(pairs.ravel(), minlength=VALUES**2).reshape(count.shape)
    return counts


def table(kind: str, counts: np.ndarray, mixtures: int, least: float) -> np.ndarray:
    """Return logits, means and log-stds of K Gaussians, float64 [3, K, parts, V].

    Args:
        kind: one of `STARTS`.
        counts: of `counted`.
        least: the floor of the log-stds.
    """
    found = np.zeros((3, mixtures, *counts.shape[:2]))
    if kind == "state":
        found[1] = np.arange(VALUES)
    if kind == "counts":
        order = np.argsort(-counts, axis=2, kind="stable")[..., :mixtures]
        often = np.take_along_axis(counts, order, axis=2)
        total = np.maximum(counts.sum(axis=2, keepdims=True), 1)
        found[0] = np.moveaxis(np.log((often + 0.5) / total), 2, 0)
        found[1] = np.moveaxis(order, 2, 0)
        found[2] = least - _BELOW
        found[2, 1:][-1:] = _WIDE
    return found


def of(table: np.ndarray, now: jax.Array) -> jax.Array:
    """Return what the outputs start from, [..., 3KZ], of states now [..., Z]."""
    flat = jnp.asarray(table.reshape(-1, len(PARTS) * VALUES))
    place = _PART * VALUES + now.astype(jnp.int32)
    found = jnp.moveaxis(jnp.take(flat, place, axis=1), 0, -2)
    return found.reshape(*now.shape[:-1], -1)


def likeliest(counts: np.ndarray, now: np.ndarray) -> np.ndarray:
    """Return the value that most often follows each value of now, int8 [..., Z]."""
    return counts.argmax(axis=2)[_PART, now.astype(np.int64)].astype(np.int8)
