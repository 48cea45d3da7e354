"""Shuffled batches of rows that lie in memory, such as the points of a regression."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from worldmodels.runtime.errors import UserError
from worldmodels.training.datasets import Items


@dataclass(frozen=True)
class Rows:
    """`training.batches.Batches` of rows, in an order that is new in each epoch.

    The epochs follow each other without a gap, and the batches are cut from them: a
    batch may hold the end of one and the beginning of the next, and none is short.

    Attributes:
        rows: arrays of N rows each, [N, ...].
        generator: of the order of an epoch.
        batch_size: rows in a batch, B.
        steps: batches in all.
    """

    rows: Mapping[str, np.ndarray]
    generator: Callable[[int], np.random.Generator]
    batch_size: int
    steps: int

    @property
    def epochs(self) -> int:
        return -(-self.steps * self.batch_size // max(self._count, 1))

    @property
    def _count(self) -> int:
        return len(next(iter(self.rows.values())))

    def check(self, what: str) -> None:
        if not self._count or not self.steps:
            raise UserError(
                f"{what} has {self._count} rows to learn from and {self.steps} "
                "updates; give at least one of each"
            )

    def of_one_epoch(self) -> "Rows":
        return replace(self, steps=max(self._count // self.batch_size, 1))

    def groups(self, start: int, size: int) -> Iterator[Items]:
        while start < self.steps:
            end = min(start + size, self.steps)
            chosen = self._chosen(start * self.batch_size, end * self.batch_size)
            chosen = chosen.reshape(end - start, self.batch_size)
            yield {name: values[chosen] for name, values in self.rows.items()}
            start = end

    def _chosen(self, start: int, end: int) -> np.ndarray:
        """Return the rows from one place to another of all epochs in a line."""
        first, last = start // self._count, -(-end // self._count)
        orders = [
            self.generator(epoch).permutation(self._count)
            for epoch in range(first, last)
        ]
        return np.concatenate(orders)[start - first * self._count :][: end - start]
