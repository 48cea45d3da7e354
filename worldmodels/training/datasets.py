"""Episodes from stores to shuffled batches, in bounded memory.

A training sees one long stream of items (frames for V, episodes for M): each
epoch permutes the episodes, reads K of them at a time into a buffer, shuffles the items
of the buffer and appends them. Batches are cut from the stream, so none is short and
nothing is dropped but the very last remainder. The stream depends on the seed alone:
any position in it can be resumed. The next buffer is read while this one is used.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from worldmodels.runtime.errors import UserError
from worldmodels.runtime.randomness import rounds_of
from worldmodels.stores.artifact import Artifact

Items = dict[str, np.ndarray]
_LATENTS = ("mu", "logvar")
_STEPS = ("actions", "rewards", "terminated")
HELD_OUT = "memory held out"  # the use of randomness that draws them


class Episodes:
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


@dataclass(frozen=True)
class Stream:
    """Batches of a whole training.

    Attributes:
        items: how many items each episode contributes, [E].
        load: reads the items of some episodes, each array [items, ...].
        generator: `(epoch, buffer) -> numpy Generator`; buffer 0 orders the epoch.
        batch_size: items in a batch, B.
        epochs: passes over all episodes.
        buffer_episodes: whole episodes shuffled together in memory, K.
    """

    items: np.ndarray
    load: Callable[[np.ndarray], Items]
    generator: Callable[[int, int], np.random.Generator]
    batch_size: int
    epochs: int
    buffer_episodes: int

    @property
    def steps(self) -> int:
        """Batches in the whole training."""
        return int(self.items.sum()) * self.epochs // self.batch_size

    def check(self, what: str) -> None:
        """Raise a UserError when the stream holds no batch at all."""
        if self.steps == 0:
            raise UserError(
                f"{what} needs at least one batch of {self.batch_size}, but all epochs "
                f"together hold {int(self.items.sum()) * self.epochs}; lower "
                f"{what}.batch_size or gather more episodes"
            )

    def batches(self, start: int, group: int) -> Iterator[Items]:
        """Yield batches from number `start` on, `group` at a time: [S, B, ...].

        The last yield may hold fewer than `group`.
        """
        skip, left = start * self.batch_size, (self.steps - start) * self.batch_size
        pieces: list[Items] = []
        held = 0
        for items in self._shuffled(skip):
            pieces.append(items)
            held += _count(items)
            wanted = min(group * self.batch_size, left)
            while wanted and held >= wanted:
                joined = _concatenate(pieces)
                yield self._stacked(_slice(joined, 0, wanted))
                pieces, held, left = (
                    [_slice(joined, wanted)],
                    held - wanted,
                    left - wanted,
                )
                wanted = min(group * self.batch_size, left)
            if not left:
                return

    def _stacked(self, items: Items) -> Items:
        shape = (-1, self.batch_size)
        return {k: v.reshape(shape + v.shape[1:]) for k, v in items.items()}

    def _shuffled(self, skip: int) -> Iterator[Items]:
        """Yield slices of shuffled buffers after the first `skip` items."""
        wanted = []
        for epoch, buffer, episodes in self._buffers():
            count = int(self.items[episodes].sum())
            if skip >= count:
                skip -= count
                continue
            wanted.append((epoch, buffer, episodes, skip))
            skip = 0
        piece = 4096  # frames gathered at once: 50 MB
        for (epoch, buffer, _, first), items in self._loaded(wanted):
            order = self.generator(epoch, buffer).permutation(_count(items))[first:]
            for at in range(0, len(order), piece):
                yield {k: v[order[at : at + piece]] for k, v in items.items()}

    def _buffers(self) -> Iterator[tuple[int, int, np.ndarray]]:
        for epoch in range(self.epochs):
            order = self.generator(epoch, 0).permutation(len(self.items))
            parts = range(0, len(order), self.buffer_episodes)
            for buffer, at in enumerate(parts, start=1):
                # Sorted: the same episodes are the same buffer, whatever their order.
                yield epoch, buffer, np.sort(order[at : at + self.buffer_episodes])

    def _loaded(self, wanted: list) -> Iterator[tuple[tuple, Items]]:
        """Yield each wanted buffer's items while the next is read in the background."""
        with ThreadPoolExecutor(1) as reader:
            later = None
            for now, following in itertools.pairwise([*wanted, None]):
                items = later.result() if later else self.load(now[2])
                if following is None:
                    later = None
                elif np.array_equal(following[2], now[2]):
                    later = reader.submit(lambda items=items: items)
                else:
                    later = reader.submit(self.load, following[2])
                yield now, items


def _count(items: Items) -> int:
    return len(next(iter(items.values())))


def _slice(items: Items, start: int, end: int | None = None) -> Items:
    return {name: values[start:end] for name, values in items.items()}


def _concatenate(pieces: list[Items]) -> Items:
    if len(pieces) == 1:
        return pieces[0]
    return {k: np.concatenate([p[k] for p in pieces]) for k in pieces[0]}
