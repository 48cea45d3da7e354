"""Which labels and which z the pictures of the study are drawn with."""

import numpy as np

ROWS, COLUMNS = 8, 8  # of the grid, at most


def frequent(labels: np.ndarray, most: int = ROWS) -> np.ndarray:
    """Return the most frequent settings of labels [N, L]: [at most `most`, L].

    By falling frequency; equally frequent ones as numbers are ordered.
    """
    settings, counts = np.unique(labels, axis=0, return_counts=True)
    return settings[np.argsort(-counts, kind="stable")[:most]]


def grid(settings: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return z and labels of a grid: rows the settings [R, L], columns the z [C, Z]."""
    rows, columns = len(settings), len(z)
    return np.tile(z, (rows, 1)), np.repeat(settings, columns, axis=0)


def between(one: np.ndarray, other: np.ndarray, count: int) -> np.ndarray:
    """Return `count` points on the line from one to the other, both ends among them."""
    share = np.linspace(0, 1, count)[:, None]
    return (1 - share) * one + share * other


def around(one: np.ndarray, other: np.ndarray, count: int) -> np.ndarray:
    """Return `count` points on the arc from one z to another, both ends among them.

    Normal numbers lie near a sphere; G has not seen the middle of a straight line.
    """
    cosine = one @ other / (np.linalg.norm(one) * np.linalg.norm(other))
    angle = np.arccos(np.clip(cosine, -1, 1))
    if angle < 1e-6 or angle > np.pi - 1e-6:
        return between(one, other, count)
    share = np.linspace(0, 1, count)[:, None]
    return (np.sin((1 - share) * angle) * one + np.sin(share * angle) * other) / np.sin(
        angle
    )


def words(names: tuple[str, ...], setting: np.ndarray) -> str:
    """Return a setting of labels in words, such as "Male, Smiling"."""
    there = [name for name, on in zip(names, setting, strict=True) if on]
    return ", ".join(there).replace("_", " ") or "none of them"


def toggles(labels: np.ndarray) -> np.ndarray:
    """Return, for each label, a setting without it and the nearest one with it.

    Both are among those of labels [N, L], the most frequent of equally near ones.

    Returns:
        [K, 2, L], of the K labels that some pictures have and others have not.
    """
    settings = frequent(labels, len(labels)).astype(int)
    found = []
    for label in range(labels.shape[1]):
        without, having = (settings[settings[:, label] == on] for on in (0, 1))
        if len(without) and len(having):
            apart = np.abs(without[:, None] - having).sum(axis=2)
            one, other = np.unravel_index(np.argmin(apart), apart.shape)
            found.append((without[one], having[other]))
    return np.array(found).reshape(-1, 2, labels.shape[1])
