"""The settings of the study. No JAX is imported here: the Snakefile reads it."""

from typing import Any, Literal

from pydantic import model_validator

from worldmodels.experiment.bounds import (
    BATCH,
    EPISODES,
    GENERATIONS,
    MAX_EPISODES,
    MAX_STEPS,
    RATE,
    WIDTH,
)
from worldmodels.experiment.section import Section, group, setting
from worldmodels.experiment.values import Number
from worldmodels.runtime.randomness import MAX_SEED
from worldmodels.studies.study import StudySettings

# The models by name: a recurrent cell and its own settings.
SIZES: dict[str, tuple[str, dict[str, Any]]] = {
    "a": ("dnc", {"slots": 256, "word_size": 64, "read_heads": 4}),
    "b": ("dnc", {"slots": 16, "word_size": 16, "read_heads": 4}),
    "lstm": ("lstm", {}),
}
UNTRAINED = "-untrained"  # at the end of a model's name: with its first weights
CONTROLS = ("input", "random")  # probed as models are: the pixels; noise


class Learning(Section):
    """How the models learn to predict the next picture."""

    rollouts: int = setting(
        300, "an epoch; each sprite is random", unit="rollouts", **EPISODES
    )
    rollouts_a: int = setting(
        150, "an epoch of model a, whose steps cost several times as much",
        unit="rollouts", **EPISODES,
    )  # fmt: skip
    shortest: int = setting(
        100, "of a rollout, the least", unit="steps", low=1, high=MAX_STEPS
    )
    longest: int = setting(
        100, "of a rollout, the most", unit="steps", low=1, high=MAX_STEPS
    )
    epochs: int = setting(5, "each of new rollouts", unit="epochs", **GENERATIONS)
    batch_size: int = setting(16, "side by side", unit="rollouts", **BATCH)
    window: int = setting(
        10,
        "that gradients go back; the state goes on",
        unit="steps",
        low=1,
        high=MAX_STEPS,
    )
    learning_rate: Number = setting(3e-3, "of Adam", **RATE)
    gradient_clip: Number = setting(50.0, "of the gradient's norm", **RATE)

    @model_validator(mode="after")
    def _in_order(self) -> "Learning":
        if self.shortest > self.longest:
            raise ValueError("its shortest must not be longer than its longest")
        return self


class Probes(Section):
    """How factors are read from what a model holds."""

    rollouts: int = setting(
        300, "that probes learn from", unit="rollouts", low=5, high=MAX_EPISODES
    )
    held_out: int = setting(
        100, "that they are scored on", unit="rollouts", low=2, high=MAX_EPISODES
    )
    steps: int = setting(
        100, "of each of these rollouts", unit="steps", low=12, high=MAX_STEPS
    )
    shard: int = setting(
        50, "in memory at once", unit="rollouts", low=1, high=MAX_EPISODES
    )
    epochs: int = setting(
        10, "of Adam's probe over its steps", unit="epochs", **GENERATIONS
    )
    batch_size: int = setting(
        256, "in an update of Adam's probe", unit="steps", **BATCH
    )
    learning_rate: Number = setting(1e-3, "of Adam's probe", **RATE)


class Information(Section):
    """How mutual information of slots and position is estimated."""

    sequences: int = setting(
        5, "in which x alone changes", unit="sequences", **EPISODES
    )
    shortest: int = setting(
        1000, "of a sequence, the least", unit="steps", low=64, high=MAX_STEPS
    )
    longest: int = setting(
        1000, "of a sequence, the most", unit="steps", low=64, high=MAX_STEPS
    )
    bins: int = setting(8, "of equal content, of either number", low=2, high=32)
    permutations: int = setting(200, "that make the null", low=19, high=MAX_STEPS)

    @model_validator(mode="after")
    def _in_order(self) -> "Information":
        if self.shortest > self.longest:
            raise ValueError("its shortest must not be longer than its longest")
        return self


class Settings(StudySettings):
    """Of the whole study."""

    seed: int = setting(0, "of every random choice", low=0, high=MAX_SEED)
    models: Literal["b", "lstm b", "lstm b a", "b a"] = setting(
        "lstm b a", "that learn: b and a are DNCs of 16 and of 256 slots"
    )
    hidden_size: int = setting(256, "of the recurrent layer", unit="units", **WIDTH)
    pictures: str = setting(
        "", "path of the user's own dSprites archive (npz); empty: drawn here"
    )
    learning: Learning = group(Learning)
    probes: Probes = group(Probes)
    information: Information = group(Information)


def learning_of(model: str, settings: Settings) -> Learning:
    """Return how a model learns: a has its own number of rollouts."""
    sizes = settings.learning
    return sizes.changed(rollouts=sizes.rollouts_a) if model == "a" else sizes


def trained(settings: Settings) -> list[str]:
    """Return the names of the models that learn."""
    return settings.models.split()


def probed(settings: Settings) -> list[str]:
    """Return what factors are read from: controls, and models before and after."""
    names = trained(settings)
    return [*CONTROLS, *(name + UNTRAINED for name in names), *names]


def with_memory(settings: Settings) -> list[str]:
    """Return the models that have slots, trained and untrained."""
    names = [name for name in trained(settings) if SIZES[name][0] == "dnc"]
    return [*(name + UNTRAINED for name in names), *names]
