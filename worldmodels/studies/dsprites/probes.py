"""Linear probes: what one linear layer reads of the factors from a model's vectors.

A probe reads a vector at t and tells the factors of the sprites at t, t - 5 and t - 10.
One layer has the outputs of all of these, which learn independently of each other: the
log-odds of the three shapes; scale, orientation, x and y; and the cosine and sine of
the orientation as the shape can show it (`factors.turned`). It is fitted by Adam, as
the seed's was, and in closed form by ridge regression.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from worldmodels.studies.dsprites import factors
from worldmodels.studies.dsprites.settings import LAGS

SCORES = (*factors.NAMES, "turned")  # of each lag
_SHAPE, _VALUES, _TURNED = slice(0, 3), slice(3, 7), slice(7, 9)
OUTPUTS = 9  # of each lag
STRENGTHS = 10.0 ** np.arange(-4, 3)  # of ridge, times the count of rows


class Probe(NamedTuple):
    """One linear layer on F numbers."""

    kernel: jax.Array  # [F, 3 * 9]
    bias: jax.Array  # [3 * 9]


class Gram(NamedTuple):
    """Sums over rows that a closed form needs, float64; x and y are centred."""

    count: int
    xx: np.ndarray  # [F, F]
    xy: np.ndarray  # [F, 27]
    yy: np.ndarray  # [27]


def targets(index: np.ndarray, dtype: str = "float32") -> np.ndarray:
    """Return what probes are to tell, [..., T - 10, 27], of places [..., T].

    Shapes are one-hot. The first row is of step 10, the first that has all lags.
    """
    given = factors.classes(index)
    shape = np.eye(3)[given[..., 0]]
    values = factors.values(given)[..., 1:]
    each = np.concatenate([shape, values, factors.turned(given)], axis=-1)
    last, steps = max(LAGS), index.shape[-1]
    rows = [each[..., last - lag : steps - lag, :] for lag in LAGS]
    return np.concatenate(rows, axis=-1).astype(dtype)


def constant() -> np.ndarray:
    """Return the best answers without any input, float64 [27]; shapes as shares."""
    values = [known.mean() for known in factors.VALUES[1:]]
    one = [*np.full(3, 1 / 3), *values, *factors.chance().constant]
    return np.tile(one, len(LAGS))


def initial(features: int, dtype: str = "float32") -> Probe:
    """Return the probe that tells the best constants, which is chance."""
    # Equal log-odds of shapes are zeros.
    bias = constant().reshape(len(LAGS), OUTPUTS)
    bias[:, _SHAPE] = 0
    zeros = jnp.zeros((features, bias.size), dtype)
    return Probe(zeros, jnp.asarray(bias.ravel(), dtype))


def optimizer(learning_rate: float) -> optax.GradientTransformation:
    """Return Adam."""
    return optax.adam(learning_rate)


def loss(probe: Probe, x: jax.Array, y: jax.Array) -> jax.Array:
    """Return the sum of all outputs' losses: x [N, F], y [N, 27] as `targets` has them.

    Shapes have cross-entropy, all else squared error.
    """
    told = _by_lag(x @ probe.kernel + probe.bias)
    wanted = _by_lag(y)
    shape = optax.softmax_cross_entropy(told[..., _SHAPE], wanted[..., _SHAPE])
    squared = (told[..., 3:] - wanted[..., 3:]) ** 2
    return (shape.sum(axis=-1) + squared.sum(axis=(-1, -2))).mean()


@partial(jax.jit, static_argnums=0, donate_argnums=(1, 2))
def learn(
    learning_rate: float, probe: Probe, moments: optax.OptState, x, y
) -> tuple[Probe, optax.OptState]:
    """Return the probe and Adam's state after batches x [S, N, F], y [S, N, 27]."""
    adam = optimizer(learning_rate)

    def step(carry, batch):
        probe, moments = carry
        changes, moments = adam.update(jax.grad(loss)(probe, *batch), moments)
        return (optax.apply_updates(probe, changes), moments), None

    return jax.lax.scan(step, (probe, moments), (x, y))[0]


