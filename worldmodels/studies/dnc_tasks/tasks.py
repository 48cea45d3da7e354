"""Three tasks with a right answer: repeat copy, addition and priority sort.

As the seeds' author set them to his DNC. A sequence of length l is drawn in an array of
steps for the longest, so that sequences of all lengths stand in one batch; `inside`
says which steps are its own, `answer` at which of them an output is asked for. Every
input has 6 columns, of which the last is 1 in the row that ends the question.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

COLUMNS = 6  # of an input
_END = jnp.arange(COLUMNS) == COLUMNS - 1  # the row after the question
_DIGITS = 5  # 0 to 4


class Sequences(NamedTuple):
    """Questions with their answers, of any leading axes."""

    inputs: jax.Array  # [..., T, 6]
    targets: jax.Array  # [..., T, Y]; 0 where nothing is asked
    answer: jax.Array  # bool [..., T] steps at which the output counts
    inside: jax.Array  # bool [..., T] steps of the sequence; the others are padding


class Task(NamedTuple):
    """One sort of question.

    Attributes:
        draw: `(key, length, longest) -> Sequences`, of one sequence.
        steps: `(length) -> T`, of a sequence of that length.
        outputs: numbers that are asked for at a step, Y.
        bits: whether they are bits; if not, they are whole numbers.
    """

    draw: Callable[[jax.Array, jax.Array, int], Sequences]
    steps: Callable[[int], int]
    outputs: int
    bits: bool


def draw_batch(task: Task, key: jax.Array, lengths: jax.Array, longest: int):
    """Return sequences of lengths [B], none above `longest`: inputs [T, B, 6]."""
    keys = jax.random.split(key, len(lengths))
    drawn = jax.vmap(lambda key, length: task.draw(key, length, longest))
    return Sequences(*(x.swapaxes(0, 1) for x in drawn(keys, lengths)))


def repeat(key: jax.Array, length: jax.Array, longest: int) -> Sequences:
    """Ask for `length` rows of 5 bits again, in their order."""
    bits = jax.random.bernoulli(key, shape=(longest, COLUMNS - 1)).astype(float)
    row = jnp.arange(2 * longest + 1)
    return _recalled(bits, bits, row, length, row - length - 1)


def priority_sort(key: jax.Array, length: jax.Array, longest: int) -> Sequences:
    """Ask for `length` rows of 4 bits again, by ascending priority.

    A row is its priority in (-1, 1), then its bits. One row of zeros comes between the
    end of the question and the answer.
    """
    of_priority, of_bits = jax.random.split(key)
    priority = jax.random.uniform(of_priority, (longest, 1), minval=-1, maxval=1)
    bits = jax.random.bernoulli(of_bits, shape=(longest, COLUMNS - 2)).astype(float)
    given = jnp.arange(longest) < length
    order = jnp.argsort(jnp.where(given, priority[:, 0], jnp.inf))
    row = jnp.arange(2 * longest + 2)
    question = jnp.concatenate([priority, bits], axis=1)
    return _recalled(question, bits[order], row, length, row - length - 2)


def _recalled(
    question: jax.Array,
    answers: jax.Array,
    row: jax.Array,
    length: jax.Array,
    place: jax.Array,
) -> Sequences:
    """Return a question whose answer is as many rows.

    Args:
        question: [longest, 5].
        answers: [longest, Y].
        row: [T] numbers of the steps.
        place: [T] which of `answers` is asked for; there is none below 0, nor from
            `length` on.
    """
    asked = (place >= 0) & (place < length)
    inputs = jnp.where(row[:, None] < length, _at(question, row), 0)
    inputs = jnp.pad(inputs, ((0, 0), (0, 1)))
    return Sequences(
        inputs=jnp.where(row[:, None] == length, _END, inputs).astype(float),
        targets=jnp.where(asked[:, None], _at(answers, place), 0),
        answer=asked,
        inside=place < length,
    )


def _at(rows: jax.Array, place: jax.Array) -> jax.Array:
    return rows[place.clip(0, len(rows) - 1)]


def addition(key: jax.Array, length: jax.Array, longest: int) -> Sequences:
    """Ask for the sum of `length` digits from 0 to 4."""
    row = jnp.arange(longest + 1)
    digits = jax.random.randint(key, (longest + 1,), 0, _DIGITS)
    given, end = row < length, row == length
    shown = jax.nn.one_hot(digits, COLUMNS) * given[:, None]
    total = jnp.sum(jnp.where(given, digits, 0))
    return Sequences(
        inputs=jnp.where(end[:, None], _END, shown).astype(float),
        targets=jnp.where(end, total, 0).astype(float)[:, None],
        answer=end,
        inside=given | end,
    )


TASKS = {
    "repeat": Task(repeat, lambda length: 2 * length + 1, COLUMNS - 1, bits=True),
    "addition": Task(addition, lambda length: length + 1, 1, bits=False),
    "sort": Task(priority_sort, lambda length: 2 * length + 2, COLUMNS - 2, bits=True),
}
