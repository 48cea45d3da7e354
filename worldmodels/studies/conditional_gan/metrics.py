"""What drawn pictures are worth beside real ones: pure functions of arrays.

GAN-test and GAN-train (Shmelkov, Schmid and Alahari, How good is my GAN?, 2018), the
Frechet distance (Heusel et al., 2017) on the features of a classifier of ours, so that
its values compare within a data set alone, and the sliced Wasserstein distance of
patches (Karras et al., Progressive growing of GANs, 2018).
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from scipy.ndimage import convolve1d

_BLUR = np.array([1, 4, 6, 4, 1], np.float32) / 16  # Burt and Adelson's
_SMALLEST = 16  # side of the last level of a pyramid, pixels
_PATCH = 7  # side of a patch, pixels
_PATCHES = 32  # of a picture, at each level
_DIRECTIONS = 256


class Told(NamedTuple):
    """How often a classifier tells the labels that are asked for.

    Attributes:
        each: share of the pictures, of each label [L].
        all: share of the pictures of which it tells all labels.
        chance: the same as `each`, of pictures that do not know what is asked.
        chance_all: the same as `all`.
    """

    each: np.ndarray
    all: float
    chance: np.ndarray
    chance_all: float


def told(found: np.ndarray, asked: np.ndarray) -> Told:
    """Compare what a classifier finds with what was asked for, both [N, L].

    Chance is exact: the mean over all ways to pair what is found with what is asked.
    """
    found, asked = found.astype(bool), asked.astype(bool)
    right = found == asked
    one, other = found.mean(axis=0), asked.mean(axis=0)
    each = one * other + (1 - one) * (1 - other)
    every = float(right.all(axis=1).mean())
    return Told(right.mean(axis=0), every, each, _equal_pairs(found, asked))


def _equal_pairs(one: np.ndarray, other: np.ndarray) -> float:
    """Return the share of all pairs of rows, one of each, that are equal."""
    _, group = np.unique(np.concatenate([one, other]), axis=0, return_inverse=True)
    group = group.ravel()
    counts = [
        np.bincount(part, minlength=group.max() + 1)
        for part in (group[: len(one)], group[len(one) :])
    ]
    return float(np.dot(*counts) / (len(one) * len(other)))


def frechet(one: np.ndarray, other: np.ndarray) -> float:
    """Return the squared Frechet distance of two Gaussians fitted to rows [N, D].

    Features of a ReLU may be constant, and then covariances are singular: the trace of
    the root of C1 C2 is that of the symmetric C1^1/2 C2 C1^1/2, from its eigenvalues.
    """
    one, other = one.astype(np.float64), other.astype(np.float64)
    covariances = [np.atleast_2d(np.cov(rows, rowvar=False)) for rows in (one, other)]
    values, vectors = np.linalg.eigh(covariances[0])
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    shared = np.linalg.eigvalsh(root @ covariances[1] @ root).clip(0)
    apart = one.mean(axis=0) - other.mean(axis=0)
    traces = sum(np.trace(covariance) for covariance in covariances)
    return float(apart @ apart + traces - 2 * np.sqrt(shared).sum())


def pairs(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return pairs [P, 2] of different rows that have equal labels [N, L].

    Each row is the first of one pair, unless no other has its labels. Where no two rows
    have equal labels, as with many labels, they are paired whatever theirs are.
    """
    _, group = np.unique(labels, axis=0, return_inverse=True)
    found = []
    for number in range(group.max() + 1):
        rows = rng.permutation(np.flatnonzero(group.ravel() == number))
        if len(rows) > 1:
            found.append(np.stack([rows, np.roll(rows, 1)], axis=-1))
    if not found:
        rows = rng.permutation(len(labels))
        found.append(np.stack([rows, np.roll(rows, 1)], axis=-1))
    return np.concatenate(found)


def mean_distance(rows: np.ndarray, pairs: np.ndarray) -> float:
    """Return the mean Euclidean distance of pairs [P, 2] of rows [N, ...]."""
    rows = rows.reshape(len(rows), -1).astype(np.float32)
    apart = rows[pairs[:, 0]] - rows[pairs[:, 1]]
    return float(np.linalg.norm(apart, axis=-1).mean())


class Nearest(NamedTuple):
    """Of each picture, the nearest of others.

    Attributes:
        row: its number, int [N].
        distance: root of the mean squared difference of pixels, in grey levels [N].
    """

    row: np.ndarray
    distance: np.ndarray


