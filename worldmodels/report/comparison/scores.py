"""The scores of runs, round by round, and how far each is from the first run's."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import NamedTuple

import numpy as np

from worldmodels.report.comparison.runs import Compared
from worldmodels.runtime.errors import UserError
from worldmodels.runtime.wording import count
from worldmodels.scores import differences
from worldmodels.scores.differences import Difference
from worldmodels.scores.statistics import over_seeds, summarise
from worldmodels.stores.artifact import Artifact
from worldmodels.stores.run_folders import RunFolder


@dataclass(frozen=True, eq=False)
class RoundScores:
    """What the trainings of a run score after one round, on the tests that all had.

    Attributes:
        seeds: [S] of the trainings.
        tests: int64 [N], the seed of each test's track or episode, ascending.
        returns: [S, N].
    """

    name: str
    round: int
    seeds: list[int | None]
    tests: np.ndarray
    returns: np.ndarray
    max_steps: int

    @cached_property
    def means(self) -> np.ndarray:
        """[S], the mean return of each training."""
        return self.returns.mean(axis=1, dtype=np.float64)

    @property
    def interval(self) -> tuple[float, float]:
        """Of the mean: over seeds (Student's), of one training over tests (BCa)."""
        if len(self.seeds) > 1:
            return over_seeds(self.means).interval
        found = summarise(self.returns[0])
        return found.low, found.high

    def row(self) -> tuple[str, ...]:
        """Return the cells of its row in a table, up to what `head` names std."""
        low, high = self.interval
        seeds = ", ".join("?" if seed is None else str(seed) for seed in self.seeds)
        std = self.returns.std(axis=1, ddof=1, dtype=np.float64).mean()
        return (
            self.name, str(self.round), seeds, str(len(self.tests)),
            f"{self.means.mean():.1f}", f"{low:.1f} to {high:.1f}", f"{std:.1f}",
        )  # fmt: skip


class Gap(NamedTuple):
    """What another run scores more than the first."""

    name: str
    tests: np.ndarray  # int64 [N], that both had, ascending
    returns: np.ndarray  # [N] other's less first's, means over each's seeds
    difference: Difference
    remarks: Sequence[str]  # on what could not be compared


def after(name: str, run: RunFolder, round: int) -> RoundScores | None:
    """Return what a run scores after a round; None: it has not been evaluated.

    Raises:
        UserError: when its seeds were evaluated on other tests or steps.
    """
    stores = run.evaluations(round)
    if not stores:
        return None
    longest = {store.config["max_steps"] for store in stores.values()}
    if len(longest) > 1:
        raise UserError(
            f"the seeds of {name} were scored over {_listed(longest)} steps; evaluate "
            "all with the same environment.max_steps"
        )
    returns = [_by_test(store) for store in stores.values()]
    tests = sorted(
        reduce(lambda known, more: known & more.keys(), returns, {*returns[0]})
    )
    if len(tests) < 2:
        raise UserError(
            f"the seeds of {name} have {count(len(tests), 'test')} in common after "
            f"round {round}; evaluate all on the same"
        )
    values = np.array([[row[test] for test in tests] for row in returns])
    return RoundScores(name, round, [*stores], np.array(tests), values, longest.pop())


def _by_test(store: Artifact) -> Mapping[int, float]:
    tests, returns = (store.read(f"agent/{name}") for name in ("seed", "returns"))
    return dict(zip(tests.tolist(), returns.tolist(), strict=True))


def gap(first: RoundScores, other: RoundScores) -> Gap:
    """Return what a run scores more than the first, on the tests that both had.

    Raises:
        UserError: when they have fewer than two tests in common, or of other lengths.
    """
    if first.max_steps != other.max_steps:
        raise UserError(
            f"{first.name} was scored over at most {first.max_steps} steps and "
            f"{other.name} over {other.max_steps}; evaluate both with the same "
            "environment.max_steps"
        )
    tests, ours, theirs = np.intersect1d(first.tests, other.tests, return_indices=True)
    if len(tests) < 2:
        raise UserError(
            f"{first.name} and {other.name} have {count(len(tests), 'test')} in "
            f"common, of {len(first.tests)} and {len(other.tests)}; evaluate both on "
            "the same"
        )
    returns = first.returns[:, ours], other.returns[:, theirs]
    means = [values.mean(axis=1, dtype=np.float64) for values in returns]
    if len(first.seeds) == len(other.seeds) == 1:
        found = differences.by_track(returns[0][0], returns[1][0])
    elif first.seeds == other.seeds:
        found = differences.by_seed(*means)
    else:
        found = differences.unpaired(*means)
    by_test = [values.mean(axis=0, dtype=np.float64) for values in returns]
    gaps = by_test[1] - by_test[0]
    return Gap(other.name, tests, gaps, found, [*_remarks(first, other, tests)])


def _remarks(
    first: RoundScores, other: RoundScores, tests: np.ndarray
) -> Iterator[str]:
    known = len(first.tests), len(other.tests)
    if known != (len(tests), len(tests)):
        yield (
            f"They are compared on the {len(tests)} tests that both had, of "
            f"{known[0]} and {known[1]}."
        )
    one, several = sorted((first, other), key=lambda scores: len(scores.seeds))
    if len(one.seeds) == 1 < len(several.seeds):
        yield (
            f"{one.name} has one training: how much the trainings of {several.name} "
            "vary stands for both."
        )


class Scores(NamedTuple):
    """The scores of all runs; those of the last round are what a run is judged by."""

    last: list[RoundScores]  # of the runs that have been evaluated, in their order
    earlier: list[RoundScores]  # round by round
    gaps: dict[tuple[str, int], Gap]  # from the first run's, by name and round

    def gap(self, scores: RoundScores) -> Gap | None:
        """Return how far scores are from the first run's; None: that has none such."""
        return self.gaps.get((scores.name, scores.round))


def scores(compared: Compared) -> Scores:
    """Return the scores of all runs.

    The last round of a run is compared with the first run's last, and an earlier round
    with the round of the same number.

    Raises:
        UserError: as `after` and `gap`.
    """
    found = {
        name: {number: after(name, run, number) for number in run.scored}
        for name, run in compared.runs
    }
    last = {name: rounds[max(rounds)] for name, rounds in found.items() if rounds}
    earlier = sorted(
        (
            s
            for rounds in found.values()
            for s in rounds.values()
            if s not in last.values()
        ),
        key=lambda scores: scores.round,
    )
    (first, _), *_ = compared.runs
    gaps = {}
    if first in last:
        for name, rounds in found.items():
            for number, theirs in rounds.items() if name != first else ():
                ours = last[first] if theirs is last[name] else found[first].get(number)
                if ours is not None:
                    gaps[name, number] = gap(ours, theirs)
    return Scores([*last.values()], earlier, gaps)


def rows(some: Sequence[RoundScores], found: Scores) -> list[tuple[str, ...]]:
    """Return a row for each of some scores, as `head` says."""
    return [(*scores.row(), *_gap_cells(found.gap(scores))) for scores in some]


def head(compared: Compared) -> tuple[str, ...]:
    """Return the heads of the columns of `rows`."""
    own = "run", "round", "seeds", f"{compared.place}s", "mean", "95 % interval", "std"
    return (*own, f"minus {compared.runs[0].name}", "95 % interval")


def _gap_cells(found: Gap | None) -> tuple[str, str]:
    if found is None:
        return "", ""
    low, high = found.difference.interval
    return f"{found.difference.mean:+z.1f}", f"{low:+z.1f} to {high:+z.1f}"


def verdicts(compared: Compared, found: Scores) -> list[str]:
    """Return whether each of the other runs is better than the first, in sentences."""
    (first, _), *others = compared.runs
    told, last = [], {scores.name: scores for scores in found.last}
    if first not in last:
        return [f"{first} has no evaluation yet, so nothing can be compared with it."]
    for name, _ in others:
        if name not in last:
            told.append(f"{name} has no evaluation yet: whether it helped is open.")
            continue
        gap = found.gap(last[name])
        sentence = differences.verdict(first, name, gap.difference, compared.place)
        reach = differences.reach(gap.difference, compared.place)
        told.append(" ".join([f"{sentence}. {reach}.", *gap.remarks]))
    return told


def _listed(numbers) -> str:
    return " and ".join(map(str, sorted(numbers)))
