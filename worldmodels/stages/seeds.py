"""Stage seeds: what one experiment scores over several seeds, as a page and a table."""

from collections.abc import Sequence
from pathlib import Path

from worldmodels.runtime.errors import UserError
from worldmodels.runtime.progress import Progress
from worldmodels.scores import making, seeds, tables
from worldmodels.stores import places
from worldmodels.stores.artifact import Artifact, open_artifact
from worldmodels.stores.publication import publish_text


def run(*, seed: Sequence[Sequence[str]], out: Path, log: Path | None = None) -> None:
    """Write the page to `out`, table.txt and table.json beside it; print the table.

    Args:
        seed: for each a number, then all stores of its training; of the evaluations
            the last round's is compared.

    Raises:
        UserError: for a bad store, stores that do not belong together, or trainings
            that cannot be compared.
    """
    places.file_place(out)  # a folder such as "." has no name beside it
    table = out.with_name("table.txt")
    places.check_beside(out, table)
    tables.prepare(table)
    stores: dict[int, list[Artifact]] = {}
    with Progress("seeds", len(seed), log) as progress:
        for name, *paths in seed:
            stores[_number(name)] = [open_artifact(Path(path)) for path in paths]
            progress.update(1)
    if len(stores) < len(seed):
        raise UserError("two trainings are of the same seed; give each seed once")
    found = seeds.read({number: _last(number, s) for number, s in stores.items()})
    made = making.of_seeds(stores)
    from worldmodels.report import seeds as chapter  # heavy

    publish_text(out, chapter.html(found, stores, made))
    tables.publish(table, seeds.text(found, made), seeds.data(found, made))


def _number(name: str) -> int:
    if not name.isdecimal():
        raise UserError(
            f"--seed begins with {name!r}; give the seed's number, then its stores"
        )
    return int(name)


def _last(seed: int, stores: Sequence[Artifact]) -> Artifact:
    """Return the evaluation of the last round."""
    scored = [store for store in stores if store.kind == "evaluation"]
    if not scored:
        raise UserError(
            f"the stores of seed {seed} have no evaluation among them; give all stores "
            "of its training"
        )
    return max(scored, key=lambda store: store.config["round"])
