"""Stage temperatures: what controllers of several temperatures score, as a table."""

from collections.abc import Sequence
from pathlib import Path

from worldmodels.runtime.progress import Progress
from worldmodels.scores import tables, temperatures
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
        opened = [open_artifact(path, "evaluation") for path in stores]
        sweep = temperatures.read(opened)
        progress.update(len(stores))
    tables.publish(out, temperatures.text(sweep), temperatures.data(sweep))
