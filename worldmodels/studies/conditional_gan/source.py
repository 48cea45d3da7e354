"""The packed pictures: read by rows, and as shuffled minibatches of a training."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np

from worldmodels.runtime.errors import UserError
from worldmodels.stores.artifact import Artifact, open_artifact
from worldmodels.studies.conditional_gan.steps import STUDY
from worldmodels.training.batches import ShuffledBatches
from worldmodels.training.buffers import Buffers
from worldmodels.training.datasets import Items

_BUFFER_BYTES = 256 * 2**20  # of pictures in memory at once; the next ones are read


class Pictures:
    """A store of the step pack.

    Attributes:
        store: the store.
        names: of the labels, L.
        size: height and width.
        training, held_out: numbers of the pictures to learn from and to judge on.
    """

    def __init__(self, path: Path):
        self.store: Artifact = open_artifact(path, STUDY.kind("pack"))
        self.names = tuple(self.store.config["labels"])
        self.size: tuple[int, int] = tuple(self.store.config["size"])
        self._labels = self.store.read("labels")
        held = self.store.read("held_out")
        self.training, self.held_out = np.flatnonzero(~held), np.flatnonzero(held)
        self.shard = self.store.array("images").chunks[0]

    def __len__(self) -> int:
        return len(self._labels)

    def images(self, rows: np.ndarray) -> np.ndarray:
        """Return the pictures of some numbers, uint8 [rows, H, W, 3]."""
        found = np.empty((len(rows), *self.size, 3), np.uint8)
        shards = rows // self.shard
        for shard in np.unique(shards):
            place = slice(shard * self.shard, (shard + 1) * self.shard)
            here = shards == shard
            found[here] = self.store.read("images", place)[rows[here] % self.shard]
        return found

    def labels(self, rows: np.ndarray) -> np.ndarray:
        """Return the labels of some pictures, uint8 [rows, L]."""
        return self._labels[rows]


@dataclass(frozen=True)
class Stream(ShuffledBatches):
    """`training.batches.Batches` of a given number.

    Attributes:
        updates: how many batches there are.
    """

    updates: int = 0

    @property
    def steps(self) -> int:
        return self.updates

    def check(self, what: str) -> None:
        if not self.buffers.total:
            raise UserError(f"{what} has no picture to learn from; gather some")


def batches(path: Path, key: jax.Array, batch_size: int, steps: int) -> Stream:
    """Return so many minibatches of a store's training pictures, in random order.

    Each holds "images" uint8 [B, H, W, 3] and "labels" uint8 [B, L]. In each pass over
    all pictures their shards are permuted, and those that are in memory together are
    shuffled. The order depends on the key alone.
    """
    pictures = Pictures(path)

    def load(shards: np.ndarray) -> Items:
        rows = pictures.training[np.isin(pictures.training // pictures.shard, shards)]
        return {"images": pictures.images(rows), "labels": pictures.labels(rows)}

    shards = -(-len(pictures) // pictures.shard)
    items = np.bincount(pictures.training // pictures.shard, minlength=shards)
    size = pictures.shard * 3 * int(np.prod(pictures.size))
    return _stream(items, load, key, max(_BUFFER_BYTES // size, 1), batch_size, steps)


def batches_of(items: Items, key: jax.Array, batch_size: int, steps: int) -> Stream:
    """Return so many minibatches of rows in memory, [N, ...] each, in random order."""
    count = np.array([len(next(iter(items.values())))])
    return _stream(count, lambda shards: items, key, 1, batch_size, steps)


def _stream(
    items: np.ndarray,
    load: Callable[[np.ndarray], Items],
    key: jax.Array,
    shards: int,
    batch_size: int,
    steps: int,
) -> Stream:
    words = jax.random.key_data(key).tolist()

    def generator(epoch: int, buffer: int) -> np.random.Generator:
        drawn = np.random.SeedSequence(words, spawn_key=(epoch, buffer))
        return np.random.default_rng(drawn)

    epochs = -(-steps * batch_size // int(items.sum()))
    return Stream(Buffers(items, load, generator, epochs, shards), batch_size, steps)
