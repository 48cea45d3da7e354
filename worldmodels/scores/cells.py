"""How M's recurrent cells compare, from trainings that share all but M and C.

A cell's training with a seed learnt from the very episodes that the other cells' with
that seed learnt from, and was scored on the same held-out ones and the same tests. So
differences are taken seed by seed, and a training counts as one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from worldmodels.environments.games import Game
from worldmodels.experiment.cells import AS_LARGE, CELLS, DNC, LSTM
from worldmodels.runtime.errors import UserError
from worldmodels.scores import differences
from worldmodels.scores.differences import Difference
from worldmodels.scores.statistics import MeanOfSeeds, Summary, over_seeds, summarise
from worldmodels.stores import networks
from worldmodels.stores.artifact import Artifact
from worldmodels.stores.lineage import check_input, check_search, check_tracks

PAIRS = ((DNC, LSTM), (DNC, AS_LARGE), (AS_LARGE, LSTM))  # what is less what
KINDS = ("memory", "controller", "evaluation", "forecast")
_ONE = ("memory", "evaluation", "forecast")  # store of a training
LEARNING = ("memory", "controller", "evaluation")  # stages whose minutes count
_DEATH = "held_out/death"


@dataclass(frozen=True)
class CellScores:
    """What S trainings of one cell scored, one a seed.

    Attributes:
        units, parameters: of M's cell, and of all of M.
        learning: [S, U], M's NLL of each update's minibatch. U: updates of the training
            that made the fewest; a seed whose episodes are longer makes more.
        nll: [S], of the next step of held-out episodes, nats a latent dimension.
        ahead: [S, H], the same so many open-loop steps on.
        death: [S], cross-entropy of death in nats a step; None: M has no such head.
        dreamt: [S, N], returns in the dream; None: C learnt in the game.
        played: [S, N], returns in the game.
        minutes: [S] of each stage.
    """

    cell: str
    units: int
    parameters: int
    learning: np.ndarray
    nll: np.ndarray
    ahead: np.ndarray
    death: np.ndarray | None
    dreamt: np.ndarray | None
    played: np.ndarray
    minutes: Mapping[str, np.ndarray]

    @property
    def title(self) -> str:
        """The name that a reader knows it by."""
        return CELLS[self.cell]


class Measure(NamedTuple):
    """One number of every training, to be compared between the cells."""

    key: str
    name: str
    digits: int
    values: Mapping[str, np.ndarray]  # [S] by cell
    tests: Mapping[str, np.ndarray] | None = (
        None  # [S, N] by cell, whose means they are
    )


class Gap(NamedTuple):
    """The mean difference of two cells; of one seed without tests: no interval."""

    mean: float
    interval: tuple[float, float] | None
    found: Difference | None


@dataclass(frozen=True)
class CellComparison:
    """All cells on the same seeds, held-out episodes and tests.

    Attributes:
        horizons: open-loop steps, H of them.
        held_out: episodes and steps of them, in the mean over the seeds.
        death_base: cross-entropy of always stating the share of deaths; None: no head.
        random: the random policy's returns in the game.
    """

    game: Game
    seeds: list[int]
    horizons: list[int]
    held_out: tuple[float, float]
    death_base: float | None
    random: Summary
    cells: Mapping[str, CellScores]

    @property
    def tests(self) -> int:
        """How many tests each training had."""
        return self.cells[LSTM].played.shape[1]

    @cached_property
    def measures(self) -> list[Measure]:
        """All that is compared, in the order in which it is shown."""
        found = [self._of("nll", "NLL, next step", 3, lambda cell: cell.nll)]
        for place, steps in enumerate(self.horizons):
            words = f"NLL, {steps} step{'s' * (steps > 1)} on, open loop"
            found.append(
                self._of(f"nll_{steps}", words, 3, lambda c, at=place: c.ahead[:, at])
            )
        if self.death_base is not None:
            found.append(self._of("death", "death loss", 4, lambda cell: cell.death))
        return [*found, *self._scores()]

    def _of(self, key: str, name: str, digits: int, read) -> Measure:
        values = {name: read(cell) for name, cell in self.cells.items()}
        return Measure(key, name, digits, values)

    def _scores(self) -> Iterator[Measure]:
        """Yield the scores in the dream, where C learnt there, and in the game."""
        for key, name in (("dreamt", "its own dream"), ("played", self.game.home)):
            tests = {cell: getattr(s, key) for cell, s in self.cells.items()}
            if tests[LSTM] is not None:
                means = {cell: r.mean(axis=1) for cell, r in tests.items()}
                yield Measure(key, f"{self.game.score} in {name}", 1, means, tests)

    def measure(self, key: str) -> Measure:
        """Return a measure by its key."""
        return next(measure for measure in self.measures if measure.key == key)


def mean(measure: Measure, cell: str) -> MeanOfSeeds:
    """Return a cell's mean over the seeds; of one seed, its interval over the tests."""
    values = measure.values[cell]
    if len(values) > 1 or measure.tests is None:
        return over_seeds(values)
    found = summarise(measure.tests[cell][0])
    return MeanOfSeeds(found.mean, (found.low, found.high))


