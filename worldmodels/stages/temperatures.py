"""Stage temperatures: what controllers of several temperatures score, as a table."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from worldmodels.runtime.progress import Progress
from worldmodels.scores import tables, temperatures
from worldmodels.scores.temperatures import Sweep
from worldmodels.stores.artifact import open_artifact


def run(*, stores: Sequence[Path], out: Path, log: Path | None = None) -> None:
    """Write the table to `out`, and the same as JSON beside it; print the table.

    Args:
        stores: the evaluations of the controllers, one a temperature, in any order.

    Raises:
        UserError: for a bad store, one of a controller that learnt in the game, or
            those that cannot be compared.
    """
    tables.prepare(out)
    with Progress("temperatures", len(stores), log) as progress:
        found = temperatures.read(
            [open_artifact(path, "evaluation") for path in stores]
        )
        progress.update(len(stores))
    tables.publish(out, text(found), data(found))


def data(found: Sweep) -> dict[str, Any]:
    """Return all of a sweep as JSON values."""
    return {
        "score": found.game.score,
        "interval": "95 %, BCa bootstrap over the seeds",
        "temperatures": [
            {
                "temperature": at.temperature,
                "dream": asdict(at.dream) | {"returns": at.dreamt.tolist()},
                "game": asdict(at.game) | {"returns": at.played.tolist()},
                "difference": asdict(at.gap),
            }
            for at in found.learnt
        ],
        "random": asdict(found.random),
    }


def text(found: Sweep) -> str:
    """Return a sweep as a table to read."""
    lines = tables.aligned([temperatures.HEAD, *temperatures.rows(found)])
    return "\n".join([*lines, "", *temperatures.legend(found)]) + "\n"
