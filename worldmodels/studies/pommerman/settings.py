"""The settings of the study. No JAX is imported here: the Snakefile reads it."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from worldmodels.experiment.bounds import BATCH, EPISODES, PASSES, RATE, WIDTH
from worldmodels.experiment.network_settings import DNC
from worldmodels.experiment.section import Section, group, setting
from worldmodels.experiment.values import Number, Seeds, list_of
from worldmodels.studies.study import StudySettings

MODELS = ("lstm", "lstm_larger", "dnc")  # the second has as many weights as the DNC
PARTS = ("learn", "test")  # of the games; their boards differ
FIGURES = ("changed.svg", "game.png")

_MAX_AHEAD = 100
_Ahead = Annotated[int, Field(ge=1, le=_MAX_AHEAD)]
_UPDATES = PASSES | {"low": 1}


class Games(Section):
    """The games that agent 0 and three others play."""

    learn: int = setting(8192, "to learn from", unit="games", **EPISODES)
    test: int = setting(256, "that no model learns from", unit="games", **EPISODES)
    steps: int = setting(
        64, "of a game at most, and of a sequence", unit="steps", low=2, high=800
    )
    policy: Literal["cautious", "uniform"] = setting(
        "cautious", "that all four agents play by"
    )


class Overfit(Section):
    """Whether a model can learn a few games by heart."""

    games: int = setting(10, "to learn by heart", unit="games", **EPISODES)
    updates: int = setting(1000, "of the weights", unit="updates", **_UPDATES)


class Pommerman(StudySettings):
    """M on integer states, with an LSTM and with a DNC."""

    seeds: Seeds = setting((0, 1, 2), "of the trainings of each model", unit="seeds")
    games: Games = group(Games)
    hidden_size: int = setting(
        256, "H of the DNC and of one LSTM", unit="units", **WIDTH
    )
    dnc: DNC = group(DNC)
    embedding: int = setting(
        256, "that the cell reads of a state and an action", unit="numbers", **WIDTH
    )
    mixtures: int = setting(
        5, "K of each integer", unit="Gaussians", **WIDTH | {"high": 64}
    )
    least_std: Number = setting(
        0.2, "floor of a Gaussian's standard deviation", unit="units", **RATE
    )
    start: Literal["nothing", "state", "counts"] = setting(
        "counts",
        "what mixtures start from: nothing; means at the value of now; or the values "
        "that most often follow it, as often as they do",
    )
    batch_size: int = setting(8, "in an update", unit="games", **BATCH)
    updates: int = setting(3000, "of the weights", unit="updates", **_UPDATES)
    warmup: int = setting(
        75,
        "in which Adam's rate rises, but at most half of all",
        unit="updates",
        **PASSES,
    )
    learning_rate: Number = setting(2e-3, "of Adam at its highest", **RATE)
    final_learning_rate: Number = setting(
        1e-4, "of Adam at the last update; a cosine leads to it", **RATE
    )
    gradient_clip: Number = setting(0.3, "largest norm of the gradient", **RATE)
    overfit: Overfit = group(Overfit)
    ahead: list_of(_Ahead) = setting(
        (1, 5, 10), "that are predicted, in a model's own dream", unit="steps"
    )

    @model_validator(mode="after")
    def _possible(self) -> "Pommerman":
        if not self.ahead or list(self.ahead) != sorted({1, *self.ahead}):
            raise ValueError("ahead must be 1 and larger numbers, rising")
        return self


def of_training(values: Mapping[str, Any], model: str) -> dict[str, Any]:
    """Return those settings, of all by name, that change a training of a model."""
    return {k: v for k, v in values.items() if k != "dnc" or model != "lstm"}
