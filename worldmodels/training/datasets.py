"""The episodes of several stores: read, joined, padded, and some of them held out."""

from collections.abc import Callable, Sequence

import numpy as np

from worldmodels.runtime.errors import UserError
from worldmodels.runtime.randomness import rounds_of
from worldmodels.stores.artifact import Artifact

Items = dict[str, np.ndarray]
_LATENTS = ("mu", "logvar")
_STEPS = ("actions", "rewards", "terminated")
HELD_OUT = "memory held out"  # the use of randomness that draws them


class StoredEpisodes:
    """The episodes of several stores as one sequence.

    Attributes:
        length: steps in each episode, int32 [E].
        seed: int64 [E].
        longest: the steps of the longest episode allowed, T.
        place: each episode's shard, and its number there, int [E, 2].
    """

    def __init__(self, shards: Sequence[Artifact]):
        self.shards = shards
        lengths = [s.read("length") for s in shards]
        self.length = np.concatenate(lengths)
        self.seed = np.concatenate([s.read("seed") for s in shards])
        self.longest = max(s.array("actions").shape[1] for s in shards)
        self._decoded: dict[str, tuple[int, np.ndarray]] = {}
        sizes = [len(length) for length in lengths]
        within = [np.arange(size) for size in sizes]
        shard = np.repeat(np.arange(len(shards)), sizes)
        self.place = np.stack([shard, np.concatenate(within)], axis=-1)

    def __len__(self) -> int:
        return len(self.length)

    def read(self, name: str, episode: int) -> np.ndarray:
        """Return the array `name` of one episode with its shard's padding, [T, ...]."""
        shard, place = self.place[episode].tolist()
        store = self.shards[shard]
        if store.array(name).chunks[0] == 1:
            return store.read(name, place)
        # A chunk of many episodes, of a few numbers a step: decoded once for those of
        # a shard that are read one after the other.
        if self._decoded.get(name, (None,))[0] != shard:
            self._decoded[name] = shard, store.read(name)
        return self._decoded[name][1][place]

    def frames(self, episodes: np.ndarray) -> Items:
        """Return every frame of `episodes` one after the other, uint8 [F, H, W, 3]."""
        return self._joined(("frames",), episodes)

    def sequences(self, episodes: np.ndarray, steps: int) -> Items:
        """Return whole episodes [K, steps + 1, Z] ... as `memory_loss.loss` takes them.

        Every entry is padded to so many steps, or cut where it is longer.
        """
        items = {name: self._padded(name, episodes, steps) for name in _STEPS}
        items |= {n: self._padded(n, episodes, steps + 1) for n in _LATENTS}
        step, length = np.arange(steps), self.length[episodes, None]
        return items | {
            "first": np.broadcast_to(step == 0, (len(episodes), steps)),
            "last": step == length - 1,
            "inside": step < length,
        }

    def _padded(self, name: str, episodes: np.ndarray, rows: int) -> np.ndarray:
        like = self.shards[0].array(name)
        padded = np.zeros((len(episodes), rows, *like.shape[2:]), like.dtype)
        for place, episode in zip(padded, episodes, strict=True):
            values = self.read(name, episode)[:rows]
            place[: len(values)] = values
        return padded

    def steps(self, episodes: np.ndarray) -> Items:
        """Return the steps of `episodes` one after the other: mu, logvar [F, Z], ...

        "first" and "last" [F] are the ends of the episodes.
        """
        items = self._joined(_LATENTS + _STEPS, episodes)
        end = np.cumsum(self.length[episodes])
        for name, place in ("first", end - self.length[episodes]), ("last", end - 1):
            items[name] = np.zeros(end[-1], bool)
            items[name][place] = True
        return items

    def variance(self, name: str, episodes: np.ndarray) -> float:
        """Return the variance of a number over all steps of `episodes`."""
        count, total, squares = 0, 0.0, 0.0
        for episode in episodes:
            values = self.read(name, episode)[: self.length[episode]].astype(float)
            count += len(values)
            total += values.sum()
            squares += values @ values
        return max(squares / count - (total / count) ** 2, 0.0)

    def _joined(self, names: Sequence[str], episodes: np.ndarray) -> Items:
        ends = np.cumsum(self.length[episodes])
        joined = {}
        for name in names:
            like = self.shards[0].array(name)
            joined[name] = np.empty((ends[-1], *like.shape[2:]), like.dtype)
            for episode, end in zip(episodes, ends, strict=True):
                length = self.length[episode]
                joined[name][end - length : end] = self.read(name, episode)[:length]
        return joined


def split(
    seeds: np.ndarray, held_out: float, generator: Callable[[int], np.random.Generator]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the episodes to learn from and those that are held out, both ascending.

    Of a share above 0 the nearest number of every round's episodes is held out, but one
    at least; which ones, the round's generator draws. So a later round that learns from
    them too, perhaps with weights from an earlier one, holds out the very same.

    Args:
        seeds: of the episodes, [E].
        generator: of a round.

    Raises:
        UserError: when none is left to learn from.
    """
    if not held_out:
        return np.arange(len(seeds)), np.arange(0)
    kept = []
    for number in np.unique(rounds_of(seeds)).tolist():
        order = held_out_order(seeds, number, generator(number))
        kept.append(order[: max(round(held_out * len(order)), 1)])
    held = np.sort(np.concatenate(kept))
    if len(held) == len(seeds):
        raise UserError(
            f"held_out is {held_out} of {len(seeds)} episodes, which leaves none to "
            "learn from; gather more episodes or set it to 0"
        )
    return np.setdiff1d(np.arange(len(seeds)), held), held


def held_out_order(
    seeds: np.ndarray, round: int, generator: np.random.Generator
) -> np.ndarray:
    """Return a round's episodes in the order in which `split` holds them out."""
    (episodes,) = np.nonzero(rounds_of(seeds) == round)
    return generator.permutation(episodes[np.argsort(seeds[episodes])])