def errors(told: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the error of each lag and score in each rollout, float64 [R, 3, 6].

    Of the shape it is the share of wrong answers, of all else the squared error.

    Args:
        told: [R, T, 27], what a probe says.
        wanted: [R, T, 27] as `targets` has them.
    """
    told, wanted = _by_lag(told), _by_lag(wanted)
    shape = [array[..., _SHAPE].argmax(axis=-1) for array in (told, wanted)]
    squared = (told[..., 3:].astype(np.float64) - wanted[..., 3:]) ** 2
    turned = squared[..., 4:].sum(axis=-1)
    parts = [shape[0] != shape[1], *np.moveaxis(squared[..., :4], -1, 0), turned]
    return np.stack([part.mean(axis=1) for part in parts], axis=-1)


def _by_lag(outputs):
    return outputs.reshape(*outputs.shape[:-1], len(LAGS), OUTPUTS)


def of_chance() -> np.ndarray:
    """Return what the best constant answer scores, exactly, float64 [6]."""
    known = factors.chance()
    return np.array([known.shape, *known.squared, known.turned])


def gained(errors: np.ndarray) -> np.ndarray:
    """Return how much better than chance errors [..., 6] are: 0 chance, 1 faultless.

    Of a squared error that is R²; of the shape's, its share of chance's error that is
    avoided.
    """
    return 1 - errors / of_chance()


def no_rows(features: int) -> Gram:
    """Return the sums over nothing."""
    outputs = len(LAGS) * OUTPUTS
    zeros = np.zeros((features, features)), np.zeros((features, outputs))
    return Gram(0, *zeros, np.zeros(outputs))


def gram(x: np.ndarray, y: np.ndarray) -> Gram:
    """Return the sums of normalised rows x [N, F] and targets y [N, 27]."""
    y = y - constant().astype(y.dtype)
    xx, xy = _products(x, y)
    yy = (y.astype(np.float64) ** 2).sum(axis=0)
    return Gram(len(x), np.asarray(xx, np.float64), np.asarray(xy, np.float64), yy)


@jax.jit
def _products(x: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
    with jax.default_matmul_precision("highest"):
        return x.T @ x, x.T @ y


def added(a: Gram, b: Gram) -> Gram:
    """Return the sums over the rows of both."""
    return Gram(*(one + other for one, other in zip(a, b, strict=True)))


def ridge(fit: Gram, check: Gram, dtype: str = "float32") -> Probe:
    """Return the least-squares layer with the strength that suits each output best.

    The strengths are tried on `fit` and compared on `check`, from other rollouts; the
    layer is then fitted to both.
    """
    from scipy import linalg  # its import is slow

    tried = [_solved(linalg, fit, strength) for strength in STRENGTHS]
    best = np.argmin([_residual(check, kernel) for kernel in tried], axis=0)
    both = added(fit, check)
    kernel = np.empty_like(both.xy)
    for n in np.unique(best):
        kernel[:, best == n] = _solved(linalg, both, STRENGTHS[n])[:, best == n]
    return Probe(kernel.astype(dtype), constant().astype(dtype))


def _solved(linalg, sums: Gram, strength: float) -> np.ndarray:
    """Return (X^T X + s N)^-1 X^T Y, [F, 27]."""
    matrix = sums.xx + strength * sums.count * np.eye(len(sums.xx))
    return linalg.solve(matrix, sums.xy, assume_a="pos")


def _residual(sums: Gram, kernel: np.ndarray) -> np.ndarray:
    """Return the squared error [27] of a kernel, summed over rows."""
    inside = ((sums.xx @ kernel - 2 * sums.xy) * kernel).sum(axis=0)
    return sums.yy + inside
