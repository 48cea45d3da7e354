"""Shuffled batches of a whole training: of frames for V, of whole episodes for M.

The items of each buffer are shuffled and appended to one long sequence, from which the
batches are cut. So no batch is short, and only the very last remainder is dropped.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol, Self

import numpy as np

from worldmodels.runtime.errors import UserError
from worldmodels.training.buffers import Buffers
from worldmodels.training.datasets import Items

_PIECE = 4096  # frames gathered at once: 50 MB


class Batches(Protocol):
    """All batches of a training, from any place on."""

    @property
    def epochs(self) -> int:
        """Passes over all episodes."""

    @property
    def steps(self) -> int:
        """How many batches there are."""

    def check(self, what: str) -> None:
        """Raise a UserError when there is no batch at all; `what` is the stage."""

    def groups(self, start: int, size: int) -> Iterator[Items]:
        """Yield batches from number `start` on, `size` at a time: [size, B, ...].

        The last yield may hold fewer.
        """

    def of_one_epoch(self) -> Self:
        """Return the batches of one epoch alone."""


@dataclass(frozen=True)
class ShuffledBatches:
    """`Batches` of items in random order.

    Attributes:
        batch_size: items in a batch, B.
    """

    buffers: Buffers
    batch_size: int

    @property
    def epochs(self) -> int:
        return self.buffers.epochs

    @property
    def steps(self) -> int:
        return self.buffers.total // self.batch_size

    def check(self, what: str) -> None:
        if self.steps == 0:
            raise UserError(
                f"{what} needs at least one batch of {self.batch_size}, but all epochs "
                f"together hold {self.buffers.total}; lower {what}.batch_size or "
                "gather more episodes"
            )

    def of_one_epoch(self) -> "ShuffledBatches":
        return replace(self, buffers=replace(self.buffers, epochs=1))

    def groups(self, start: int, size: int) -> Iterator[Items]:
        skip, left = start * self.batch_size, (self.steps - start) * self.batch_size
        pieces: list[Items] = []
        held = 0
        for items in self._shuffled(skip):
            pieces.append(items)
            held += _count(items)
            wanted = min(size * self.batch_size, left)
            while wanted and held >= wanted:
                joined = _concatenate(pieces)
                yield self._stacked(_slice(joined, 0, wanted))
                pieces = [_slice(joined, wanted)]
                held, left = held - wanted, left - wanted
                wanted = min(size * self.batch_size, left)
            if not left:
                return

    def _stacked(self, items: Items) -> Items:
        shape = (-1, self.batch_size)
        return {k: v.reshape(shape + v.shape[1:]) for k, v in items.items()}

    def _shuffled(self, skip: int) -> Iterator[Items]:
        """Yield slices of shuffled buffers after the first `skip` items."""
        wanted, firsts = [], []
        for buffer in self.buffers:
            count = int(self.buffers.items[buffer.episodes].sum())
            if skip >= count:
                skip -= count
                continue
            wanted.append(buffer)
            firsts.append(skip)
            skip = 0
        loaded = self.buffers.loaded(wanted)
        for first, (buffer, items) in zip(firsts, loaded, strict=True):
            order = self.buffers.order(buffer, _count(items))[first:]
            for at in range(0, len(order), _PIECE):
                yield {k: v[order[at : at + _PIECE]] for k, v in items.items()}


def _count(items: Items) -> int:
    return len(next(iter(items.values())))


def _slice(items: Items, start: int, end: int | None = None) -> Items:
    return {name: values[start:end] for name, values in items.items()}


def _concatenate(pieces: list[Items]) -> Items:
    if len(pieces) == 1:
        return pieces[0]
    return {k: np.concatenate([p[k] for p in pieces]) for k in pieces[0]}
