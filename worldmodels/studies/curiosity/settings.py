"""The settings of the study. No JAX is imported here: the Snakefile reads it."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, model_validator

from worldmodels.experiment.bounds import BATCH, FACTOR, MAX_STEPS, RATE, WIDTH
from worldmodels.experiment.section import Section, group, setting
from worldmodels.experiment.values import Number, Seeds, list_of
from worldmodels.studies.curiosity.arms import ARMS, MAIN
from worldmodels.studies.study import StudySettings

WORLDS = ("vector", "pixels", "carracing")


def _different(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise ValueError("each arm must be there once")
    return names


_Arms = Annotated[list_of(Literal[tuple(ARMS)]), AfterValidator(_different)]
_PART = {"low": 0.0, "high": 1.0}


class World(Section):
    """How one world is learnt."""

    arms: _Arms = setting(tuple(MAIN), "what is learnt from, each a training a seed")
    steps: int = setting(
        3_000_000, "of all environments together", unit="steps", low=1, high=10**9
    )
    environments: int = setting(128, "that play together", **BATCH | {"low": 4})
    rollout: int = setting(
        128, "of each environment between updates", unit="steps", low=2, high=MAX_STEPS
    )
    epochs: int = setting(4, "over a rollout", unit="epochs", low=1, high=100)
    minibatches: int = setting(
        4, "of an epoch, each of some environments", low=1, high=1024
    )
    stack: int = setting(
        2, "that the policy sees at once", unit="observations", low=1, high=16
    )
    units: int = setting(128, "of the layers after the first", unit="units", **WIDTH)
    embedding: int = setting(64, "that RND's networks end in", unit="numbers", **WIDTH)
    gamma: Number = setting(0.99, "discount of extrinsic rewards", paper=0.999, **_PART)
    gamma_intrinsic: Number = setting(
        0.99, "discount of intrinsic rewards", paper=0.99, **_PART
    )
    trace: Number = setting(0.95, "lambda of the advantages", paper=0.95, **_PART)
    clip: Number = setting(0.2, "epsilon of the ratio", paper=0.1, **_PART)
    entropy: Number = setting(0.003, "weight of the entropy", paper=0.001, **FACTOR)
    learning_rate: Number = setting(
        1e-3, "of Adam at the first update", paper=1e-4, **RATE
    )
    last_rate: Number = setting(
        0.05, "of Adam at the last update, as a share of the first", paper=1.0, **_PART
    )
    gradient_clip: Number = setting(0.5, "largest norm of the gradient", **RATE)
    reward_scale: Number = setting(
        1.0, "that extrinsic rewards are multiplied by to learn from", **RATE
    )

    @model_validator(mode="after")
    def _divides(self) -> "World":
        if self.environments % self.minibatches:
            raise ValueError("environments must be a multiple of its minibatches")
        if not self.iterations:
            least = self.environments * self.rollout
            raise ValueError(
                f"steps must be {least} or more: a rollout of all its environments"
            )
        return self

    @property
    def iterations(self) -> int:
        """Rollouts of a training: as many as its steps hold."""
        return self.steps // (self.environments * self.rollout)


class Pixels(World):
    """How pictures are learnt from."""

    steps: int = setting(
        2_000_000, "of all environments together", unit="steps", low=1, high=10**9
    )
    environments: int = setting(64, "that play together", **BATCH | {"low": 4})
    network: Literal["patches", "convolutions"] = setting(
        "patches",
        "that reads pictures: patches of 48 x 48 pixels, convolutions of 84 x 84",
        paper="convolutions",
    )
    stack: int = setting(
        4, "that the policy sees at once", unit="observations", low=1, high=16
    )
    precision: Literal["float32", "mixed"] = setting(
        "float32", "of the body's matrix products"
    )


class CarRacing(World):
    """How CarRacing is learnt from pictures of 64 x 64 pixels."""

    arms: _Arms = setting((), "what is learnt from, each a training a seed")
    steps: int = setting(
        2_000_000, "of all environments together", unit="steps", low=1, high=10**9
    )
    environments: int = setting(16, "that drive together", **BATCH | {"low": 4})
    stack: int = setting(
        4, "that the policy sees at once", unit="observations", low=1, high=16
    )
    learning_rate: Number = setting(3e-4, "of Adam at the first update", **RATE)
    reward_scale: Number = setting(
        0.05, "that extrinsic rewards are multiplied by to learn from", **RATE
    )
    precision: Literal["float32", "mixed"] = setting(
        "float32", "of the body's matrix products"
    )


class Curiosity(StudySettings):
    """PPO on what the game gives, on what cannot be predicted, and on both."""

    seeds: Seeds = setting((0, 1, 2), "of the trainings of each arm", unit="seeds")
    vector: World = group(World)
    pixels: Pixels = group(Pixels)
    carracing: CarRacing = group(CarRacing)
    limit: int = setting(
        1000, "after which an episode is cut", unit="steps", low=10, high=10_000
    )
    test_levels: int = setting(
        100, "unseen, that each training is scored on", unit="levels", low=2, high=4096
    )

    @model_validator(mode="after")
    def _anything(self) -> "Curiosity":
        if not any(getattr(self, world).arms for world in WORLDS):
            raise ValueError("one of its worlds must have an arm")
        return self


def trainings(settings: Curiosity) -> list[tuple[str, str]]:
    """Return the world and the arm of each training of a seed."""
    return [(world, arm) for world in WORLDS for arm in getattr(settings, world).arms]


def of_training(values: Mapping[str, Any], world: str) -> dict[str, Any]:
    """Return those settings, of all by name, that change a training in a world."""
    kept = {name: value for name, value in values.items() if name not in WORLDS}
    own = {name: value for name, value in values[world].items() if name != "arms"}
    return kept | {world: own}
