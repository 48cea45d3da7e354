"""What M asks of a recurrent cell, and what cells share.

World Models, section 2.2 and appendix A.2, uses an LSTM. Another cell is a class with
the methods of `Cell`, and a row of `registry.CELLS`.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp

ROWS = 1024  # of T * B to take at once: as many as stay in a core's cache

State = Any  # a pytree of arrays [B, ...]
Params = Mapping[str, jax.Array]


class Parameter(NamedTuple):
    """How one array of weights begins."""

    initial: Callable[..., jax.Array]  # (key, shape, dtype) -> array
    shape: tuple[int, ...]


class Cell(Protocol):
    """A recurrent cell that reads x [I]; its state is any pytree.

    Cells are frozen dataclasses made as `(inputs, units, **options)`: hashable, without
    arrays. A field `precision`, where there is one, is M's: see `precision.product`.
    Names of parameters are M's, too: begin them with the cell's name.
    """

    def parameters(self) -> Mapping[str, Parameter]:
        """Return the weights by name, in the order in which keys are drawn for them."""

    def initial(self, batch: int, dtype: Any) -> State:
        """Return the state [B, ...] before the first step; no array is there twice."""

    def step(self, params: Params, state: State, x: jax.Array) -> tuple[Any, State]:
        """Return what the heads read, [..., N], and the state after x [..., I].

        Before the last axis is a batch or, in a dream, which is one row, nothing.
        """

    def unfold(
        self, params: Params, x: jax.Array, first: jax.Array, state: State
    ) -> tuple[jax.Array, State]:
        """Return what the heads read after each x, [T, B, N], and the state at the end.

        Args:
            x: [T, B, I].
            first: bool [T, B] where an episode begins: the state before is `initial`.
            state: [B, ...] before the first x.
        """

    def features(self, state: State) -> Mapping[str, jax.Array]:
        """Return the vectors [..., F] that C may read, those of `CellSize.features`."""


def restarted(state: State, first: jax.Array, fresh: State) -> State:
    """Return `fresh` where an episode begins, first [B], and `state` elsewhere."""

    def choose(old: jax.Array, new: jax.Array) -> jax.Array:
        return jnp.where(first.reshape(-1, *[1] * (old.ndim - 1)), new, old)

    return jax.tree.map(choose, state, fresh)


def unfold_by_steps(
    cell: Cell, params: Params, x: jax.Array, first: jax.Array, state: State
) -> tuple[jax.Array, State]:
    """Do what `Cell.unfold` does, step by step, with autodiff's backward pass.

    Of each step the state before it is kept and no more: the backward pass makes the
    rest again, which costs a second forward pass.
    """
    fresh = cell.initial(x.shape[1], x.dtype)

    def step(state: State, at_t: tuple[jax.Array, jax.Array]):
        x, first = at_t
        y, state = cell.step(params, restarted(state, first, fresh), x)
        return state, y

    remade = jax.checkpoint(step, prevent_cse=False)  # a scan needs no such guard
    state, y = jax.lax.scan(remade, state, (x, first))
    return y, state


def in_chunks(x: jax.Array) -> jax.Array:
    """Cut x [T, B, ...] into [T / S, S, B, ...]: as many steps S as ROWS allows."""
    time, batch = x.shape[:2]
    fitting = [n for n in range(1, time + 1) if time % n == 0 and n * batch <= ROWS]
    return x.reshape(-1, max(fitting, default=1), *x.shape[1:])
