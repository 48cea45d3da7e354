"""The gradient norms that a training's store holds. No JAX is imported here."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from worldmodels.stores.artifact import Artifact

NORM = "grad_norm"  # of all gradients; NORM.<parameter>: of one, with debug
HEAD = ("parameter", "first", "median", "last", "largest", "at update")
_OF_ONE = f"{NORM}."


class Norms(NamedTuple):
    """The norms of one gradient over a training."""

    first: float
    median: float
    last: float
    largest: float
    update: int  # the first that had the largest, counted from 1


def of_parameter(name: str) -> str:
    """Return the name of the norms of a parameter's gradient."""
    return _OF_ONE + name


def by_parameter(history: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the norms [U] of each parameter's gradient, where they are there."""
    return {
        name.removeprefix(_OF_ONE): values
        for name, values in history.items()
        if name.startswith(_OF_ONE)
    }


def norms(values: np.ndarray) -> Norms:
    """Return what norms [U] were first, mostly, last and at most."""
    values = np.asarray(values, np.float64)
    at = int(np.argmax(values))
    middle = float(np.median(values))
    return Norms(values[0], middle, values[-1], values[at], at + 1)


def rows(store: Artifact) -> list[tuple[str, ...]]:
    """Return the rows of a table as HEAD says: all gradients, then each parameter's.

    There are none of a store that holds no training.
    """
    names = [n for n in store.names("history") if n.startswith(f"history/{NORM}")]
    history = {n.removeprefix("history/"): store.read(n) for n in names}
    if NORM not in history:
        return []
    each = {"all together": history[NORM], **by_parameter(history)}
    return [_row(name, norms(values)) for name, values in each.items()]


def _row(name: str, found: Norms) -> tuple[str, ...]:
    *values, update = found
    return (name, *(f"{value:.4g}" for value in values), f"{update:,}")
