"""Work that adds up piece by piece, and goes on after a kill where it was saved."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import jax
import numpy as np
from flax import serialization

from worldmodels.runtime import stopping
from worldmodels.runtime.progress import Progress
from worldmodels.stores.checkpoint import Checkpoint

State = TypeVar("State")


def accumulate(
    state: State,
    pieces: int,
    add: Callable[[State, int], State],
    *,
    checkpoint: Checkpoint,
    title: str,
    log: Path | None,
    interval: float,
) -> State:
    """Return the state after `add(state, n)` for all pieces n, in order.

    A signal to stop takes effect after a piece, once that is saved.

    Args:
        state: nested tuples and dicts of arrays.
        interval: seconds between checkpoints; the result does not depend on it.
    """
    done, saved = 0, checkpoint.load()
    if saved is not None:
        done = int(saved["done"])
        state = serialization.from_state_dict(state, saved["state"])
    last = time.monotonic()
    with (
        Progress(title, pieces, log, initial=done) as progress,
        stopping.held_back() as stop,
    ):
        for number in range(done, pieces):
            state = add(state, number)
            ends = stop() or number + 1 == pieces
            if ends or time.monotonic() - last > interval:
                _save(checkpoint, state, number + 1)
                last = time.monotonic()
            progress.update(1)
            if ends:
                break
    return state


def _save(checkpoint: Checkpoint, state: Any, done: int) -> None:
    arrays = jax.tree.map(np.asarray, serialization.to_state_dict(state))
    checkpoint.save({"done": done, "state": arrays})
