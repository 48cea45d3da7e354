"""The door of an optimiser of C: what the stage asks of each, and what each refuses.

An optimiser draws a population of flat controllers from its distribution (`ask`), takes
the fitness of each (`tell`), and moves the distribution. It maximises. All that it
knows is its state, a pytree of arrays: nothing else is remembered between two calls, so
a state that was stored and read back gives the same search, bit for bit.
"""

import math
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from worldmodels.runtime.errors import UserError

Arrays = dict[str, np.ndarray]


class Optimiser(Protocol):
    """One search: P candidates of D parameters a generation; frozen and hashable."""

    group: str  # the name that its arrays are stored under
    population: int
    dimension: int

    def initial(self, mean: ArrayLike) -> Any:
        """Return the state before the first generation, in the dtype of `mean` [D].

        Raises:
            UserError: when `mean` is not D finite numbers.
        """

    def ask(self, key: jax.Array, state: Any) -> tuple[jax.Array, Any]:
        """Return candidates [P, D] and the state to tell their fitness to."""

    def tell(self, state: Any, population: ArrayLike, fitness: ArrayLike) -> Any:
        """Return the next state, given the fitness [P] of `population` [P, D].

        The larger fitness is the better. It must be finite: see `check_fitness`.
        """

    def mean(self, state: Any) -> jax.Array:
        """Return the mean of the distribution [D], which is what is reported."""

    def sigma(self, state: Any) -> jax.Array | None:
        """Return the step size [], or None where the search has none."""

    def generation(self, state: Any) -> int:
        """Return how many generations the state has been told."""

    def to_arrays(self, state: Any) -> Arrays:
        """Return the state as named arrays, for a store."""

    def from_arrays(self, arrays: Arrays) -> Any:
        """Return the state that `to_arrays` took apart, bit for bit.

        Raises:
            UserError: when an array is missing or the shapes do not belong together.
        """


def check_size(population: int, dimension: int, sigma: float) -> None:
    """Refuse sizes that no search can have.

    Raises:
        UserError: naming the first.
    """
    if population < 2:
        raise UserError(
            f"the population is {population}; a search compares candidates and"
            " needs at least 2 (the paper's: 64)"
        )
    if dimension < 1:
        raise UserError(
            f"the controller has {dimension} parameters to evolve; it needs at least 1"
        )
    if not 0 < sigma < math.inf:
        raise UserError(
            f"sigma is {sigma}; the first step size must be positive and"
            " finite (the paper's: 0.1)"
        )


def check_parents(parents: int | None, population: int) -> None:
    """Refuse so many parents mu of a population, where they are given.

    Raises:
        UserError: naming both.
    """
    if parents is not None and not 1 <= parents <= population:
        raise UserError(
            f"controller.parents is {parents}; of a population of {population} it must "
            f"be from 1 to {population}, or 0 for the default"
        )


def first_mean(mean: ArrayLike, dimension: int) -> jax.Array:
    """Return where a search starts, [D] of floating numbers.

    A traced mean has no values yet: its shape alone is checked.

    Raises:
        UserError: when `mean` is not D finite numbers.
    """
    traced = isinstance(mean, jax.core.Tracer)
    if np.shape(mean) != (dimension,) or not (traced or np.isfinite(mean).all()):
        raise UserError(
            f"the search starts at an array of shape {np.shape(mean)}; it must be"
            f" {dimension} finite numbers, one for each parameter of the controller"
        )
    return jnp.array(mean, jnp.result_type(mean, 0.0))


def check_fitness(fitness: ArrayLike, where: str) -> None:
    """Refuse a fitness [P] that would spoil the search; call it before `tell`.

    `where` names the generation, for example "generation 12 of round 0".

    Raises:
        UserError: when a candidate's fitness is NaN or infinite.
    """
    fitness = np.asarray(fitness)
    bad = np.flatnonzero(~np.isfinite(fitness))
    if not bad.size:
        return
    named = ", ".join(f"{i} ({fitness[i]})" for i in bad[:8])
    more = f" and {bad.size - 8} more" if bad.size > 8 else ""
    raise UserError(
        f"the fitness of {bad.size} of {fitness.size} candidates in {where} is not"
        f" finite: candidate {named}{more}; look for non-finite rewards or weights of"
        " the vision or memory model, then run again from the last good generation"
    )


def check_stored(arrays: Arrays, shapes: dict[str, tuple[int, ...]]) -> None:
    """Refuse a stored search that lacks an array or has one of another shape.

    Raises:
        UserError: naming the array.
    """
    missing = [name for name in shapes if name not in arrays]
    if missing:
        raise UserError(
            f"the stored search lacks {', '.join(missing)}; it cannot be resumed:"
            " remove it to start the controller's training again"
        )
    for name, shape in shapes.items():
        if np.shape(arrays[name]) != shape:
            raise UserError(
                f"the stored search's {name} has shape {np.shape(arrays[name])} where"
                f" the search needs {shape}; it is damaged: remove it to start again"
            )


def ranks(fitness: jax.Array) -> jax.Array:
    """Return each candidate's rank [P], 0 for the largest fitness.

    Every rank is used exactly once, ties in the order of the candidates: candidates are
    exchangeable, so this favours no direction. (evosax lets tied candidates share a
    rank; its weights then no longer sum to one.)
    """
    return jnp.argsort(jnp.argsort(-fitness, stable=True))