def gap(measure: Measure, cell: str, other: str) -> Gap:
    """Return a cell's values less another's, seed by seed; of one seed, test by test.

    Values that are not finite, as of a horizon that no episode reaches, have none.
    """
    values, base = measure.values[cell], measure.values[other]
    if not np.isfinite([values, base]).all():
        return Gap(np.nan, None, None)
    if len(values) > 1:
        found = differences.by_seed(base, values)
    elif measure.tests is not None:
        found = differences.by_track(measure.tests[other][0], measure.tests[cell][0])
    else:
        return Gap(float(values[0] - base[0]), None, None)
    return Gap(found.mean, found.interval, found)


# From the stores


def read(given: Mapping[str, Sequence[Artifact]]) -> CellComparison:
    """Return the comparison of cells from the stores of all their trainings, by cell.

    Raises:
        UserError: for a cell or store that is missing or not known, or trainings that
            do not share what they must.
    """
    if given.keys() != CELLS.keys():
        raise UserError(
            f"the cells given are {', '.join(given) or 'none'}; give each of "
            f"{', '.join(CELLS)} once, with the stores of all its seeds"
        )
    trainings = {cell: _by_seed(cell, stores) for cell, stores in given.items()}
    _check(trainings)
    first = next(iter(trainings[LSTM].values()))
    forecasts = [made["forecast"][0] for made in trainings[LSTM].values()]
    held_out = [_held_out(store) for store in forecasts]
    evaluation = first["evaluation"][0]
    bases = [s.read(f"{_DEATH}/base") for s in forecasts if s.names(_DEATH)]
    return CellComparison(
        game=networks.known_game(evaluation),
        seeds=list(trainings[LSTM]),
        horizons=forecasts[0].read("held_out/horizon").tolist(),
        held_out=tuple(np.mean(held_out, axis=0).tolist()),
        death_base=float(np.mean(bases)) if bases else None,
        random=summarise(evaluation.read("random/returns")),
        cells={cell: _scores(cell, [*t.values()]) for cell, t in trainings.items()},
    )


Training = Mapping[str, Sequence[Artifact]]  # by kind


def _by_seed(cell: str, stores: Sequence[Artifact]) -> dict[int, Training]:
    """Return a cell's trainings by their seeds, ascending."""
    found: dict[int, dict[str, list[Artifact]]] = {}
    for store in stores:
        if store.kind not in KINDS:
            raise UserError(
                f"{store.path} is of kind {store.kind}; of a cell are compared "
                + ", ".join(KINDS)
            )
        made = found.setdefault(store.config["seed"], {kind: [] for kind in KINDS})
        made[store.kind].append(store)
    for seed, made in found.items():
        for kind in KINDS:
            if not made[kind] or (kind in _ONE and len(made[kind]) > 1):
                raise UserError(
                    f"cell {cell} has {len(made[kind])} {kind} stores of seed {seed}; "
                    "give all that its training made in the last round"
                )
    return dict(sorted(found.items()))


