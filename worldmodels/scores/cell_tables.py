"""The comparison of cells in words: tables, what the numbers are, and the answer."""

from typing import Any

import numpy as np

from worldmodels.environments.games import TAKECOVER
from worldmodels.experiment.cells import AS_LARGE, CELLS, DNC, LSTM
from worldmodels.scores import differences, tables
from worldmodels.scores.cells import PAIRS, CellComparison, Gap, Measure, gap, mean
from worldmodels.scores.statistics import MeanOfSeeds

_SOLVED = 750.0  # tics over 100 episodes: from there on TakeCover counts as solved
CLAIM = (
    "the DNC solves TakeCover's dream (750 over 100 episodes, clearly above the LSTM)"
)
HEAD = ("measure", *(h for name in CELLS.values() for h in (name, "95 % interval")))
GAPS_HEAD = (
    "difference",
    *(
        word
        for cell, other in PAIRS
        for word in (f"{CELLS[cell]} - {CELLS[other]}", "95 % interval")
    ),
)
_STAGES = {"memory": "M", "controller": "C", "evaluation": "the test"}


def rows(found: CellComparison) -> list[tuple[str, ...]]:
    """Return the table's rows, as HEAD says: sizes, measures, minutes."""
    cells = [*found.cells.values()]
    sizes = [
        ("units", *(w for c in cells for w in (f"{c.units:,}", ""))),
        ("parameters of M", *(w for c in cells for w in (f"{c.parameters:,}", ""))),
    ]
    for measure in found.measures:
        words = [_mean(mean(measure, cell), measure.digits) for cell in CELLS]
        sizes.append((measure.name, *(w for pair in words for w in pair)))
    for stage, name in _STAGES.items():
        taken = [f"{cell.minutes[stage].mean():.1f}" for cell in cells]
        sizes.append((f"minutes of {name}", *(w for t in taken for w in (t, ""))))
    return sizes


def gap_rows(found: CellComparison) -> list[tuple[str, ...]]:
    """Return the rows of the differences, as GAPS_HEAD says."""
    return [
        (
            measure.name,
            *(w for pair in PAIRS for w in _gap(gap(measure, *pair), measure.digits)),
        )
        for measure in found.measures
    ]


def _mean(found: MeanOfSeeds, digits: int) -> tuple[str, str]:
    if not np.isfinite(found.mean):
        return "-", "-"
    return f"{found.mean:.{digits}f}", _interval(found.interval, digits)


def _gap(found: Gap, digits: int) -> tuple[str, str]:
    if not np.isfinite(found.mean):
        return "-", "-"
    return f"{found.mean:+z.{digits}f}", _interval(found.interval, digits, "+z")


def _interval(ends: tuple[float, float] | None, digits: int, signs: str = "") -> str:
    if ends is None:
        return "-"
    low, high = (f"{end:{signs}.{digits}f}" for end in ends)
    return f"{low} to {high}"


def solved(found: CellComparison) -> float | None:
    """Return the mean score from which on the game counts as solved, or None."""
    return _SOLVED if found.game.name == TAKECOVER.name else None


def answer(found: CellComparison) -> str:
    """Return in one sentence whether the DNC is better, on TakeCover as was claimed."""
    played = found.measure("played")
    lead = gap(played, DNC, LSTM)
    if (bound := solved(found)) is None:
        said = differences.verdict("the LSTM", "the DNC", lead.found, found.game.place)
        return f"{said[0].upper()}{said[1:]}."
    score = mean(played, DNC)
    enough, above = score.mean >= bound, bool(lead.found.told_apart and lead.mean > 0)
    holds = ("does not hold", "holds in one of its two parts", "holds")[enough + above]
    reached = "which is no less than" if enough else "which is less than"
    more = "more" if lead.mean >= 0 else "less"
    zero = "leaves out" if lead.found.told_apart else "includes"
    dreamt = ""
    if found.cells[DNC].dreamt is not None:
        dreamt = f" (and {mean(found.measure('dreamt'), DNC).mean:.1f} in its dream)"
    return (
        f"The claim that {CLAIM} {holds} here: over {found.tests} episodes of the game "
        f"the DNC survives {score.mean:.1f} tics{dreamt}, 95 % interval "
        f"{_interval(score.interval, 1)}, {reached} {bound:.0f}, and "
        f"{abs(lead.mean):.1f} {more} than the LSTM, 95 % interval of the difference "
        f"{_interval(lead.interval, 1, '+z')}, which {zero} 0."
    )


