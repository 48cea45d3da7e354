"""Stage cells: how recurrent cells of M compare, as a page and tables."""

from collections.abc import Sequence
from pathlib import Path

from worldmodels.runtime.errors import UserError
from worldmodels.runtime.progress import Progress
from worldmodels.scores import cell_tables, cells, making, tables
from worldmodels.stores import places
from worldmodels.stores.artifact import Artifact, open_artifact
from worldmodels.stores.publication import publish_text


def run(*, cell: Sequence[Sequence[str]], out: Path, log: Path | None = None) -> None:
    """Write the page to `out`, table.txt and table.json beside it; print the tables.

    Args:
        cell: for each its name, then the stores of all its seeds: M, the blocks of C,
            their scores and what M foresees.

    Raises:
        UserError: for a bad store, a missing cell, or trainings that cannot be
            compared.
    """
    places.file_place(out)  # a folder such as "." has no name beside it
    table = out.with_name("table.txt")
    places.check_beside(out, table)
    tables.prepare(table)
    stores: dict[str, list[Artifact]] = {}
    with Progress("cells", len(cell), log) as progress:
        for name, *paths in cell:
            if name in stores:
                raise UserError(f"the cell {name} is given twice; give each once")
            stores[name] = [open_artifact(Path(path)) for path in paths]
            progress.update(1)
    found = cells.read(stores)
    made = making.of_seeds(_by_training(stores))
    from worldmodels.report import cells as chapter  # heavy

    publish_text(out, chapter.html(found, stores, made))
    tables.publish(table, cell_tables.text(found), cell_tables.data(found))


def _by_training(stores: dict[str, list[Artifact]]) -> dict[str, list[Artifact]]:
    """Return stores by their trainings: a seed and a cell."""
    found: dict[str, list[Artifact]] = {}
    for name, some in stores.items():
        for store in some:
            training = f"{store.config['seed']} of {name}"
            found.setdefault(training, []).append(store)
    return found
