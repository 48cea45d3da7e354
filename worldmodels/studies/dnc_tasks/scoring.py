"""How wrong a trained model is, by the length of the sequences."""

from collections.abc import Iterator, Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.studies.dnc_tasks.model import Errors, Model, Params, errors, outputs
from worldmodels.studies.dnc_tasks.tasks import draw_batch

_STEPS = 4096  # of all sequences that are answered at once


def lengths(shortest: int, longest: int, times: Sequence[int]) -> list[int]:
    """Return the lengths to test: all trained ones and multiples of the longest."""
    trained = range(shortest, longest + 1)
    return sorted({*trained, *(longest * factor for factor in times)})


def by_length(
    params: Params,
    model: Model,
    key: jax.Array,
    lengths: Sequence[int],
    longest: int,
    count: int,
) -> Iterator[Errors]:
    """Yield the errors [count] of each length; the key is folded with the length.

    Args:
        longest: up to it lengths are padded to it, which spares programs.
    """
    for length in lengths:
        padded = max(length, longest)
        rows = max(1, min(count, _STEPS // model.asked.steps(padded)))
        found = _answered(
            params, model, jax.random.fold_in(key, length), length, padded,
            -(-count // rows), rows,
        )  # fmt: skip
        yield Errors(*(np.asarray(values).reshape(-1)[:count] for values in found))


@partial(jax.jit, static_argnames=("model", "padded", "parts", "rows"))
def _answered(
    params: Params,
    model: Model,
    key: jax.Array,
    length: jax.Array,
    padded: int,
    parts: int,
    rows: int,
) -> Errors:
    """Return the errors [parts, rows] of as many sequences, a part at a time."""

    def part(key: jax.Array) -> Errors:
        batch = draw_batch(model.asked, key, jnp.full(rows, length), padded)
        return errors(outputs(params, model, batch.inputs), batch, model)

    return jax.lax.map(part, jax.random.split(key, parts))
