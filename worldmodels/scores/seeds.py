"""What an experiment scores over its seeds, from the evaluations of its trainings.

The test tracks are the same for all trainings. So a training counts as one, by its mean
return, and the interval of their mean is Student's over the trainings; how much a
single drive varies is said beside it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from worldmodels.environments.games import Game
from worldmodels.runtime.errors import UserError
from worldmodels.scores import tables
from worldmodels.scores.making import Making, sentence
from worldmodels.scores.statistics import MeanOfSeeds, Summary, over_seeds, summarise
from worldmodels.stores import networks
from worldmodels.stores.artifact import Artifact
from worldmodels.stores.lineage import check_tracks

HEAD = ("seed", "mean", "95 % interval", "std", "lowest")
SHOWN = 5  # tracks, those with the lowest means
_INTERVALS = (
    "95 %: of a seed, BCa bootstrap over the tracks; of the mean, Student's t over the "
    "means of the seeds"
)


@dataclass(frozen=True)
class SeedScores:
    """What S trainings score on the same N test tracks."""

    game: Game
    seeds: list[int]
    tracks: np.ndarray  # int64 [N], their seeds
    returns: np.ndarray  # float64 [S, N]
    random: Summary  # the random policy's

    @cached_property
    def each(self) -> list[Summary]:
        """The score of each training, with its interval over the tracks."""
        return [summarise(returns) for returns in self.returns]

    @cached_property
    def mean(self) -> MeanOfSeeds:
        """The mean over the trainings, with its interval over them."""
        return over_seeds(self.returns.mean(axis=1))

    @property
    def std_of_seeds(self) -> float | None:
        """The standard deviation of the trainings' means; of one training: None."""
        if len(self.seeds) < 2:
            return None
        return float(self.returns.mean(axis=1).std(ddof=1))

    @property
    def std_of_tracks(self) -> float:
        """The standard deviation over tracks within a training, their mean."""
        return float(np.mean([found.std for found in self.each]))

    @property
    def of_tracks(self) -> np.ndarray:
        """The mean over the trainings on each track, [N]."""
        return self.returns.mean(axis=0)

    @property
    def lowest(self) -> np.ndarray:
        """The places of the tracks with the lowest means, the lowest first."""
        return np.argsort(self.of_tracks, kind="stable")[:SHOWN]


def read(evaluations: Mapping[int, Artifact]) -> SeedScores:
    """Return the scores in evaluations, one a seed.

    Raises:
        UserError: for none, one of another seed than is said, or those that cannot be
            compared.
    """
    if not evaluations:
        raise UserError("a comparison needs at least one seed; give the stores of some")
    first = next(iter(evaluations.values()))
    for seed, store in evaluations.items():
        if store.config["seed"] != seed:
            raise UserError(
                f"{store.path} is of seed {store.config['seed']} and is given as that "
                f"of seed {seed}; give each seed its own stores"
            )
        check_tracks(store, first)
    return SeedScores(
        game=networks.known_game(first),
        seeds=list(evaluations),
        tracks=first.read("agent/seed"),
        returns=np.stack(
            [store.read("agent/returns") for store in evaluations.values()]
        ).astype(np.float64),
        random=summarise(first.read("random/returns")),
    )


def rows(found: SeedScores) -> list[tuple[str, ...]]:
    """Return the table's rows, as HEAD says: the mean and the random policy last."""
    lowest = found.returns.min(axis=1)
    each = [
        (str(seed), *_words(score), f"{low:.1f}")
        for seed, score, low in zip(found.seeds, found.each, lowest, strict=True)
    ]
    low = f"{found.of_tracks.min():.1f}"
    mean = (
        f"mean of {len(found.seeds)}",
        f"{found.mean.mean:.1f}",
        interval(found.mean),
        f"{found.std_of_tracks:.1f}",
        low,
    )
    return [*each, mean, ("random policy", *_words(found.random), "")]


def _words(score: Summary) -> tuple[str, str, str]:
    return (
        f"{score.mean:.1f}",
        f"{score.low:.1f} to {score.high:.1f}",
        f"{score.std:.1f}",
    )


def interval(mean: MeanOfSeeds) -> str:
    """Return the interval of a mean over seeds in words; of one seed there is none."""
    if mean.interval is None:
        return "-"
    low, high = mean.interval
    return f"{low:.1f} to {high:.1f}"


def legend(found: SeedScores) -> list[str]:
    """Return what the numbers are, a sentence or two each."""
    game = found.game
    lines = [
        f"Mean {game.score} in {game.home} over {len(found.tracks)} unseen "
        f"{game.place}s, the same for all trainings.",
        f"Interval: of a seed, BCa bootstrap over the {game.place}s; of the mean, "
        "Student's t over the means of the seeds, of other trainings on these "
        f"{game.place}s.",
        f"std: over the {game.place}s of a training, of the mean their mean; lowest: "
        f"on the worst {game.place}, of the mean that with the lowest mean over seeds.",
    ]
    if (spread := found.std_of_seeds) is not None:
        lines.append(f"The seeds' means have a standard deviation of {spread:.1f}.")
    low = ", ".join(f"number {n} ({found.of_tracks[n]:.1f})" for n in found.lowest)
    return [*lines, f"The {game.place}s with the lowest mean over seeds: {low}."]


def text(found: SeedScores, making: Sequence[Making]) -> str:
    """Return the comparison as a table to read."""
    lines = [*tables.aligned([HEAD, *rows(found)]), "", *legend(found)]
    return "\n".join([*lines, sentence(making)]) + "\n"


def data(found: SeedScores, making: Sequence[Making]) -> dict[str, Any]:
    """Return all of the comparison as JSON values."""
    each = zip(found.seeds, found.each, found.returns, strict=True)
    return {
        "score": found.game.score,
        "seeds": found.seeds,
        **found.mean._asdict(),
        "intervals": _INTERVALS,
        "std_of_seeds": found.std_of_seeds,
        "std_of_tracks": found.std_of_tracks,
        "seed": {
            str(seed): asdict(score) | {"returns": returns.tolist()}
            for seed, score, returns in each
        },
        "tracks": [
            {"seed": int(seed), "mean": float(mean)}
            for seed, mean in zip(found.tracks, found.of_tracks, strict=True)
        ],
        "random": asdict(found.random),
        "made_alike": {made.name: made.alike for made in making},
    }
