"""What the trainings of the study found, by task and model: plain arrays."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from worldmodels.runtime.errors import UserError
from worldmodels.scores.statistics import MeanOfSeeds, over_seeds
from worldmodels.stores.artifact import Artifact
from worldmodels.stores.lineage import check_alike
from worldmodels.studies.dnc_tasks.settings import MODELS, TASKS

NAMES = {
    "dnc": "DNC",
    "lstm": "LSTM, same H",
    "lstm_larger": "LSTM, as many weights",
}
MEASURES = ("wrong", "squared")
_OF_TASK = (  # of all models that are compared on it
    "batch_size", "learning_rate", "final_learning_rate", "gradient_clip", "loss",
    "shortest", "longest", "updates", "times", "test_sequences", "dtype",
)  # fmt: skip
_OF_MODEL = ("hidden_size", "options", "test_slots")


@dataclass(frozen=True)
class Found:
    """What the trainings of a model on a task found, tested with one N.

    Attributes:
        slots: N at the test; 0: the model has none.
        lengths: [L] that were tested.
        wrong: [S, L] share of bits or sums that are wrong, of each seed.
        squared: [S, L] mean squared error at the answer.
        multiples: of the longest trained length that are reported.
        minutes: that a training took with its tests, the mean over seeds.
    """

    task: str
    model: str
    seeds: tuple[int, ...]
    hidden_size: int
    parameters: int
    trained_slots: int
    slots: int
    shortest: int
    longest: int
    updates: int
    lengths: np.ndarray
    wrong: np.ndarray
    squared: np.ndarray
    multiples: tuple[int, ...]
    minutes: float

    @property
    def name(self) -> str:
        """The model in words, with the N of its test where it has slots."""
        name = NAMES[self.model]
        return f"{name}, N {self.slots}" if self.slots else name

    @property
    def trained(self) -> np.ndarray:
        """Whether a tested length is one of those that were learnt, bool [L]."""
        return self.lengths <= self.longest

    def at(self, measure: str, length: int) -> MeanOfSeeds:
        """Return a measure at one tested length, over the seeds."""
        return over_seeds(getattr(self, measure)[:, self.lengths == length][:, 0])

    def over_trained(self, measure: str) -> MeanOfSeeds:
        """Return a measure over all trained lengths, each counted alike."""
        return over_seeds(getattr(self, measure)[:, self.trained].mean(axis=1))


def read(stores: Sequence[Artifact]) -> list[Found]:
    """Return what trainings found, by task and model in the order of the settings.

    Raises:
        UserError: for trainings of one model that differ by more than their seeds, two
            with one seed, or models that learnt a task otherwise or with other seeds.
    """

    def place(store: Artifact) -> tuple[int, int, int]:
        config = store.config
        order = TASKS.index(config["task"]), MODELS.index(config["model"])
        return *order, config["seed"]

    ordered = sorted(stores, key=place)
    for _, given in groupby(ordered, key=lambda store: place(store)[0]):
        _check_task(list(given))
    groups = groupby(ordered, key=lambda store: place(store)[:2])
    found = [one for _, given in groups for one in _read(list(given))]
    _check_seeds(found)
    return found


def _check_task(stores: Sequence[Artifact]) -> None:
    """Refuse models that did not learn the same task in the same way."""
    check_alike(stores, _OF_TASK)
    same_size = [s for s in stores if s.config["model"] != "lstm_larger"]
    check_alike(same_size, ("hidden_size",))


def _check_seeds(found: Sequence[Found]) -> None:
    """Refuse models of other seeds, whose means would be of other trainings."""
    for one in found[1:]:
        if one.seeds != found[0].seeds:
            raise UserError(
                f"{found[0].task} has the seeds {list(found[0].seeds)} of "
                f"{found[0].model} and {one.task} {list(one.seeds)} of {one.model}; "
                "give trainings of the same seeds of each"
            )


def _read(stores: Sequence[Artifact]) -> list[Found]:
    """Return what the trainings of one model on one task found, for each tested N."""
    check_alike(stores, _OF_MODEL)
    first, seeds = stores[0], [store.config["seed"] for store in stores]
    if len(set(seeds)) < len(seeds):
        raise UserError(
            f"{first.path} and another store are of the same task, model and seed; "
            "give each training once"
        )
    wrong, squared = (
        np.stack([store.read(f"test/{name}").mean(axis=-1) for store in stores])
        for name in MEASURES
    )
    config = first.config
    return [
        Found(
            task=config["task"],
            model=config["model"],
            seeds=tuple(seeds),
            hidden_size=config["hidden_size"],
            parameters=sum(first.array(n).size for n in first.names("params")),
            trained_slots=config["options"].get("slots", 0),
            slots=int(slots),
            shortest=config["shortest"],
            longest=config["longest"][-1],
            updates=config["updates"],
            lengths=first.read("test/length"),
            wrong=wrong[:, number].astype(np.float64),
            squared=squared[:, number].astype(np.float64),
            multiples=tuple(config["times"]),
            minutes=float(np.mean([s.attributes["wall_seconds"] for s in stores]) / 60),
        )
        for number, slots in enumerate(first.read("test/slots"))
    ]


def guessed(task: str, lengths: np.ndarray) -> dict[str, np.ndarray]:
    """Return the errors [L] of the best answer that knows the length alone, exactly.

    Half of the bits are wrong, each with a squared error of 1 / 4. A digit from 0 to 4
    has variance 2, and the mean of the sum, 2 l, is its likeliest value.
    """
    if task != "addition":
        return {
            "wrong": np.full(len(lengths), 0.5),
            "squared": np.full(len(lengths), 0.25),
        }
    likeliest = [_sums(length).max() for length in lengths]
    return {"wrong": 1 - np.array(likeliest), "squared": 2.0 * lengths}


def _sums(length: int) -> np.ndarray:
    """Return the probabilities of the sums of so many digits."""
    found = np.ones(1)
    for _ in range(length):
        found = np.convolve(found, np.full(5, 0.2))
    return found