def legend(found: CellComparison) -> list[str]:
    """Return what the numbers are, a sentence or two each."""
    game, seeds = found.game, ", ".join(map(str, found.seeds))
    episodes, steps = found.held_out
    lines = [
        "All cells of a seed learnt from the same latents in the same updates; M and C "
        f"began anew in the last round. The {CELLS[AS_LARGE]} has the units that bring "
        "its M nearest to the DNC's number of parameters.",
        f"NLL: nats a latent dimension, of {episodes:.0f} held-out episodes "
        f"({steps:,.0f} steps) of each seed. Open loop: from every 50th step M dreams "
        "on under the recorded actions.",
    ]
    if found.death_base is not None:
        lines.append(
            "Death loss: cross-entropy in nats a step of those episodes; always "
            f"stating the share of deaths costs {found.death_base:.4f}."
        )
    lines.append(
        f"Scores: mean over the same {found.tests} unseen {game.place}s for all "
        f"trainings; the random policy scores {found.random.mean:.1f} in {game.home}."
    )
    if len(found.seeds) == 1:
        return [
            *lines,
            f"Interval: of scores over the {game.place}s of these trainings, of seed "
            f"{seeds}; a difference is taken {game.place} by {game.place}.",
        ]
    return [
        *lines,
        f"Interval: Student's over the trainings of the seeds {seeds}; a difference is "
        "taken seed by seed.",
    ]


def text(found: CellComparison) -> str:
    """Return the comparison as two tables to read."""
    return "\n".join(
        [
            *tables.aligned([HEAD, *rows(found)]),
            "",
            *tables.aligned([GAPS_HEAD, *gap_rows(found)]),
            "",
            *legend(found),
            answer(found),
            "",
        ]
    )


def data(found: CellComparison) -> dict[str, Any]:
    """Return all of the comparison as JSON values; what is not known is null."""
    return {
        "game": found.game.label,
        "seeds": found.seeds,
        "answer": answer(found),
        "horizons": found.horizons,
        "death_base": found.death_base,
        "random": found.random.mean,
        "cells": {name: _cell(found, name) for name in found.cells},
        "differences": {
            f"{cell} - {other}": {
                measure.key: _json(gap(measure, cell, other))
                for measure in found.measures
            }
            for cell, other in PAIRS
        },
    }


def _cell(found: CellComparison, name: str) -> dict[str, Any]:
    cell = found.cells[name]
    return {
        "title": cell.title,
        "hidden_size": cell.units,
        "parameters": cell.parameters,
        "minutes": {stage: taken.tolist() for stage, taken in cell.minutes.items()},
        "measures": {
            measure.key: _measure(measure, name) for measure in found.measures
        },
    }


def _measure(measure: Measure, cell: str) -> dict[str, Any]:
    over = mean(measure, cell)
    row = {
        "name": measure.name,
        "mean": _number(over.mean),
        "interval": over.interval and [*map(_number, over.interval)],
        "of_seeds": [*map(_number, measure.values[cell])],
    }
    if measure.tests is not None:
        row["returns"] = measure.tests[cell].tolist()
    return row


def _json(found: Gap) -> dict[str, Any]:
    row = {
        "mean": _number(found.mean),
        "interval": found.interval and [*map(_number, found.interval)],
    }
    if found.found is not None and found.found.needed is not None:
        row["needed"] = found.found.needed
    return row


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
