"""A data set of Minari as episodes, read from this machine alone.

Minari's observation t + 1 follows action t, so an episode of T actions has T + 1
observations; the last one, on which nothing was done, is left out. An episode that was
terminated died; a truncated one only stopped. By default Minari stores pictures as
JPEG, so they are nearly those that were recorded.
"""

import hashlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from gymnasium.spaces import Box, Discrete

from worldmodels.runtime.errors import UserError
from worldmodels.stores.recordings import RecordedEpisode, check_frames, recording


class Bounds(NamedTuple):
    """What a data set says of its actions."""

    low: np.ndarray | None  # [A]; None: nothing finite
    high: np.ndarray | None
    choices: int  # of which an action is one; 0: it is numbers


def open_data(name: str) -> Any:
    """Return the data set of that name, such as D4RL/door/human-v2.

    Raises:
        UserError: when Minari is not installed, or the data set not on this machine.
    """
    try:
        import minari
    except ImportError:
        raise UserError(
            "the package minari is missing, which reads its data sets; install it with "
            "pip install --editable '.[minari]'"
        ) from None
    try:
        return minari.load_dataset(name)
    # It has no error of its own, and h5py raises others.
    except Exception as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"Minari cannot open its data set {name!r} ({reason}); get it with "
            f"`minari download {name}`, or give another name of `minari list local`"
        ) from error


def bounds(data: Any) -> Bounds:
    """Return what a data set says of its actions.

    Raises:
        UserError: for actions that are neither a row of numbers nor one of n choices.
    """
    space = data.spec.action_space
    if isinstance(space, Discrete):
        count = int(space.n)
        return Bounds(np.zeros(count), np.ones(count), count)
    if isinstance(space, Box) and len(space.shape) == 1:
        finite = np.isfinite(space.low).all() and np.isfinite(space.high).all()
        return Bounds(*((space.low, space.high) if finite else (None, None)), 0)
    raise UserError(
        f"Minari's data set {data.spec.dataset_id} has actions of {space}; they must "
        "be a Box of one dimension or Discrete"
    )


def recordings(data: Any) -> Iterator[RecordedEpisode]:
    """Yield the episodes of a data set, one in memory at a time.

    Raises:
        UserError: naming the first episode that has no pictures, or is damaged.
    """
    space = data.spec.action_space
    for episode in data.iterate_episodes():
        where = f"episode {episode.id} of Minari's data set {data.spec.dataset_id}"
        yield _recording(where, episode, space)


def _recording(where: str, episode: Any, space: Any) -> RecordedEpisode:
    seen, action = episode.observations, np.asarray(episode.actions)
    if not isinstance(seen, np.ndarray):
        raise UserError(
            f"{where} observes a {type(seen).__name__}; it must be pictures, uint8 "
            "[T, H, W, 3]"
        )
    if len(seen) == len(action) + 1:
        seen = seen[:-1]
    check_frames(where, "observations", seen.shape, seen.dtype)
    if isinstance(space, Discrete) and action.ndim == 1:
        action = np.eye(int(space.n), dtype=np.float32)[action - space.start]
    reward, done = np.asarray(episode.rewards), np.asarray(episode.terminations)
    arrays = seen, action, reward, done
    return recording(
        where,
        seen.shape,
        action,
        reward,
        done,
        lambda: iter(seen),
        lambda: hashlib.sha256(b"".join(x.tobytes() for x in arrays)).digest(),
    )
