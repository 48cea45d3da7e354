"""The settings of the study. No JAX is imported here: the Snakefile reads it."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, model_validator

from worldmodels.experiment.bounds import BATCH, MAX_WIDTH, PASSES, RATE
from worldmodels.experiment.section import Section, group, setting
from worldmodels.experiment.values import Number, Seeds, list_of
from worldmodels.studies.study import StudySettings

TOYS = ("a", "b")
SQUARED = 0  # the number of mixtures of the network that learns by squared error
MAX_MIXTURES = 256
FIGURES = (
    "data", "mean", "draws", "density", "learning", "mixtures", "components",
)  # fmt: skip

_MAX_POINTS = 1_000_000
_Units = Annotated[int, Field(ge=1, le=MAX_WIDTH)]
_Mixtures = Annotated[int, Field(ge=1, le=MAX_MIXTURES)]


class Toy(Section):
    """What is learnt of one toy."""

    points: int = setting(500, "to learn from", unit="points", low=2, high=_MAX_POINTS)
    batch_size: int = setting(100, "in an update", unit="points", **BATCH)
    updates: int = setting(
        2000, "of the weights", unit="updates", **PASSES | {"low": 1}
    )


class ToyB(Toy):
    """What is learnt of toy b."""

    points: int = setting(2500, "to learn from", unit="points", low=2, high=_MAX_POINTS)
    batch_size: int = setting(250, "in an update", unit="points", **BATCH)
    updates: int = setting(
        2500, "of the weights", unit="updates", **PASSES | {"low": 1}
    )


class Shown(Section):
    """The mixture that is drawn, and held to the floors, of each toy."""

    a: _Mixtures = setting(5, "K of toy a", unit="mixtures")
    b: _Mixtures = setting(20, "K of toy b", unit="mixtures")


class MixtureDensity(StudySettings):
    """Networks that learn p(y | x), or the mean of y, where several y are right."""

    seeds: Seeds = setting(
        (0, 1, 2, 3, 4), "of the trainings, which stand side by side", unit="seeds"
    )
    mixtures: list_of(_Mixtures) = setting(
        (1, 3, 5, 10, 20), "K of the networks beside that of squared error"
    )
    widths: list_of(_Units) = setting((64, 64), "units of each hidden layer")
    learning_rate: Number = setting(
        5e-3, "of Adam at the first update; a cosine leads to 0", **RATE
    )
    gradient_clip: Number = setting(
        0.3, "largest entry of the gradient; larger ones are cut", **RATE
    )
    a: Toy = group(Toy)
    b: ToyB = group(ToyB)
    test_points: int = setting(
        20_000, "that no network learns from", unit="points", low=2, high=_MAX_POINTS
    )
    shown: Shown = group(Shown)

    @model_validator(mode="after")
    def _known(self) -> "MixtureDensity":
        if len(set(self.mixtures)) < len(self.mixtures):
            raise ValueError("each number in mixtures must be there once")
        for toy, mixtures in self.shown:
            if mixtures not in self.mixtures:
                raise ValueError(f"shown.{toy} must be one of its mixtures")
        return self


def name_of(mixtures: int) -> str:
    """Return a network in words."""
    return f"mixture of {mixtures}" if mixtures else "squared error"


def of_training(values: Mapping[str, Any], toy: str) -> dict[str, Any]:
    """Return those settings, of all by name, that change a training on a toy."""
    return {k: v for k, v in values.items() if k == toy or k not in TOYS}
