"""Episodes in a rollouts store: frames as they come, the rest at the end."""

import numpy as np

from worldmodels.environments.processes.episodes import EpisodeResult
from worldmodels.stores.publication import Writer


class EpisodeShelf:
    """Puts finished episodes into a rollouts store, each in its place."""

    def __init__(self, store: Writer, count: int, steps: int):
        """Prepare the places of `count` episodes of at most `steps` steps."""
        self._store, self._steps = store, steps
        self._seeds = np.zeros(count, np.int64)
        self._frames = None
        self._actions = None
        self._rewards = np.zeros((count, steps), np.float32)
        self._terminated = np.zeros((count, steps), bool)
        self._length = np.zeros(count, np.int32)

    def put(self, at: int, result: EpisodeResult) -> None:
        """Write an episode's frames and keep the rest of it."""
        if self._frames is None:
            self._create(result)
        n = result.length
        self._seeds[at] = result.episode.seed
        padded = np.zeros((self._steps, *result.frames.shape[1:]), np.uint8)
        padded[:n] = result.frames
        self._frames.put(at, padded)
        self._actions[at, :n] = result.actions
        self._rewards[at, :n] = result.rewards
        self._terminated[at, n - 1] = result.terminated
        self._length[at] = n

    def _create(self, result: EpisodeResult) -> None:
        image, count = result.frames.shape[1:], len(self._seeds)
        self._frames = self._store.rows(
            "frames",
            (count, self._steps, *image),
            np.uint8,
            ("episode", "time", "y", "x", "channel"),
        )
        size = result.actions.shape[-1]
        self._actions = np.zeros((count, self._steps, size), np.float32)

    def close(self) -> None:
        """Write what was kept."""
        self._frames.close()
        write = self._store.write
        write("actions", self._actions, ("episode", "time", "action"))
        write("rewards", self._rewards, ("episode", "time"))
        write("terminated", self._terminated, ("episode", "time"))
        write("length", self._length, ("episode",))
        write("seed", self._seeds, ("episode",))
