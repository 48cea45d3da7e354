"""What the trainings of the study found, beside what is exactly true: plain numbers."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from worldmodels.runtime.errors import UserError
from worldmodels.scores.statistics import MeanOfSeeds, over_seeds
from worldmodels.stores.artifact import Artifact
from worldmodels.stores.lineage import check_alike
from worldmodels.studies.mixture_density import exact, toys, train
from worldmodels.studies.mixture_density.settings import SQUARED, TOYS, Shown, name_of

_OF_ALL = (
    "seeds", "widths", "learning_rate", "gradient_clip", "test_points", "dtype",
)  # fmt: skip
_FLOORS = {"a": (-1.55, 1.08), "b": (1.40, 1.03)}  # nats, times the irreducible error
_AS_GOOD = 1.01  # times the squared error of the network that minimises it


class Truth(NamedTuple):
    """What is exact of a toy, on the points that its networks are tested on."""

    nll: float  # nats
    irreducible: float  # E[Var(y | x)], the least squared error
    variance: float  # Var y, that of the best answer that knows no x
    near: float  # share of the points that lie where the data do


class Network(NamedTuple):
    """One network on one toy; [S] is by seed.

    Attributes:
        mixtures: K; 0: the network of squared error.
        nll: [S] on the test points, nats; None: it has no density.
        train_nll: [S] on the points that were learnt.
        squared: [S] squared error of its mean on the test points.
        near: [S] share of its answers that lie where the data do.
        loss: [updates] what was minimised.
        held_out: [updates] the same of points that were not learnt.
        seconds: of wall time that its training took.
    """

    mixtures: int
    weights: int
    nll: np.ndarray | None
    train_nll: np.ndarray | None
    squared: np.ndarray
    near: np.ndarray
    loss: np.ndarray
    held_out: np.ndarray
    seconds: float

    @property
    def name(self) -> str:
        """The network in words."""
        return name_of(self.mixtures)


class Found(NamedTuple):
    """All of one toy.

    Attributes:
        networks: by K, that of squared error first.
        stores: theirs, in the same order.
        shown: K of the mixture that is drawn, and held to the floors.
    """

    toy: str
    truth: Truth
    networks: Sequence[Network]
    stores: Sequence[Artifact]
    shown: int

    @property
    def squared(self) -> Network:
        """The network of squared error."""
        return self.networks[0]

    @property
    def mixture(self) -> Network:
        """The mixture that is shown."""
        return next(n for n in self.networks if n.mixtures == self.shown)

    def store(self, network: Network) -> Artifact:
        """Return the store of a network."""
        return self.stores[self.networks.index(network)]


class Floor(NamedTuple):
    """What a figure has to be, at most, and what it is."""

    what: str
    most: float
    measured: MeanOfSeeds
    worst: float  # of the seeds

    @property
    def met(self) -> bool:
        """Whether the mean over the seeds meets it."""
        return self.measured.mean <= self.most


def read(stores: Sequence[Artifact], shown: Shown) -> list[Found]:
    """Return what trainings found, toy by toy.

    Raises:
        UserError: for a network that is missing or there twice, or trainings of one
            toy that differ by more than K.
    """
    check_alike(stores, _OF_ALL)
    by_toy = {
        toy: sorted(
            (store for store in stores if store.config["toy"] == toy),
            key=lambda store: store.config["mixtures"],
        )
        for toy in TOYS
    }
    return [_read(toy, given, getattr(shown, toy)) for toy, given in by_toy.items()]


def _read(toy: str, stores: Sequence[Artifact], shown: int) -> Found:
    numbers = [store.config["mixtures"] for store in stores]
    for wanted in sorted({SQUARED, shown, *numbers}):
        if numbers.count(wanted) != 1:
            raise UserError(
                f"the trainings hold {numbers.count(wanted)} of toy {toy} with "
                f"{wanted} mixtures; give one of each network"
            )
    check_alike(stores, (toy,))
    networks = [_network(store) for store in stores]
    return Found(
        toy, truth(toy, stores[0].config["test_points"]), networks, stores, shown
    )


def _network(store: Artifact) -> Network:
    mixtures = store.config["mixtures"]
    seeds = len(store.config["seeds"])
    return Network(
        mixtures=mixtures,
        weights=sum(store.array(n).size for n in store.names("params")) // seeds,
        nll=store.read("test/loss") if mixtures else None,
        train_nll=store.read("train/loss") if mixtures else None,
        squared=store.read("test/squared"),
        near=store.read("test/near"),
        loss=store.read("history/loss"),
        held_out=store.read("history/held_out"),
        seconds=float(store.attributes["wall_seconds"]),
    )


def truth(toy: str, count: int) -> Truth:
    """Return what is exact of a toy on as many test points."""
    x, y = train.test_points(toy, count)
    found = exact.at(toy, x)
    return Truth(
        nll=float(exact.nll(toy, x, y, found).mean()),
        irreducible=float(found.variance.mean()),
        variance=exact.variance_of_y(toy),
        near=float(toys.near(toy, x, y).mean()),
    )


def floors(found: Found) -> list[Floor]:
    """Return what a toy's networks are held to."""
    nll, times = _FLOORS[found.toy]
    mixture, squared = found.mixture, found.squared
    least = found.truth.irreducible
    rows = (
        (f"NLL of the {mixture.name}, nats", nll, mixture.nll),
        ("squared error, over the irreducible", times, squared.squared / least),
        ("the mixture's mean, over the irreducible", times, mixture.squared / least),
        (
            "the mixture's mean, over squared error's",
            _AS_GOOD,
            mixture.squared / squared.squared,
        ),
    )
    return [
        Floor(what, most, over_seeds(np.asarray(of, np.float64)), float(of.max()))
        for what, most, of in rows
    ]