def _check(trainings: Mapping[str, Mapping[int, Training]]) -> None:
    """Refuse trainings that cannot be compared."""
    first = trainings[LSTM]
    for cell, by_seed in trainings.items():
        if by_seed.keys() != first.keys():
            raise UserError(
                f"cell {cell} has the seeds {list(by_seed)} and {LSTM} has "
                f"{list(first)}; give trainings of the same seeds"
            )
        for seed, made in by_seed.items():
            _check_training(made)
            _check_shared(made, first[seed])
            check_tracks(
                made["evaluation"][0], next(iter(first.values()))["evaluation"][0]
            )


def _check_training(made: Training) -> None:
    """Refuse stores of two trainings."""
    (memory,) = made["memory"]
    check_search(made["controller"])
    for store in (*made["controller"], *made["evaluation"], *made["forecast"]):
        check_input(store, "memory", memory)
    for block in made["controller"]:
        check_input(made["evaluation"][0], "controller", block)


def _check_shared(made: Training, base: Training) -> None:
    """Refuse an M of other latents, updates or tests than another's of its seed."""
    memory, other = made["memory"][0], base["memory"][0]
    latents = [m.attributes["inputs"].get("latents") for m in (memory, other)]
    updates = [m.array("history/nll").shape[0] for m in (memory, other)]
    if latents[0] != latents[1]:
        raise UserError(
            f"{memory.path} learnt from other latents than {other.path}; give "
            "trainings of one experiment"
        )
    if updates[0] != updates[1]:
        raise UserError(
            f"{memory.path} made {updates[0]} updates and {other.path} {updates[1]}; "
            "give trainings of the same number"
        )
    scored = [m["forecast"][0].read("held_out/seed") for m in (made, base)]
    if not np.array_equal(*scored):
        raise UserError(
            f"{memory.path} held out other episodes than {other.path}; give trainings "
            "with the same memory.held_out"
        )


def _scores(cell: str, trainings: Sequence[Training]) -> CellScores:
    def each(kind: str, name: str) -> np.ndarray:
        return np.stack([t[kind][0].read(name) for t in trainings]).astype(np.float64)

    first = trainings[0]
    dreams = first["evaluation"][0].names("dream")
    deaths = first["forecast"][0].names(_DEATH)
    size = first["forecast"][0].config
    return CellScores(
        cell=cell,
        units=size["hidden_size"],
        parameters=size["parameters"],
        learning=_learning(trainings),
        nll=each("forecast", "held_out/nll"),
        ahead=each("forecast", "held_out/horizon_nll"),
        death=each("forecast", f"{_DEATH}/nll") if deaths else None,
        dreamt=each("evaluation", "dream/returns") if dreams else None,
        played=each("evaluation", "agent/returns"),
        minutes={kind: _minutes(trainings, kind) for kind in LEARNING},
    )


def _learning(trainings: Sequence[Training]) -> np.ndarray:
    """Return M's NLL [S, U] of the first updates, as many as every seed made."""
    curves = [t["memory"][0].read("history/nll") for t in trainings]
    updates = min(map(len, curves))
    return np.stack([curve[:updates] for curve in curves]).astype(np.float64)


def _held_out(forecast: Artifact) -> tuple[int, int]:
    """Return how many episodes an M was scored on, and how many steps."""
    steps = forecast.read("held_out/episode_steps")
    return len(steps), int(steps.sum())


def _minutes(trainings: Sequence[Training], kind: str) -> np.ndarray:
    """Return the minutes [S] that a stage took, of all its stores."""
    seconds = [
        sum(store.attributes["wall_seconds"] for store in made[kind])
        for made in trainings
    ]
    return np.array(seconds) / 60
