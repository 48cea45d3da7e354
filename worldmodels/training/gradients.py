"""The norms of a training's gradients, and which gradients were not finite.

A gradient counts as not finite when its norm is not. The parameters that an update
makes of it are not finite either, and so is every gradient after it: what counts is the
first update of such a run.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from worldmodels.runtime.wording import count
from worldmodels.scores.gradient_norms import NORM, by_parameter, of_parameter

FINITE = "grad_finite"  # bool [L], whether each parameter's is; no history keeps it

Metrics = dict[str, jax.Array]


def metrics(grads: Any) -> Metrics:
    """Return what each update tells of its gradients: `NORM` and `FINITE`."""
    # The norm needs these sums as well: the compiler makes them once.
    squares = [jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(grads)]
    return {
        NORM: optax.tree.norm(grads),
        FINITE: jnp.isfinite(jnp.stack(squares)),
    }


def gradient_norms(grads: Any) -> Metrics:
    """Return the norm of each parameter's gradient, as `of_parameter` names it."""
    leaves = zip(names(grads), jax.tree.leaves(grads), strict=True)
    return {of_parameter(name): jnp.linalg.norm(leaf.ravel()) for name, leaf in leaves}


def names(params: Any) -> list[str]:
    """Return the names of parameters, their paths, in the order of their tree."""
    leaves = jax.tree_util.tree_leaves_with_path(params)
    return [jax.tree_util.keystr(p, simple=True, separator=".") for p, _ in leaves]


def lines(history: Mapping[str, np.ndarray]) -> list[str]:
    """Return a line for each parameter whose norms are there: their mean."""
    own = by_parameter(history)
    width = max(map(len, own), default=0)
    return [
        f"  gradient of {name:{width}}  norm {values.mean():.4g}"
        for name, values in own.items()
    ]


def finite(metrics: Mapping[str, np.ndarray], params: Any) -> dict[str, np.ndarray]:
    """Return whether the gradients of S updates were finite, bool [S] by parameter.

    An update of a study's own may tell the norms alone, or nothing.
    """
    if FINITE in metrics:
        return dict(zip(names(params), metrics[FINITE].T, strict=True))
    own = by_parameter(metrics)
    return {name: np.isfinite(values) for name, values in own.items()}


class Watch:
    """Remembers the first gradients of a training that were not finite.

    Args:
        order: how the names of parameters begin, from the network's input to its
            output; names that begin otherwise come last.
    """

    def __init__(self, order: Sequence[str] = ()):
        self._order = tuple(order)
        self._told = True  # whether updates tell anything of their gradients
        self._first: tuple[int, list[str]] | None = None  # an update, and parameters
        self._total = 0

    def see(self, finite: Mapping[str, np.ndarray], done: int) -> None:
        """Look at the gradients of the updates after number `done`.

        Args:
            finite: bool [S] of as many updates, by parameter.
        """
        self._told, self._total = bool(finite), len(finite)
        if not finite:
            return
        whole = np.all(list(finite.values()), axis=0)
        start = int(np.flatnonzero(whole)[-1]) + 1 if whole.any() else 0
        if start == len(whole):
            self._first = None
        elif start or self._first is None:
            names = [name for name, values in finite.items() if not values[start]]
            self._first = done + start + 1, sorted(names, key=self._place)

    def _place(self, name: str) -> int:
        fits = [n for n, begin in enumerate(self._order) if name.startswith(begin)]
        return min(fits, default=len(self._order))

    def sentence(self) -> str:
        """Return in words which gradients were the first; "" where all were finite."""
        if not self._told:
            return "debug: true tells which gradient was the first that was not finite"
        if self._first is None:
            return ""
        update, (first, *others) = self._first
        given = f"that of {first} alone, one"
        if others:
            how = "from input to output" if self._order else "in alphabetical order"
            given = f"those of {first} to {others[-1]}, {how}, {1 + len(others)}"
        return (
            f"the first gradients that were not finite, at update {update}, were "
            f"{given} of {count(self._total, 'parameter')}"
        )
