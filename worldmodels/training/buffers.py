"""The order in which a training reads its episodes, in bounded memory.

Each epoch permutes the episodes and cuts them into buffers of K; only the buffer in use
and the next one are in memory. The order depends on the seed alone, so any place in it
can be resumed.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from worldmodels.training.datasets import Items


class Buffer(NamedTuple):
    """Which episodes are in memory together, and when."""

    epoch: int
    number: int  # within the epoch, from 1 on
    episodes: np.ndarray  # int [K], ascending


@dataclass(frozen=True)
class Buffers:
    """All buffers of a whole training.

    Attributes:
        items: how many items each episode contributes, [E].
        load: reads the items of some episodes, each array [items, ...].
        generator: `(epoch, buffer) -> numpy Generator`; buffer 0 orders the epoch.
        epochs: passes over all episodes.
        episodes: whole episodes in one buffer, K.
    """

    items: np.ndarray
    load: Callable[[np.ndarray], Items]
    generator: Callable[[int, int], np.random.Generator]
    epochs: int
    episodes: int

    @property
    def total(self) -> int:
        """Items in the whole training."""
        return int(self.items.sum()) * self.epochs

    def __iter__(self) -> Iterator[Buffer]:
        for epoch in range(self.epochs):
            order = self.generator(epoch, 0).permutation(len(self.items))
            parts = range(0, len(order), self.episodes)
            for number, at in enumerate(parts, start=1):
                # Sorted: the same episodes are the same buffer, whatever their order.
                yield Buffer(epoch, number, np.sort(order[at : at + self.episodes]))

    def order(self, buffer: Buffer, count: int) -> np.ndarray:
        """Return the order [count] in which a buffer's contents are used."""
        return self.generator(buffer.epoch, buffer.number).permutation(count)

    def loaded(self, wanted: Iterable[Buffer]) -> Iterator[tuple[Buffer, Items]]:
        """Yield each wanted buffer's items while the next is read in the background."""
        with ThreadPoolExecutor(1) as reader:
            later = None
            for now, following in itertools.pairwise([*wanted, None]):
                items = later.result() if later else self.load(now.episodes)
                if following is None:
                    later = None
                elif np.array_equal(following.episodes, now.episodes):
                    later = reader.submit(lambda items=items: items)
                else:
                    later = reader.submit(self.load, following.episodes)
                yield now, items
