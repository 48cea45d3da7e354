"""Runs that are compared: their names, and the one game that all are of."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from worldmodels.environments.games import Game
from worldmodels.experiment.stages import OF_A_ROUND
from worldmodels.runtime.errors import UserError
from worldmodels.runtime.wording import count
from worldmodels.stores.neighbours import game_of
from worldmodels.stores.run_folders import RunFolder, labels, open_run_folder

# What a round is not complete without; rollouts and latents may be deleted.
_KEPT = tuple(name for name in OF_A_ROUND if name not in ("rollouts", "latents"))
# Of earlier rounds no scores are needed.
_KEPT_EARLIER = tuple(name for name in _KEPT if name != "evaluation")


class NamedRun(NamedTuple):
    """A run with the name that tells it from the others."""

    name: str
    run: RunFolder


class Compared(NamedTuple):
    """All runs; the others are compared with the first."""

    runs: list[NamedRun]
    game: Game | None  # None: no store says which

    @property
    def score(self) -> str:
        """What the sum of an episode's rewards is."""
        return self.game.score if self.game else "return"

    @property
    def place(self) -> str:
        """What the seed of a test decides."""
        return self.game.place if self.game else "episode"


def open_runs(folders: Sequence[Path]) -> Compared:
    """Open runs that can be compared.

    Raises:
        UserError: for one that is given twice, is no run or has a damaged store, for
            runs that share a training, or are of different games.
    """
    names = labels(folders)
    runs = [
        NamedRun(name, open_run_folder(folder))
        for name, folder in zip(names, folders, strict=True)
    ]
    _refuse_shared(runs)
    game = game_of(*(store for _, run in runs for store in run))
    return Compared(runs, game)


def _refuse_shared(runs: Sequence[NamedRun]) -> None:
    """Refuse a training that two runs have: it would be compared with itself."""
    known: dict[Path, str] = {}
    for name, run in runs:
        for seed in run.seeds:
            place = seed.folder.resolve()
            if place in known:
                raise UserError(
                    f"{seed.folder} is a training of {known[place]} and of {name}, and "
                    "would be compared with itself; give runs that share none"
                )
            known[place] = name


def missing(compared: Compared) -> Iterator[str]:
    """Yield a sentence on each thing that a run has not made yet."""
    for name, run in compared.runs:
        for seed in run.seeds:
            which = f"{name}, seed {seed.seed}" if len(run.seeds) > 1 else name
            for number, kinds in seed.rounds.items():
                needed = _KEPT if number == run.rounds[-1] else _KEPT_EARLIER
                if lost := [kind for kind in needed if kind not in kinds]:
                    yield f"{which}: round {number} has no {_listed(lost)} yet."
            if lost := sorted({*run.rounds} - {*seed.rounds}):
                yield f"{which}: round {_listed(map(str, lost))} is not begun."
        if run.unscored:
            left = count(len(run.unscored), "seed")
            yield f"{name}: {left} left out, without an evaluation yet."


def _listed(words) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
