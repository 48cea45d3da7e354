"""Episodes one after the other in rows of steps, cut into windows: no padding.

TakeCover's episodes last 200 steps in the mean and 2,100 at most, so whole ones side by
side would be nine tenths padding. Here each row takes the next of the shuffled episodes
as soon as its last one ends, and all rows are cut into windows of S steps: a batch is
always full. M's state goes on from window to window and is reset where an episode
begins; gradients end at a window's edge.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from worldmodels.runtime.errors import UserError
from worldmodels.training.buffers import Buffers
from worldmodels.training.datasets import Items


class Placement(NamedTuple):
    """Where each episode of a whole training lies, in the order of their use."""

    row: np.ndarray  # int [M] below B
    start: np.ndarray  # int [M] its first step's place in the row; it never falls
    end: np.ndarray  # int [M] the place after its last


def place(lengths: np.ndarray, rows: int) -> Placement:
    """Give each episode to the row that ends first, the lowest of several.

    So no row is ever empty before the first step of the episode that comes next.
    """
    ends = [(0, row) for row in range(rows)]  # a heap
    row, start = np.empty((2, len(lengths)), np.int64)
    for n, length in enumerate(lengths.tolist()):
        start[n], row[n] = ends[0]
        heapq.heapreplace(ends, (ends[0][0] + length, ends[0][1]))
    return Placement(row, start, start + lengths)


@dataclass(frozen=True)
class PackedBatches:
    """`Batches` of windows, as `memory_loss.loss` takes them.

    Attributes:
        buffers: of steps: an episode contributes one item a step.
        batch_size: rows, B.
        window: steps of every row in one batch, S.
    """

    buffers: Buffers
    batch_size: int
    window: int

    @property
    def epochs(self) -> int:
        return self.buffers.epochs

    @property
    def steps(self) -> int:
        """How many windows all rows fill."""
        full = np.zeros(self.batch_size, np.int64)
        np.maximum.at(full, self._placement.row, self._placement.end)
        return int(full.min()) // self.window

    def check(self, what: str) -> None:
        if self.steps == 0:
            raise UserError(
                f"{what} needs at least one window of {self.window} steps in each of "
                f"{self.batch_size} rows, but all epochs together hold "
                f"{self.buffers.total} steps; lower {what}.batch_size or "
                f"{what}.window, or gather more episodes"
            )

    def of_one_epoch(self) -> "PackedBatches":
        return replace(self, buffers=replace(self.buffers, epochs=1))

    def groups(self, start: int, size: int) -> Iterator[Items]:
        windows, left = [], self.steps - start
        if not left:  # there may be no episode to make a window's shape of
            return
        for window in self._windows(start):
            windows.append(window)
            if len(windows) == min(size, left):
                yield {k: np.stack([w[k] for w in windows]) for k in window}
                left -= len(windows)
                windows = []
            if not left:
                return

    def _windows(self, number: int) -> Iterator[Items]:
        """Yield every window from `number` on: mu, logvar [B, S + 1, Z], ..."""
        canvas = None
        for row, start, steps in self._placed(number * self.window):
            if canvas is None:
                canvas = self._blank(steps)
            # Rows are filled up to here; a window shows the z after its last step too.
            while start > (number + 1) * self.window:
                yield self._cut(canvas)
                number += 1
            at = start - number * self.window
            for name, values in steps.items():
                values = values[max(-at, 0) :]
                canvas[name][row, max(at, 0) : max(at, 0) + len(values)] = values
        while True:
            yield self._cut(canvas)

    def _blank(self, like: Items) -> Items:
        """Return room for a window and an episode that begins at its end."""
        shape = (self.batch_size, self.window + int(self.buffers.items.max()))
        return {k: np.zeros(shape + v.shape[1:], v.dtype) for k, v in like.items()}

    def _cut(self, canvas: Items) -> Items:
        """Take a window off the canvas, which moves on."""
        steps = {name: self.window for name in canvas}
        steps |= {"mu": self.window + 1, "logvar": self.window + 1}
        window = {k: v[:, : steps[k]].copy() for k, v in canvas.items()}
        for values in canvas.values():
            values[:, : -self.window] = values[:, self.window :].copy()
        return window | {"inside": np.ones((self.batch_size, self.window), bool)}

    def _placed(self, begin: int) -> Iterator[tuple[int, int, Items]]:
        """Yield row, place and steps of each episode that ends after step `begin`."""
        row, start, end = self._placement
        wanted, firsts, first = [], [], 0
        for buffer in self.buffers:
            numbers = slice(first, first + len(buffer.episodes))
            if (end[numbers] > begin).any():
                wanted.append(buffer)
                firsts.append(first)
            first = numbers.stop
        loaded = self.buffers.loaded(wanted)
        for first, (buffer, items) in zip(firsts, loaded, strict=True):
            length = self.buffers.items[buffer.episodes]
            after = np.cumsum(length)
            order = self.buffers.order(buffer, len(buffer.episodes))
            for number, n in enumerate(order, start=first):
                if end[number] > begin:
                    steps = slice(after[n] - length[n], after[n])
                    values = {name: v[steps] for name, v in items.items()}
                    yield row[number], start[number], values

    @cached_property
    def _placement(self) -> Placement:
        order = [
            buffer.episodes[self.buffers.order(buffer, len(buffer.episodes))]
            for buffer in self.buffers
        ]
        return place(self.buffers.items[np.concatenate(order)], self.batch_size)
