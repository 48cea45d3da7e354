"""The errors of all trainings as a table and as JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from worldmodels.scores import tables
from worldmodels.scores.statistics import MeanOfSeeds
from worldmodels.studies.dnc_tasks.findings import MEASURES, Found, guessed

TITLES = {
    "wrong": "Wrong answers, % of bits (of sums in addition)",
    "squared": "Squared error at the answer",
}
HEAD = ("model", "weights", "N trained", "N tested", "trained lengths")


def head(found: Sequence[Found]) -> tuple[str, ...]:
    """Return the names of the columns of one task's rows."""
    one = found[0]
    return (*HEAD, *(f"{n} x longest ({n * one.longest})" for n in one.multiples))


def rows(found: Sequence[Found], measure: str) -> list[tuple[str, ...]]:
    """Return the rows of one task: each model and N, and last what knows nothing."""
    first = found[0]
    guess = guessed(first.task, first.lengths)[measure]
    at = {
        int(length): value for length, value in zip(first.lengths, guess, strict=True)
    }
    chance = [
        guess[first.trained].mean(),
        *(at[n * first.longest] for n in first.multiples),
    ]
    guesses = [words(measure, MeanOfSeeds(float(value), None)) for value in chance]
    return [
        *(_row(one, measure) for one in found),
        ("guessing, length known", "", "", "", *guesses),
    ]


def _row(found: Found, measure: str) -> tuple[str, ...]:
    tested = [found.at(measure, n * found.longest) for n in found.multiples]
    return (
        found.name,
        f"{found.parameters:,}",
        str(found.trained_slots or "-"),
        str(found.slots or "-"),
        words(measure, found.over_trained(measure)),
        *(words(measure, value) for value in tested),
    )


def words(measure: str, value: MeanOfSeeds) -> str:
    """Return a mean with its interval; a share is given in per cent."""
    factor = 100 if measure == "wrong" else 1
    if value.interval is None:
        return number(factor * value.mean)
    low, high = (factor * end for end in value.interval)
    # An error is at least 0; Student's interval does not know it.
    return f"{number(factor * value.mean)} ({number(max(low, 0))} to {number(high)})"


def number(value: float) -> str:
    """Return a number with two digits that count, in full."""
    if value == 0:
        return "0"
    if abs(value) >= 10:
        return f"{value:,.0f}"
    return f"{value:.2g}" if abs(value) >= 0.001 else f"{value:.1e}"


def by_task(found: Sequence[Found]) -> dict[str, list[Found]]:
    """Return what was found of each task."""
    tasks: dict[str, list[Found]] = {}
    for one in found:
        tasks.setdefault(one.task, []).append(one)
    return tasks


def legend(found: Sequence[Found]) -> str:
    """Return what the numbers are."""
    seeds = ", ".join(map(str, found[0].seeds))
    means = (
        f"Means over the trainings of seeds {seeds}; in brackets Student's 95 % "
        "interval over them."
    )
    if len(found[0].seeds) == 1:
        means = f"One training of each model, with seed {seeds}."
    return (
        f"{means} All models are tested on the same sequences. N: slots of the memory, "
        "on which no weight depends."
    )


def text(found: Sequence[Found]) -> str:
    """Return the comparison as tables to read."""
    lines = []
    for task, given in by_task(found).items():
        one = given[0]
        lines.append(
            f"{task}: lengths {one.shortest} to {one.longest} learnt in "
            f"{one.updates:,} updates"
        )
        for measure in MEASURES:
            shown = [head(given), *rows(given, measure)]
            lines += ["", TITLES[measure], *tables.aligned(shown)]
        lines.append("")
    return "\n".join([*lines, legend(found)]) + "\n"


def data(found: Sequence[Found]) -> dict[str, Any]:
    """Return all of the comparison as JSON values, errors [S, L] by seed and length."""
    return {
        "trainings": [
            {
                name: value.tolist() if hasattr(value, "tolist") else value
                for name, value in asdict(one).items()
            }
            for one in found
        ]
    }
