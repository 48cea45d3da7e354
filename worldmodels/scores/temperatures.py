"""What controllers score that learnt at different temperatures, from their evaluations.

As in the paper's table (section 4): in the dream that each learnt in and in the game,
on the same seeds; beside them the random policy in the game.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from worldmodels.environments.games import Game
from worldmodels.runtime.errors import UserError
from worldmodels.scores import tables
from worldmodels.scores.statistics import Summary, summarise
from worldmodels.stores import networks
from worldmodels.stores.artifact import Artifact, ArtifactError
from worldmodels.stores.lineage import check_tracks

HEAD = (
    "temperature", "dream", "95 % interval", "game", "95 % interval", "std",
    "dream - game", "95 % interval",
)  # fmt: skip


@dataclass(frozen=True)
class TemperatureScores:
    """What the controller of one temperature scores on N test seeds."""

    temperature: float
    dreamt: np.ndarray  # [N], returns in the dreams of the seeds
    played: np.ndarray  # [N], in the game

    @cached_property
    def dream(self) -> Summary:
        return summarise(self.dreamt)

    @cached_property
    def game(self) -> Summary:
        return summarise(self.played)

    @cached_property
    def gap(self) -> Summary:
        """The dream's less the game's, seed by seed."""
        return summarise(self.dreamt - self.played)


class Sweep(NamedTuple):
    """All temperatures, the lowest first."""

    game: Game
    scores: list[TemperatureScores]
    random: Summary  # the random policy's, in the game


def read(stores: Sequence[Artifact]) -> Sweep:
    """Return the scores in evaluations, one a temperature.

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
    stores = sorted(stores, key=lambda store: store.config["temperature"])
    for before, after in pairwise(stores):
        _check_comparable(before, after)
    game = networks.known_game(stores[0])
    return Sweep(game, list(map(_scores, stores)), _random(stores[0]))


def _scores(store: Artifact) -> TemperatureScores:
    returns = (store.read(f"{where}/returns") for where in ("dream", "agent"))
    return TemperatureScores(store.config["temperature"], *returns)


def _random(store: Artifact) -> Summary:
    return summarise(store.read("random/returns"))


def _check_comparable(before: Artifact, after: Artifact) -> None:
    check_tracks(after, before)
    if before.config["temperature"] == after.config["temperature"]:
        raise ArtifactError(
            f"{before.path} and {after.path} are of the same temperature; give one each"
        )
    memories = [s.attributes["inputs"].get("memory") for s in (before, after)]
    if memories[0] != memories[1]:
        raise ArtifactError(
            f"{after.path} was dreamt by another M than {before.path}; give the "
            "evaluations of one experiment and round"
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
    """Return what the numbers are, in two sentences."""
    game, count = sweep.game, sweep.random.count
    return [
        f"Mean {game.score} in the dream that each learnt in and in {game.home}, over "
        f"{count} unseen seeds, the same for all.",
        "Interval: BCa bootstrap over the seeds; of these controllers, one a "
        "temperature, not of other trainings.",
    ]


def text(sweep: Sweep) -> str:
    """Return a sweep as a table to read."""
    lines = tables.aligned([HEAD, *rows(sweep)])
    return "\n".join([*lines, "", *legend(sweep)]) + "\n"


def data(sweep: Sweep) -> dict[str, Any]:
    """Return all of a sweep as JSON values."""
    return {
        "score": sweep.game.score,
        "interval": "95 %, BCa bootstrap over the seeds",
        "temperatures": [
            {
                "temperature": at.temperature,
                "dream": asdict(at.dream) | {"returns": at.dreamt.tolist()},
                "game": asdict(at.game) | {"returns": at.played.tolist()},
                "difference": asdict(at.gap),
            }
            for at in sweep.scores
        ],
        "random": asdict(sweep.random),
    }
