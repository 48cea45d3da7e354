"""What the searches of the study found: plain arrays and shares."""

from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from worldmodels.experiment.section import read as read_section
from worldmodels.scores.shares import Share, share
from worldmodels.stores.artifact import Artifact
from worldmodels.stores.lineage import check_alike
from worldmodels.studies.evolution import earlier
from worldmodels.studies.evolution.functions import FOUND, FUNCTIONS
from worldmodels.studies.evolution.restarted import SCHEDULES
from worldmodels.studies.evolution.settings import Case, Evolution, cases


@dataclass(frozen=True)
class Rate:
    """Searches of one case.

    Attributes:
        found: bool [S].
        median: evaluations until those that found it did, NaN: none did.
        best: [S, G] smallest f^2 so far.
        end: [S, 2] last means.
        before: the share that was measured before, if it was.
    """

    case: Case
    found: np.ndarray
    median: float
    best: np.ndarray
    end: np.ndarray
    before: float | None

    @property
    def share(self) -> Share:
        """How many found the optimum."""
        return share(self.found)


class Beside(NamedTuple):
    """Searches of one function by one kind of search."""

    function: str
    searcher: str
    early: Share  # found it within so many generations
    late: Share
    before: tuple[float, float] | None


class Chains(NamedTuple):
    """Searches with restarts, by one schedule from one first step size."""

    schedule: str
    sigma: float
    found: np.ndarray  # bool [S]
    evaluations: np.ndarray  # [S], until it was found or in all
    begun: np.ndarray  # [S], searches

    def by(self, evaluations: int) -> Share:
        """Return how many found the optimum within so many evaluations."""
        return share(self.found & (self.evaluations <= evaluations))


class Difference(NamedTuple):
    """A share beside one that was measured before."""

    name: str
    found: Share
    before: float
    tries: int  # of the earlier one

    @property
    def size(self) -> float:
        """How far apart they are."""
        return abs(self.found.share - self.before)

    @property
    def interval(self) -> Share:
        """The earlier one's own interval."""
        return share(np.arange(self.tries) < round(self.before * self.tries))

    @property
    def overlap(self) -> bool:
        """Whether the intervals of both have a share in common."""
        return (
            self.found.low <= self.interval.high
            and self.interval.low <= self.found.high
        )


class Found(NamedTuple):
    """All that the study found, and the settings it had."""

    rates: list[Rate]
    beside: list[Beside]
    chains: list[Chains]
    settings: Evolution


def read(rates: Artifact, beside: Artifact, restarted: Artifact) -> Found:
    """Return what three stores hold.

    Raises:
        ArtifactError: for stores of settings that do not go together.
    """
    check_alike([rates, beside, restarted], ("seed", "dtype", "population"))
    check_alike([rates, beside], ("searches",))
    check_alike([rates, restarted], ("generations",))
    known = {**rates.config, **beside.config, **restarted.config}
    fields = Evolution.model_fields
    settings = read_section(Evolution, {k: v for k, v in known.items() if k in fields})
    return Found(
        _rates(rates, settings), _beside(beside), _chains(restarted, settings), settings
    )


def _rates(store: Artifact, settings: Evolution) -> list[Rate]:
    best, ends = store.read("best"), store.read("end")
    as_before = (settings.population, settings.generations) == (
        earlier.POPULATION,
        earlier.GENERATIONS,
    )
    found = []
    for case, losses, end in zip(cases(settings), best, ends, strict=True):
        hits = losses[:, -1] <= FOUND
        first = settings.population * (1 + np.argmax(losses <= FOUND, axis=1))
        median = float(np.median(first[hits])) if hits.any() else np.nan
        before = earlier.RATES.get(case) if as_before else None
        found.append(Rate(case, hits, median, losses, end, before))
    return found


def _beside(store: Artifact) -> list[Beside]:
    best, columns = store.read("best"), store.config["columns"]
    as_before = store.config["population"] == earlier.POPULATION
    found = []
    for place, function in enumerate(FUNCTIONS):
        for number, column in enumerate(columns):
            losses = best[number, place]
            early, late = (
                share(losses[:, min(count, losses.shape[1]) - 1] <= function.tolerance)
                for count in (earlier.EARLY, earlier.LATE)
            )
            known = earlier.BESIDE[function.name]
            before = known[number] if as_before and number < len(known) else None
            if losses.shape[1] < earlier.LATE:
                before = None
            found.append(Beside(function.name, column, early, late, before))
    return found


def _chains(store: Artifact, settings: Evolution) -> list[Chains]:
    kinds = product(SCHEDULES, settings.restart_sigmas)
    parts: list[Any] = [store.read(name) for name in ("found", "evaluations", "begun")]
    return [
        Chains(name, sigma, *values)
        for (name, sigma), *values in zip(kinds, *parts, strict=True)
    ]


def differences(found: Found) -> list[Difference]:
    """Return all shares that were measured before, beside those of this study."""
    listed = [
        Difference(
            f"Schaffer, {case_words(rate.case)}",
            rate.share,
            rate.before,
            earlier.SEARCHES,
        )
        for rate in found.rates
        if rate.before is not None
    ]
    for one in found.beside:
        if one.before is not None:
            for count, now, before in zip(
                (earlier.EARLY, earlier.LATE), one[2:4], one.before, strict=True
            ):
                name = f"{one.function}, {one.searcher}, {count} generations"
                listed.append(Difference(name, now, before, earlier.BESIDE_SEARCHES))
    return listed


def case_words(case: Case) -> str:
    """Return what a case is, in words that a table has room for."""
    parents = f"mu {case.parents}" if case.parents else "half repels"
    return (
        f"{case.form}, {case.start}, {parents}, sigma {case.sigma:g}, {case.rank_one}, "
        f"optimum ({case.optimum[0]:g}, {case.optimum[1]:g})"
    )
