"""What controllers score that learnt at different temperatures, from their evaluations.

As the paper's table (section 4): in the dream that each learnt in and in the game, on
the same seeds; beside them the random policy in the game.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from worldmodels.environments.games import Game
from worldmodels.runtime.errors import UserError
from worldmodels.scores.statistics import Summary, summarise
from worldmodels.stores import networks
from worldmodels.stores.artifact import Artifact, ArtifactError
from worldmodels.stores.lineage import check_tracks

HEAD = (
    "temperature", "dream", "95 % interval", "game", "95 % interval", "std",
    "dream - game", "95 % interval",
)  # fmt: skip


@dataclass(frozen=True)
class Learnt:
    """The controller of one temperature."""

    temperature: float
    dreamt: np.ndarray  # [N], returns in the dreams of N test seeds
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
    learnt: list[Learnt]
    random: Summary  # the random policy's, in the game


def read(stores: Sequence[Artifact]) -> Sweep:
    """Return what evaluations, one a temperature, say.

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
    return Sweep(game, list(map(_learnt, stores)), _random(stores[0]))


def _learnt(store: Artifact) -> Learnt:
    returns = (store.read(f"{where}/returns") for where in ("dream", "agent"))
    return Learnt(store.config["temperature"], *returns)


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
        for at in sweep.learnt
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
