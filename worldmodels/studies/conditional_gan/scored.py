"""What the step score found of one trained generator, as its store keeps it."""

from typing import NamedTuple

import numpy as np

from worldmodels.stores.artifact import Artifact
from worldmodels.stores.publication import Writer
from worldmodels.studies.conditional_gan.metrics import Told

_OF_LABELS = {"each": ["label"], "chance": ["label"]}


class Sliced(NamedTuple):
    """The sliced Wasserstein distance from training pictures, by level.

    Attributes:
        side: the shorter side of each level, pixels [V].
        drawn: of drawn pictures [V].
        held_out: of real ones that were held out [V].
    """

    side: np.ndarray
    drawn: np.ndarray
    held_out: np.ndarray


class Beside(NamedTuple):
    """A measure of drawn pictures beside that of real ones."""

    drawn: float
    real: float

    @property
    def ratio(self) -> float:
        """The measure of drawn pictures over that of real ones; nan where that is 0."""
        return self.drawn / self.real if self.real else float("nan")


class Copies(NamedTuple):
    """The nearest training picture of drawn and of held-out ones.

    Attributes:
        distance: root of the mean squared difference of pixels, in grey levels, the
            median over drawn and over real held-out pictures.
        drawn: some drawn pictures, uint8 [K, H, W, 3].
        training: the nearest training picture of each.
    """

    distance: Beside
    drawn: np.ndarray
    training: np.ndarray


class Scored(NamedTuple):
    """All measures of one generator.

    Attributes:
        gan_test: the judge on drawn pictures.
        gan_train: a classifier that learnt from drawn pictures, on real held-out ones.
        frechet: squared distance from training pictures; `real` is of those held out.
        features, pixels: mean distance of pairs with equal labels.
    """

    gan_test: Told
    gan_train: Told
    frechet: Beside
    features: Beside
    pixels: Beside
    sliced: Sliced
    copies: Copies


def write(store: Writer, found: Scored) -> None:
    """Write all measures."""
    for name in ("gan_test", "gan_train"):
        for leaf, values in getattr(found, name)._asdict().items():
            store.write(f"{name}/{leaf}", values, _OF_LABELS.get(leaf, ()))
    for name in ("frechet", "features", "pixels"):
        _write_beside(store, name, getattr(found, name))
    for leaf, values in found.sliced._asdict().items():
        store.write(f"sliced/{leaf}", values, ["level"])
    _write_beside(store, "copies/distance", found.copies.distance)
    axes = ["picture", "height", "width", "colour"]
    store.write("copies/drawn", found.copies.drawn, axes)
    store.write("copies/training", found.copies.training, axes)


def _write_beside(store: Writer, name: str, values: Beside) -> None:
    for leaf, value in values._asdict().items():
        store.write(f"{name}/{leaf}", value)


def read(store: Artifact) -> Scored:
    """Return what a store of the step score holds."""

    def told(name: str) -> Told:
        each, every, chance, chance_all = (
            store.read(f"{name}/{leaf}") for leaf in Told._fields
        )
        return Told(each, float(every), chance, float(chance_all))

    def beside(name: str) -> Beside:
        return Beside(*(float(store.read(f"{name}/{leaf}")) for leaf in Beside._fields))

    return Scored(
        told("gan_test"),
        told("gan_train"),
        *(beside(name) for name in ("frechet", "features", "pixels")),
        Sliced(*(store.read(f"sliced/{leaf}") for leaf in Sliced._fields)),
        Copies(
            beside("copies/distance"),
            store.read("copies/drawn"),
            store.read("copies/training"),
        ),
    )
