"""What models are shown: sprites in random order, made from a seed as they are needed.

A rollout of T steps has T + 1 sprites. At step t a model sees sprite t and the change
of the factors' values from it to sprite t + 1, which it is to predict. (The seed's text
names the change that led to sprite t as well: from that no model could predict.)
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from worldmodels.runtime.errors import UserError
from worldmodels.runtime.randomness import generator_for
from worldmodels.studies.dsprites import factors
from worldmodels.studies.dsprites.archive import Pictures
from worldmodels.studies.dsprites.settings import Information, Learning
from worldmodels.training.buffers import Buffers
from worldmodels.training.datasets import Items
from worldmodels.training.packing import PackedBatches

_TOGETHER = 64  # rollouts whose sprites are drawn at once: of numbers, no pictures


def sprites_of(seed: int, use: str, number: int, count: int) -> np.ndarray:
    """Return the places [count] of the sprites of a rollout, among all pictures.

    Args:
        use: what the rollouts are for; those of two uses are different.
    """
    rng = generator_for(seed, 0, f"dsprites {use}", number)
    return rng.integers(factors.COUNT, size=count, dtype=np.int32)


def moving(seed: int, number: int, sizes: Information) -> np.ndarray:
    """Return the places [T + 1] of sprites of which x alone changes, at random."""
    rng = generator_for(seed, 0, "dsprites moving", number)
    steps = int(rng.integers(sizes.shortest, sizes.longest + 1))
    classes = np.tile(rng.integers(factors.SIZES), (steps + 1, 1))
    classes[:, 3] = rng.integers(factors.SIZES[3], size=steps + 1)
    return factors.index(classes).astype(np.int32)


def actions(now: np.ndarray, later: np.ndarray) -> np.ndarray:
    """Return the changes of values, float32 [..., 5], from sprites to the next ones."""
    values = [factors.values(factors.classes(index)) for index in (now, later)]
    return (values[1] - values[0]).astype(np.float32)


def batches(
    seed: int, sizes: Learning, pictures: Pictures, group: int
) -> "PictureBatches":
    """Return the batches of a whole training; every rollout is a new one."""
    rng = generator_for(seed, 0, "dsprites lengths")
    count = sizes.rollouts * sizes.epochs
    length = rng.integers(sizes.shortest, sizes.longest + 1, size=count)
    buffers = Buffers(
        items=length,
        load=partial(_load, seed, length),
        generator=partial(generator_for, seed, 0, "dsprites order"),
        epochs=1,
        episodes=_TOGETHER,
    )
    packed = PackedBatches(buffers, sizes.batch_size, sizes.window)
    return PictureBatches(packed, pictures, group)


def _load(seed: int, length: np.ndarray, numbers: np.ndarray) -> Items:
    """Return the steps of some rollouts, one after the other."""
    each = [sprites_of(seed, "learning", n, length[n] + 1) for n in numbers.tolist()]
    first = [np.arange(length[n]) == 0 for n in numbers.tolist()]
    return {
        "now": np.concatenate([places[:-1] for places in each]),
        "later": np.concatenate([places[1:] for places in each]),
        "first": np.concatenate(first),
    }


@dataclass(frozen=True)
class PictureBatches:
    """`Batches` as `models.loss` takes them; pictures of one group are in memory.

    Attributes:
        group: batches in one call; there are no others at the end, for which a program
            would be compiled anew.
    """

    places: PackedBatches
    pictures: Pictures
    group: int

    @property
    def epochs(self) -> int:
        return self.places.epochs

    @property
    def steps(self) -> int:
        return self.places.steps // self.group * self.group

    def check(self, what: str) -> None:
        if not self.steps:
            raise UserError(
                f"{what} needs {self.group} windows of {self.places.window} steps in "
                f"each of {self.places.batch_size} rollouts side by side; raise "
                "learning.rollouts, or lower learning.batch_size or learning.window"
            )

    def of_one_epoch(self) -> "PictureBatches":
        return replace(self, places=self.places.of_one_epoch())

    def groups(self, start: int, size: int) -> Iterator[Items]:
        whole = (self.steps - start) // size
        for group in itertools.islice(self.places.groups(start, size), whole):
            now, later = group["now"], group["later"]
            pixels, following = self.pictures(np.stack([now, later]))
            yield {
                "pixels": pixels,
                "next": following,
                "actions": actions(now, later),
                "first": group["first"],
            }
