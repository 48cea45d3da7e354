"""What the trainings of the study reached, by model: plain numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from worldmodels.runtime.errors import UserError
from worldmodels.scores.statistics import MeanOfSeeds, over_seeds
from worldmodels.stores.artifact import Artifact
from worldmodels.stores.lineage import check_alike, check_distinct, had_input
from worldmodels.studies.conditional_gan import scored
from worldmodels.studies.conditional_gan.data_settings import Data
from worldmodels.studies.conditional_gan.scored import Scored
from worldmodels.studies.conditional_gan.settings import MODELS

# Of the study's own faces at 32 x 32: what a training of `main` must reach in 20
# minutes on two cores, and what it aims at.
FACES = {
    "Male": (0.95, 0.95),
    "Smiling": (0.85, 0.95),
    "Black_Hair": (0.99, 0.95),
    "Blond_Hair": (0.99, 0.95),
    "Mustache": (0.90, 0.95),
}
_ALL, _FRECHET, _DIVERSITY, _JUDGE = (0.78, 0.90), (35.0, 15.0), (0.9, 0.9), 0.93


@dataclass(frozen=True)
class Found:
    """What the trainings of one model reached, S of them.

    Attributes:
        labels: "projection" or "concat".
        stores: of its trainings, by seed.
        scores: of each.
        sigma: the lowest estimate of a layer's norm over the norm itself, in the end.
        minutes: that a training took, the mean over seeds.
    """

    model: str
    labels: str
    loss: str
    spectral: bool
    seeds: tuple[int, ...]
    stores: tuple[Artifact, ...]
    scores: tuple[Scored, ...]
    names: tuple[str, ...]
    updates: int
    batch_size: int
    parameters: dict[str, int]
    sigma: float
    minutes: float

    @property
    def name(self) -> str:
        """The model in words."""
        parts = [self.labels, self.loss.replace("_", "-")]
        return ", ".join(parts if self.spectral else [*parts, "not normalised"])

    def over(self, values: Sequence[float]) -> MeanOfSeeds:
        """Return the mean over the seeds of a number of each."""
        return over_seeds(np.array(values, np.float64))

    def each(self, which: str) -> list[MeanOfSeeds]:
        """Return `gan_test` or `gan_train`, by label and of all at once."""
        told = [getattr(one, which) for one in self.scores]
        labels = np.array([one.each for one in told]).T
        return [*map(self.over, labels), self.over([one.all for one in told])]

    def beside(self, name: str, part: str = "drawn") -> MeanOfSeeds:
        """Return `frechet`, `features` or `pixels`: drawn, real or their ratio."""
        return self.over([getattr(getattr(one, name), part) for one in self.scores])

    @property
    def sliced(self) -> MeanOfSeeds:
        """The sliced Wasserstein distance, the mean over levels."""
        return self.over([one.sliced.drawn.mean() for one in self.scores])

    @property
    def sliced_real(self) -> MeanOfSeeds:
        """The same of real pictures that were held out."""
        return self.over([one.sliced.held_out.mean() for one in self.scores])


@dataclass(frozen=True)
class Judged:
    """How often the judge tells the labels of real held-out pictures."""

    each: np.ndarray
    all: float


@dataclass(frozen=True)
class Bar:
    """A measure beside what must be reached and what is aimed at."""

    name: str
    value: float
    floor: float
    aim: float | None
    most: bool = False  # the value must not be higher

    def reached(self, bar: float) -> bool:
        """Return whether the value is as good as a bar."""
        return self.value <= bar if self.most else self.value >= bar


def read(trainings: Sequence[Artifact], scores: Sequence[Artifact]) -> list[Found]:
    """Return what the trainings reached, in the order of the settings' models.

    Raises:
        UserError: for a training without its score, scores of other trainings or of
            other settings, models of other pictures or seeds, or trainings of one model
            that differ by more than their seeds.
    """
    check_distinct(trainings)
    check_alike(trainings, ("names", "height", "width"))
    check_alike(scores, ("seed", "judge"))
    pairs = [(store, _score_of(store, scores)) for store in trainings]
    if len(scores) > len(trainings):
        raise UserError(
            f"{len(scores)} scores are given of {len(trainings)} trainings; give the "
            "score of each, once"
        )

    def place(pair: tuple[Artifact, Artifact]) -> tuple[int, int]:
        config = pair[0].config
        return MODELS.index(config["model"]), config["seed"]

    groups = groupby(sorted(pairs, key=place), key=lambda pair: place(pair)[0])
    found = [_read(list(given)) for _, given in groups]
    for one in found[1:]:
        if one.seeds != found[0].seeds:
            raise UserError(
                f"{found[0].model} has the seeds {list(found[0].seeds)} and "
                f"{one.model} {list(one.seeds)}; give trainings of the same seeds"
            )
    return found


def _score_of(training: Artifact, scores: Sequence[Artifact]) -> Artifact:
    for score in scores:
        if had_input(score, "training", training):
            return score
    raise UserError(
        f"no score of {training.path} is given; run the step score with it first"
    )


def _read(pairs: Sequence[tuple[Artifact, Artifact]]) -> Found:
    stores = tuple(store for store, _ in pairs)
    check_alike(stores, ("network", "learning"))
    config = stores[0].config
    parameters = {
        name: sum(stores[0].array(n).size for n in stores[0].names(f"params/{name}"))
        for name in ("generator", "discriminator")
    }
    return Found(
        model=config["model"],
        labels=config["network"]["labels"],
        loss=config["learning"]["loss"],
        spectral=config["network"]["spectral"],
        seeds=tuple(store.config["seed"] for store in stores),
        stores=stores,
        scores=tuple(scored.read(score) for _, score in pairs),
        names=tuple(config["names"]),
        updates=config["learning"]["updates"],
        batch_size=config["learning"]["batch_size"],
        parameters=parameters,
        sigma=min(min(ratios(store).values()) for store in stores),
        minutes=float(np.mean([s.attributes["wall_seconds"] for s in stores]) / 60),
    )


def ratios(store: Artifact) -> dict[str, float]:
    """Return each layer's estimated norm over the norm itself, after the training."""
    layers = [name.removeprefix("norm/") for name in store.names("norm")]
    return {
        name: float(store.read(f"estimate/{name}") / store.read(f"norm/{name}"))
        for name in layers
    }


def judged(store: Artifact) -> Judged:
    """Return what a store of the step judge holds."""
    return Judged(store.read("held_out/accuracy"), float(store.read("held_out/all")))


def has_bars(data: Data, found: Found) -> bool:
    """Return whether the floors are of these pictures: the study's own faces."""
    return (
        not data.folder
        and tuple(data.size) == (32, 32)
        and set(found.names) == set(FACES)
    )


def bars(found: Found, judge: Judged) -> list[Bar]:
    """Return the measures of a model of the study's own faces, beside their bars."""
    *each, every = (value.mean for value in found.each("gan_test"))
    of_labels = dict(zip(found.names, each, strict=True))
    return [
        *(Bar(name, of_labels[name], *FACES[name]) for name in FACES),
        Bar("all labels at once", every, *_ALL),
        Bar("Frechet distance", found.beside("frechet").mean, *_FRECHET, most=True),
        Bar("diversity, features", found.beside("features", "ratio").mean, *_DIVERSITY),
        Bar("diversity, pixels", found.beside("pixels", "ratio").mean, *_DIVERSITY),
        Bar("the judge on real ones, all", judge.all, _JUDGE, None),
    ]
