"""The settings of the study. No JAX is imported here: the Snakefile reads it."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from worldmodels.experiment.bounds import BATCH, MAX_WIDTH, PASSES, RATE, WIDTH
from worldmodels.experiment.network_settings import DNC
from worldmodels.experiment.section import Section, group, setting
from worldmodels.experiment.values import Number, Seeds, list_of
from worldmodels.studies.study import StudySettings

TASKS = ("repeat", "addition", "sort")
MODELS = ("dnc", "lstm", "lstm_larger")  # the last has as many parameters as the DNC

_MOST_ROWS = 1000
_Longest = Annotated[int, Field(ge=1, le=_MOST_ROWS)]
_Times = Annotated[int, Field(ge=1, le=100)]
_Slots = Annotated[int, Field(ge=1, le=MAX_WIDTH)]


def _longest(*lengths: int) -> Any:
    return setting(
        lengths,
        "longest lengths that are drawn, one after another, each in an equal share of "
        "the updates; they rise",
        unit="rows",
    )


def _updates(count: int) -> Any:
    return setting(count, "of the weights", unit="updates", **PASSES | {"low": 1})


class Curriculum(Section):
    """What is learnt of one task."""

    shortest: int = setting(1, "length that is drawn", unit="rows", low=1, high=100)
    longest: list_of(_Longest) = _longest(6)
    updates: int = _updates(4000)

    @model_validator(mode="after")
    def _rising(self) -> "Curriculum":
        lengths = [self.shortest, *self.longest]
        if lengths != sorted(lengths) or not self.longest:
            raise ValueError("its longest lengths must rise, none below its shortest")
        return self


class Addition(Curriculum):
    """What is learnt of addition."""

    shortest: int = setting(2, "length that is drawn", unit="rows", low=1, high=100)
    longest: list_of(_Longest) = _longest(12)
    updates: int = _updates(3000)


class Sort(Curriculum):
    """What is learnt of sorting."""

    longest: list_of(_Longest) = _longest(5)
    updates: int = _updates(15_000)


class Slots(DNC):
    """The memory of the study's DNC."""

    read_heads: int = setting(2, "that read it", unit="heads", **WIDTH)


class DNCTasks(StudySettings):
    """Three tasks, learnt by a DNC and by LSTMs."""

    seeds: Seeds = setting(
        (0, 1, 2), "of the trainings of each model on each task", unit="seeds"
    )
    hidden_size: int = setting(
        64, "H of the DNC and of one LSTM", unit="units", **WIDTH
    )
    dnc: Slots = group(Slots)
    batch_size: int = setting(32, "in an update", unit="sequences", **BATCH)
    learning_rate: Number = setting(3e-3, "of Adam at the first update", **RATE)
    final_learning_rate: Number = setting(
        1e-4, "of Adam at the last update; a cosine leads to it", **RATE
    )
    gradient_clip: Number = setting(10.0, "largest norm of the gradient", **RATE)
    loss: Literal["answer", "all_steps"] = setting(
        "answer",
        "what is minimised: at the answer the cross-entropy of bits and the squared "
        "error of sums, or the squared error over all steps",
    )
    repeat: Curriculum = group(Curriculum)
    addition: Addition = group(Addition)
    sort: Sort = group(Sort)
    times: list_of(_Times) = setting(
        (1, 2, 5, 10), "the longest trained length that are tested, too"
    )
    test_slots: list_of(_Slots) = setting(
        (128,), "N that a DNC is tested with besides that of its training", unit="slots"
    )
    test_sequences: int = setting(256, "of each length", unit="sequences", **BATCH)


def of_training(values: Mapping[str, Any], task: str, model: str) -> dict[str, Any]:
    """Return those settings, of all by name, that change a training of a model."""
    idle = {name for name in TASKS if name != task}
    if model != "dnc":
        idle |= {"test_slots"}
    if model == "lstm":
        idle |= {"dnc"}
    return {name: value for name, value in values.items() if name not in idle}
