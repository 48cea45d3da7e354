"""Batches of a task: each is drawn when it is asked for, by its number."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import jax
import jax.numpy as jnp

from worldmodels.runtime.errors import UserError
from worldmodels.studies.dnc_tasks.tasks import TASKS, Sequences, draw_batch


@dataclass(frozen=True)
class Stream:
    """`training.batches.Batches` whose longest lengths grow.

    Attributes:
        task: one of `TASKS`.
        key: batch n is drawn with `fold_in(key, n)`.
        batch_size: sequences in a batch, B.
        shortest: length that is drawn.
        longest: lengths, each in an equal share of the batches, one after another.
        steps: batches in all.
    """

    task: str
    key: jax.Array
    batch_size: int
    shortest: int
    longest: tuple[int, ...]
    steps: int

    @property
    def epochs(self) -> int:
        return min(self.steps, 1)

    def check(self, what: str) -> None:
        """Refuse longest lengths below the shortest, or that fall.

        Raises:
            UserError: naming them.
        """
        lengths = [self.shortest, *self.longest]
        if lengths != sorted(lengths) or not self.longest:
            raise UserError(
                f"{what} has lengths from {self.shortest} to {list(self.longest)}; "
                "give longest lengths that rise, none below the shortest"
            )

    def of_one_epoch(self) -> "Stream":
        return replace(self, steps=max(self.steps, 1))

    def groups(self, start: int, size: int) -> Iterator[Sequences]:
        """Yield batches [S, T, B, ...] of one longest length, `size` or fewer."""
        while start < self.steps:
            level = self._level(start)
            end = min(start + size, self._start(level + 1))
            numbers = jnp.arange(start, end)
            yield _batches(self, self.longest[level], numbers)
            start = end

    def _level(self, number: int) -> int:
        """Return which of the longest lengths a batch has."""
        levels = range(len(self.longest))
        return max(level for level in levels if self._start(level) <= number)

    def _start(self, level: int) -> int:
        """Return the first batch of a level."""
        return self.steps * level // len(self.longest)


def _batches(stream: Stream, longest: int, numbers: jax.Array) -> Sequences:
    shape = stream.task, stream.batch_size, stream.shortest, longest
    return _drawn(stream.key, numbers, *shape)


@partial(jax.jit, static_argnums=(2, 3, 4, 5))
def _drawn(
    key: jax.Array,
    numbers: jax.Array,
    task: str,
    batch_size: int,
    shortest: int,
    longest: int,
) -> Sequences:
    def batch(number: jax.Array) -> Sequences:
        of_lengths, of_rows = jax.random.split(jax.random.fold_in(key, number))
        lengths = jax.random.randint(of_lengths, batch_size, shortest, longest + 1)
        return draw_batch(TASKS[task], of_rows, lengths, longest)

    return jax.vmap(batch)(numbers)
