"""What was right as tables and as JSON."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from worldmodels.scores import tables
from worldmodels.scores.statistics import MeanOfSeeds
from worldmodels.studies.pommerman.components import COMPONENTS
from worldmodels.studies.pommerman.findings import (
    FLOORS,
    Found,
    below_copying,
    verdict,
)
from worldmodels.studies.pommerman.score import PREDICTORS

WORDS = {
    "board": "board, a cell",
    "bomb_blast": "bomb's blast, a cell",
    "bomb_life": "bomb's life, a cell",
    "row": "own row",
    "column": "own column",
    "ammo": "own ammo",
    "blast": "own blast",
    "kick": "own kick",
    "position": "own position",
    "whole_board": "whole board",
    "everything": "all 368",
}


def head(found: Sequence[Found], drawn: bool = True) -> tuple[str, ...]:
    """Return the names of the columns of `rows`."""
    extra = tuple(f"{one.name}, drawn" for one in found) if drawn else ()
    return ("% right", "copying", "counts", *(one.name for one in found), *extra)


def rows(
    found: Sequence[Found], ahead: int, changed: bool, drawn: bool = True
) -> list[tuple[str, ...]]:
    """Return a row for each component: who is right how often, so many steps ahead.

    Args:
        changed: of the entries that changed alone.
        drawn: also what models draw, beside their likeliest Gaussians.
    """
    first = found[0]
    return [
        (
            WORDS[name],
            *(words(first.share(name, ahead, changed, who)) for who in PREDICTORS[2:]),
            *(words(one.share(name, ahead, changed)) for one in found),
            *(
                words(one.share(name, ahead, changed, "drawn"))
                for one in (found if drawn else ())
            ),
        )
        for name in COMPONENTS
    ]


def words(share: MeanOfSeeds) -> str:
    """Return a share in per cent, with half of its interval."""
    if np.isnan(share.mean):
        return "-"
    mean = f"{100 * share.mean:.1f}"
    if share.interval is None or share.interval[0] == share.interval[1]:
        return mean
    return f"{mean} ± {100 * (share.interval[1] - share.mean):.1f}"


def costs(found: Sequence[Found]) -> list[tuple[str, ...]]:
    """Return the rows of what models cost, below `COST`."""
    return [
        (
            one.name,
            str(one.config["hidden_size"]),
            f"{one.weights:,}",
            f"{2 * one.multiply_adds / 1e6:.1f}",
            f"{one.seconds:,.0f}",
        )
        for one in found
    ]


COST = ("model", "H", "weights", "MFLOP a step, forwards", "seconds a training")


def floor_head(found: Sequence[Found]) -> tuple[str, ...]:
    """Return the names of the columns of `floors`."""
    names = (one.name for one in found)
    return ("changed, % right", "floor", "aim", "counts", *names)


def floors(found: Sequence[Found]) -> list[tuple[str, ...]]:
    """Return the rows of `floor_head`: of what changed, one step ahead."""
    return [
        (
            WORDS[name],
            *(f"{100 * value:.0f}" for value in wanted),
            words(found[0].share(name, 1, True, "counts")),
            *(words(one.share(name, 1, True)) for one in found),
        )
        for name, wanted in FLOORS.items()
    ]


def copying(found: Sequence[Found]) -> str:
    """Return in words which components a copy of the state predicts better."""
    told = []
    for one in found:
        below = [WORDS[name] for name in below_copying(one)]
        told.append(f"{one.name}: {', '.join(below) or 'none'}")
    return "Components of which copying is more often right, " + "; ".join(told) + "."


def legend(found: Sequence[Found]) -> str:
    """Return what the numbers are."""
    first = found[0]
    config, seeds = first.config, ", ".join(map(str, first.seeds))
    means = (
        f"Means over the trainings of seeds {seeds}, with half of Student's 95 % "
        "interval over them."
        if len(first.seeds) > 1
        else f"One training of each model, with seed {seeds}."
    )
    return (
        f"{means} {config['games']} games of boards that no model learnt from. "
        "An entry has changed where it differs from its value at the step from which "
        f"it is predicted. Copying: all stays as it is. {counts(found)}"
    )


def counts(found: Sequence[Found]) -> str:
    """Return what the column of counts is."""
    told = (
        "Counts: what most often followed an entry's value in games to learn from, "
        "whatever else was there."
    )
    if found[0].config["start"] != "counts":
        return told
    return f"{told} All models start from it: they know as much before they learn."


def text(found: Sequence[Found], by_heart: Sequence[Found]) -> str:
    """Return all tables to read."""
    lines = [verdict(found), copying(found), ""]
    lines += [*tables.aligned([floor_head(found), *floors(found)]), ""]
    for ahead in found[0].ahead:
        for changed in (False, True):
            shown = [head(found), *rows(found, ahead, changed)]
            lines += [title(ahead, changed), *tables.aligned(shown), ""]
    if by_heart:
        lines += [by_heart_title(by_heart)]
        shown = [head(by_heart, False), *rows(by_heart, 1, True, False)]
        lines += [*tables.aligned(shown), ""]
    lines += [*tables.aligned([COST, *costs(found)]), "", legend(found)]
    return "\n".join(lines) + "\n"


def title(ahead: int, changed: bool) -> str:
    """Return what a table is of."""
    which = "entries that changed" if changed else "all entries"
    steps = "1 step" if ahead == 1 else f"{ahead} steps"
    return f"{which}, {steps} ahead"


def by_heart_title(found: Sequence[Found]) -> str:
    """Return what a table of games learnt by heart is of."""
    config = found[0].config
    return (
        f"{config['games']} games learnt by heart in {config['updates']:,} updates: "
        "entries that changed, 1 step ahead"
    )


def data(found: Sequence[Found], by_heart: Sequence[Found]) -> dict[str, Any]:
    """Return all shares as JSON values, by component, steps ahead and predictor."""
    return {
        "verdict": verdict(found),
        "models": [_data(one) for one in found],
        "by_heart": [_data(one) for one in by_heart],
    }


def _data(one: Found) -> dict[str, Any]:
    return {
        "model": one.model,
        "seeds": list(one.seeds),
        "weights": one.weights,
        "multiply_adds": one.multiply_adds,
        "seconds": one.seconds,
        **one.config,
        "right": {
            which: {
                name: {
                    str(ahead): {
                        who: _listed(one.of_seeds(name, ahead, changed, who))
                        for who in PREDICTORS
                    }
                    for ahead in one.ahead
                }
                for name in COMPONENTS
            }
            for which, changed in (("all", False), ("changed", True))
        },
    }


def _listed(values: np.ndarray) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values]