def nearest(pictures: np.ndarray, others: Iterable[np.ndarray]) -> Nearest:
    """Return the nearest of others, of which parts [M, H, W, 3] are given in order."""
    rows = pictures.reshape(len(pictures), -1).astype(np.float32)
    best = Nearest(np.zeros(len(rows), int), np.full(len(rows), np.inf))
    before = 0
    for part in others:
        columns = part.reshape(len(part), -1).astype(np.float32)
        # |a - b|^2 = |a|^2 + |b|^2 - 2 ab, whose last term is a matrix product.
        squares = (rows**2).sum(axis=1)[:, None] + (columns**2).sum(axis=1)
        squared = (squares - 2 * rows @ columns.T).clip(0) / rows.shape[1]
        row = squared.argmin(axis=1)
        distance = np.sqrt(squared[np.arange(len(rows)), row])
        closer = distance < best.distance
        best = Nearest(
            np.where(closer, before + row, best.row),
            np.where(closer, distance, best.distance),
        )
        before += len(part)
    return best


def sliced_wasserstein(
    one: np.ndarray, other: np.ndarray, rng: np.random.Generator
) -> dict[int, float]:
    """Return the distance of the patches of two sets of pictures uint8 [N, H, W, 3].

    The sets are as large. At each level of a Laplacian pyramid 7 x 7 patches of both
    are standardised by colour, projected on random directions and sorted; the distance
    is the mean difference of what then stands at the same place.

    Returns:
        It at each level, by the level's shorter side in pixels.
    """
    found = {}
    for levels in zip(pyramid(one), pyramid(other), strict=True):
        patches = [standardised(cut(level, rng)) for level in levels]
        side = min(levels[0].shape[1:3])
        found[side] = sliced(*patches, directions(patches[0].shape[1], rng))
    return found


def pyramid(pictures: np.ndarray) -> list[np.ndarray]:
    """Return the Laplacian pyramid float32 of pictures [N, H, W, 3], finest first.

    The last level is what is left, blurred; the sum of all, each made larger again, is
    the pictures.
    """
    levels, rest = [], pictures.astype(np.float32)
    while min(rest.shape[1:3]) >= 2 * _SMALLEST:
        smaller = _blurred(rest)[:, ::2, ::2]
        levels.append(rest - larger(smaller, rest.shape))
        rest = smaller
    return [*levels, rest]


def larger(pictures: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return pictures brought to twice their size, [N, H, W, 3] of `shape`."""
    spread = np.zeros(shape, np.float32)
    spread[:, ::2, ::2] = 4 * pictures
    return _blurred(spread)


def _blurred(pictures: np.ndarray) -> np.ndarray:
    for axis in (1, 2):
        pictures = convolve1d(pictures, _BLUR, axis=axis, mode="mirror")
    return pictures


def cut(pictures: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Cut random patches of pictures [N, H, W, 3]: [N * 32, 7 * 7 * 3]."""
    count, height, width, _ = pictures.shape
    number = np.repeat(np.arange(count), _PATCHES)[:, None, None]
    side = np.arange(_PATCH)
    top = rng.integers(0, height - _PATCH + 1, (len(number), 1, 1)) + side[:, None]
    left = rng.integers(0, width - _PATCH + 1, (len(number), 1, 1)) + side
    return pictures[number, top, left].reshape(len(number), -1)


def standardised(patches: np.ndarray) -> np.ndarray:
    """Return patches [P, 147] whose colours have mean 0 and deviation 1 each."""
    colours = patches.reshape(-1, _PATCH * _PATCH, 3)
    mean, deviation = colours.mean(axis=(0, 1)), colours.std(axis=(0, 1))
    # A generator that draws one colour has no deviation.
    scaled = (colours - mean) / np.where(deviation > 0, deviation, 1)
    return scaled.reshape(patches.shape)


def directions(size: int, rng: np.random.Generator) -> np.ndarray:
    """Return random directions of length 1, float32 [size, 256]."""
    drawn = rng.standard_normal((size, _DIRECTIONS)).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=0)


def sliced(one: np.ndarray, other: np.ndarray, directions: np.ndarray) -> float:
    """Return the mean Wasserstein distance of rows [P, D] along directions [D, S]."""
    places = [np.sort(rows @ directions, axis=0) for rows in (one, other)]
    return float(np.abs(places[0] - places[1]).mean())
