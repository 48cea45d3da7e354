"""What controllers score that learnt at different temperatures, from their evaluations.

As in the paper's table (section 4): in the dream that each learnt in and in the game,
on the same episodes; beside them the random policy in the game. Where the experiment
was trained with several seeds, a training counts as one, by its mean.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from worldmodels.environments.games import Game
from worldmodels.runtime.errors import UserError
from worldmodels.scores import tables
from worldmodels.scores.statistics import Summary, of_trainings, summarise
from worldmodels.stores import networks
from worldmodels.stores.artifact import Artifact, ArtifactError
from worldmodels.stores.lineage import check_tracks

HEAD = (
    "temperature", "dream", "95 % interval", "game", "95 % interval", "std",
    "dream - game", "95 % interval",
)  # fmt: skip
_BOOTSTRAP, _STUDENT = "BCa bootstrap", "Student's t"


@dataclass(frozen=True)
class TemperatureScores:
    """What the controllers of one temperature score, of S seeds on N test episodes."""

    temperature: float
    dreamt: np.ndarray  # [S, N], returns in the dreams of the episodes' seeds
    played: np.ndarray  # [S, N], in the game

    @cached_property
    def dream(self) -> Summary:
        return of_trainings(self.dreamt)

    @cached_property
    def game(self) -> Summary:
        return of_trainings(self.played)

    @cached_property
    def gap(self) -> Summary:
        """The dream's less the game's, episode by episode."""
        return of_trainings(self.dreamt - self.played)


class Sweep(NamedTuple):
    """All temperatures, the lowest first."""

    game: Game
    seeds: list[int]  # of the trainings
    scores: list[TemperatureScores]
    random: Summary  # the random policy's, in the game


def read(stores: Sequence[Artifact]) -> Sweep:
    """Return the scores in evaluations, one a temperature and seed.

    Raises:
        UserError: for none, one that has not dreamt, or those that cannot be compared.
    """
    if not stores:
        raise UserError("a sweep needs at least one evaluation; give some")
    for store in stores:
        if not store.names("dream"):
            raise ArtifactError(
                f"{store.path} is of a controller that learnt in the game and has no "
                "score in a dream; give evaluations of those that learnt there"
            )
    taus: dict[float, dict[int, Artifact]] = {}
    for store in sorted(stores, key=_tau_and_seed):
        tau, seed = _tau_and_seed(store)
        if (other := taus.setdefault(tau, {}).setdefault(seed, store)) is not store:
            raise ArtifactError(
                f"{other.path} and {store.path} are of the same temperature and seed; "
                "give one each"
            )
    first = next(iter(taus.values()))
    for given in taus.values():
        _check_comparable(given, first)
    scores = [_scores(tau, [*given.values()]) for tau, given in taus.items()]
    store = next(iter(first.values()))
    return Sweep(networks.known_game(store), list(first), scores, _random(store))


def _tau_and_seed(store: Artifact) -> tuple[float, int]:
    return store.config["temperature"], store.config["seed"]


def _scores(temperature: float, stores: Sequence[Artifact]) -> TemperatureScores:
    dreamt, played = (
        np.stack([store.read(f"{where}/returns") for store in stores])
        for where in ("dream", "agent")
    )
    return TemperatureScores(temperature, dreamt, played)


def _random(store: Artifact) -> Summary:
    return summarise(store.read("random/returns"))


def _check_comparable(
    given: Mapping[int, Artifact], first: Mapping[int, Artifact]
) -> None:
    """Check the evaluations of one temperature, by seed, against the first's."""
    store, reference = (next(iter(some.values())) for some in (given, first))
    if given.keys() != first.keys():
        raise ArtifactError(
            f"{store.path} is of a temperature with the seeds {list(given)} and "
            f"{reference.path} of one with {list(first)}; give the same seeds of each"
        )
    for seed, store in given.items():
        check_tracks(store, reference)
        memories = [s.attributes["inputs"].get("memory") for s in (first[seed], store)]
        if memories[0] != memories[1]:
            raise ArtifactError(
                f"{store.path} was dreamt by another M than {first[seed].path}; give "
                "the evaluations of one experiment and round"
            )


def rows(sweep: Sweep) -> list[tuple[str, ...]]:
    """Return the table's rows, as HEAD says: the random policy is the last."""
    found = [
        (
            f"{at.temperature:g}",
            *_words(at.dream),
            *_words(at.game),
            f"{at.game.std:.1f}",
            f"{at.gap.mean:+z.1f}",
            f"{at.gap.low:+z.1f} to {at.gap.high:+z.1f}",
        )
        for at in sweep.scores
    ]
    random = sweep.random
    last = ("random policy", "", "", *_words(random), f"{random.std:.1f}", "", "")
    return [*found, last]


def _words(score: Summary) -> tuple[str, str]:
    return f"{score.mean:.1f}", f"{score.low:.1f} to {score.high:.1f}"


def legend(sweep: Sweep) -> list[str]:
    """Return what the numbers are, in two sentences, of several seeds in three."""
    game, count, trainings = sweep.game, sweep.random.count, len(sweep.seeds)
    found = [
        f"Mean {game.score} in the dream that each learnt in and in {game.home}, over "
        f"{count} unseen seeds, the same for all."
    ]
    if trainings == 1:
        return [
            *found,
            "Interval: BCa bootstrap over the seeds; of these controllers, one a "
            "temperature, not of other trainings.",
        ]
    numbers = ", ".join(map(str, sweep.seeds))
    return [
        *found,
        f"Each is a mean over {trainings} trainings, of the seeds {numbers}; std is of "
        "a single episode in the game, within a training.",
        f"Interval: {_STUDENT} over the means of the trainings; the random policy's, "
        f"{_BOOTSTRAP} over its episodes.",
    ]


def text(sweep: Sweep) -> str:
    """Return a sweep as a table to read."""
    lines = tables.aligned([HEAD, *rows(sweep)])
    return "\n".join([*lines, "", *legend(sweep)]) + "\n"


def data(sweep: Sweep) -> dict[str, Any]:
    """Return all of a sweep as JSON values."""
    alone = len(sweep.seeds) == 1
    return {
        "score": sweep.game.score,
        "seeds": sweep.seeds,
        "interval": f"95 %, {_BOOTSTRAP} over the episodes"
        if alone
        else f"95 %, {_STUDENT} over the means of the seeds",
        "temperatures": [
            {
                "temperature": at.temperature,
                "dream": _row(at.dream, at.dreamt),
                "game": _row(at.game, at.played),
                "difference": asdict(at.gap),
            }
            for at in sweep.scores
        ],
        "random": asdict(sweep.random),
    }


def _row(found: Summary, returns: np.ndarray) -> dict[str, Any]:
    """Return a score with the returns [S, N] that it is of."""
    means = returns.mean(axis=1, dtype=np.float64)
    return asdict(found) | {
        "mean_of_seed": means.tolist(),
        "returns": returns.tolist(),
    }
