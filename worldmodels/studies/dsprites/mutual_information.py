"""Mutual information of a memory's numbers with a factor, and what chance gives.

Both are cut into bins of equal content and counted. Counts of independent numbers seem
to share information, the more the fewer they are; a permutation of one of them shows
how much, and its mean is taken off. A number that is the factor itself has all of the
factor's entropy.
"""

from typing import NamedTuple

import numpy as np

_TOGETHER = 1024  # numbers whose permutations are counted at once: 200 MB


class Found(NamedTuple):
    """Mutual information in nats, S numbers and P permutations."""

    plain: np.ndarray  # [S] of the counts as they are
    null: np.ndarray  # [P, S] with the factor permuted
    entropy: float  # of the factor in its bins: the most that there can be


class Verdict(NamedTuple):
    """What `Found` says about a whole memory."""

    corrected: np.ndarray  # [S] without the null's mean, nats
    limit: float  # what the largest of S numbers exceeds by chance in 5 of 100 cases
    p: float  # probability of so large a largest one by chance


def binned(values: np.ndarray, bins: int) -> np.ndarray:
    """Return the bins uint8 [T, ...] of values [T, ...], of equal content.

    Equal values share a bin, so a number that never changes has one.
    """
    shares = np.arange(1, bins) / bins
    edges = np.quantile(values, shares, axis=0)
    found = np.zeros(values.shape, np.uint8)
    for edge in edges:
        found += values >= edge
    return found


def estimate(
    numbers: np.ndarray,
    factor: np.ndarray,
    bins: int,
    permutations: int,
    rng: np.random.Generator,
) -> Found:
    """Return the mutual information of numbers [T, S] with a factor [T].

    All numbers share each permutation of the factor, so that their largest has a null.
    """
    x, y = binned(factor, bins), binned(numbers, bins)
    orders = [x, *(rng.permutation(x) for _ in range(permutations))]
    choices = np.concatenate([_one_hot(order, bins) for order in orders], axis=1).T
    parts = [
        _informations(choices, y[:, at : at + _TOGETHER], bins)
        for at in range(0, y.shape[1], _TOGETHER)
    ]
    both = np.concatenate(parts, axis=1)
    return Found(both[0], both[1:], entropy(x))


def _informations(choices: np.ndarray, y: np.ndarray, bins: int) -> np.ndarray:
    """Return the mutual information [P, S] of orders [P * bins, T] and y [T, S]."""
    steps, count = y.shape
    joint = choices @ _one_hot(y, bins).reshape(steps, count * bins)
    joint = joint.reshape(-1, bins, count, bins).astype(np.int32)  # exact counts
    costs = _n_log_n(steps)
    together = costs[joint].sum(axis=(1, 3))
    of_x = costs[joint.sum(axis=3)].sum(axis=1)
    of_y = costs[joint.sum(axis=1)].sum(axis=2)
    return np.maximum((together - of_x - of_y + costs[steps]) / steps, 0.0)


def _one_hot(codes: np.ndarray, bins: int) -> np.ndarray:
    return (codes[..., None] == np.arange(bins)).astype(np.float32)


def _n_log_n(most: int) -> np.ndarray:
    n = np.arange(most + 1)
    return n * np.log(np.maximum(n, 1))


def entropy(labels: np.ndarray) -> float:
    """Return the entropy of labels [T] by their counts, nats."""
    share = np.unique(labels, return_counts=True)[1] / len(labels)
    return float(-(share * np.log(share)).sum())


def of_labels(a: np.ndarray, b: np.ndarray) -> float:
    """Return the mutual information of two rows of labels [T], as they are, nats."""
    pairs = np.unique(np.stack([a, b]), axis=1, return_inverse=True)[1].ravel()
    return entropy(a) + entropy(b) - entropy(pairs)


def verdict(found: Found) -> Verdict:
    """Return what is left without the null's mean, and whether chance gives as much."""
    mean = found.null.mean(axis=0)
    corrected = found.plain - mean
    largest = (found.null - mean).max(axis=1)
    as_large = int((largest >= corrected.max()).sum())
    return Verdict(
        corrected=corrected,
        limit=float(np.quantile(largest, 0.95)),
        p=(1 + as_large) / (1 + len(largest)),
    )


def without_power(rng: np.random.Generator, steps: int = 500) -> dict[str, list[float]]:
    """Return what simple estimates give, whatever the memory holds, nats.

    Each is of a factor of 32 values with, in this order, independent noise, a constant
    and the factor itself. The seed reports less than 1e-8 for memory and noise alike;
    of these, only a constant gives that.
    """
    x = rng.integers(32, size=steps)
    noise, constant = rng.normal(size=steps), np.zeros(steps)
    given = [noise, constant, x.astype(float)]
    edges = [np.linspace(v.min(), v.max(), 11)[1:-1] for v in given]
    widths = [np.digitize(v, e) for v, e in zip(given, edges, strict=True)]
    return {
        "values as labels": [of_labels(v, x.astype(float)) for v in given],
        "10 bins of equal width": [of_labels(v, x) for v in widths],
    }
