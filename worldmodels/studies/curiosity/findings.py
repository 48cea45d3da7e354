"""What the trainings found, by world and arm: plain arrays."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from worldmodels.runtime.errors import UserError
from worldmodels.scores.statistics import MeanOfSeeds, over_seeds
from worldmodels.stores.artifact import Artifact
from worldmodels.stores.lineage import check_alike
from worldmodels.studies.curiosity.arms import ARMS
from worldmodels.studies.curiosity.settings import WORLDS

METRONOME, PILOT = 11.8, 36.0  # returns of two policies, over 256 levels
PAST = 5.0  # return that no player reaches who stops going up: 4 ups earn 4.4
OPTIMUM_LENGTH, OPTIMUM_TAIL = (25.0, 45.0), 8.0  # steps, in the local optimum
_SUMS = ("return", "length", "early", "late")  # of episodes, in a history
_OF_WORLD = (
    "steps", "environments", "rollout", "epochs", "minibatches", "stack", "limit",
    "test_levels", "dtype",
)  # fmt: skip


@dataclass(frozen=True)
class Found:
    """What the trainings of an arm in a world found.

    Attributes:
        returns: [S, N] of the test's levels, actions drawn.
        likeliest: [S, N] of the same, each action the likeliest.
        length: [S, N] steps, and `tail` those since the last up; actions drawn.
        died: [S, N] bool.
        early: [S, N] share of ups among the first five steps.
        steps: [I] of the environments, at the end of each iteration.
        history: [S, I] by name; of episodes that ended, their means.
        minutes: that a training took with its test, the mean over seeds.
    """

    world: str
    arm: str
    seeds: tuple[int, ...]
    returns: np.ndarray
    likeliest: np.ndarray
    length: np.ndarray
    tail: np.ndarray
    died: np.ndarray
    early: np.ndarray
    steps: np.ndarray
    history: dict[str, np.ndarray]
    parameters: int
    minutes: float

    @property
    def title(self) -> str:
        """The arm in words."""
        return ARMS[self.arm].title

    @property
    def score(self) -> MeanOfSeeds:
        """The mean return, actions drawn."""
        return over_seeds(self.returns.mean(axis=1))

    @property
    def tail_of_dead(self) -> MeanOfSeeds:
        """Steps without an up before a death, the mean of each seed's deaths."""
        return over_seeds(_mean_where(self.tail, self.died))

    @property
    def passed(self) -> np.ndarray:
        """Steps [S] until the episodes of an iteration earn `PAST`; NaN: never."""
        above = self.history["return"] > PAST
        first = above.argmax(axis=1)
        return np.where(above.any(axis=1), self.steps[first], np.nan)

    @property
    def stuck(self) -> np.ndarray:
        """Share [S] of iterations whose episodes are as in the local optimum."""
        low, high = OPTIMUM_LENGTH
        length, tail = self.history["length"], self.history["tail"]
        there = (length >= low) & (length <= high) & (tail >= OPTIMUM_TAIL)
        return there.mean(axis=1)

    @property
    def ends_stuck(self) -> np.ndarray:
        """Whether the test's episodes are as in the local optimum, bool [S]."""
        low, high = OPTIMUM_LENGTH
        length = self.length.mean(axis=1)
        tail = _mean_where(self.tail, self.died)
        return (length >= low) & (length <= high) & (tail >= OPTIMUM_TAIL)


def read(stores: Sequence[Artifact]) -> list[Found]:
    """Return what trainings found, by world and arm in the order of the settings.

    Raises:
        UserError: for trainings of one arm that differ by more than their seeds, two
            with one seed, or arms of a world that learnt otherwise.
    """

    def place(store: Artifact) -> tuple[int, int, int]:
        config = store.config
        world, arm = WORLDS.index(config["world"]), [*ARMS].index(config["arm"])
        return world, arm, config["seed"]

    ordered = sorted(stores, key=place)
    for _, given in groupby(ordered, key=lambda store: place(store)[0]):
        check_alike(list(given), _OF_WORLD)
    groups = groupby(ordered, key=lambda store: place(store)[:2])
    return [_read(list(given)) for _, given in groups]


def _read(stores: list[Artifact]) -> Found:
    """Return what the trainings of one arm in one world found."""
    first, config = stores[0], stores[0].config
    check_alike(stores, [name for name in config if name != "seed"])
    seeds = tuple(store.config["seed"] for store in stores)
    if len(set(seeds)) < len(seeds):
        raise UserError(
            f"{first.path} and another store are of the same world, arm and seed; give "
            "each training once"
        )

    def tests(name: str) -> np.ndarray:
        return np.stack([s.read(f"test/{name}").astype(np.float64) for s in stores])

    length = tests("drawn/length")
    history = _history(stores)
    each = config["environments"] * config["rollout"]
    return Found(
        world=config["world"],
        arm=config["arm"],
        seeds=seeds,
        returns=tests("drawn/won"),
        likeliest=tests("likeliest/won"),
        length=length,
        tail=tests("drawn/tail"),
        died=tests("drawn/died") > 0,
        early=tests("drawn/early") / np.minimum(length, 5),
        steps=each * np.arange(1, history["return"].shape[1] + 1),
        history=history,
        parameters=sum(first.array(n).size for n in first.names("params/agent")),
        minutes=float(np.mean([s.attributes["wall_seconds"] for s in stores]) / 60),
    )


def _history(stores: Sequence[Artifact]) -> dict[str, np.ndarray]:
    """Return the history [S, I] of trainings; means of episodes, NaN of none."""

    def read(name: str) -> np.ndarray:
        found = [s.read(f"history/{name}").astype(np.float64) for s in stores]
        return np.stack(found)

    episodes, deaths = read("episodes"), read("deaths")
    with np.errstate(invalid="ignore", divide="ignore"):
        found = {name: read(name) / episodes for name in _SUMS}
        found["tail"] = read("tail") / deaths
    return found | {name: read(name) for name in ("bonus", "entropy")}


def _mean_where(values: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Return the mean [S] of those values [S, N] that count; of none NaN."""
    counts = where.sum(axis=1)
    totals = np.where(where, values, 0).sum(axis=1)
    return np.where(counts > 0, totals / np.maximum(counts, 1), np.nan)
