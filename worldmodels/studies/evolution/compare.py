"""Step compare: the page and the tables of all searches."""

from pathlib import Path

from worldmodels.scores import tables
from worldmodels.stores import places
from worldmodels.stores.artifact import open_artifact
from worldmodels.stores.publication import publish_text
from worldmodels.studies.evolution import findings, page, table
from worldmodels.studies.evolution.settings import Evolution
from worldmodels.studies.evolution.steps import STUDY


def run(
    *,
    settings: Evolution,
    rates: Path,
    beside: Path,
    restarted: Path,
    films: list[Path],
    out: Path,
    log: Path | None,
) -> None:
    """Write the page to `out`, and table.txt and table.json beside it.

    Raises:
        UserError: for stores that do not go together, a film that is none, or a full
            disk.
    """
    del settings, log  # it takes seconds
    places.file_place(out)  # a folder such as "." has no name beside it
    summary = out.with_name("table.txt")
    places.check_beside(out, summary)
    tables.prepare(summary)
    gifs = page.read_films(films)
    given = {"rates": rates, "beside": beside, "restarted": restarted}
    stores = {name: open_artifact(at, STUDY.kind(name)) for name, at in given.items()}
    found = findings.read(**stores)
    paths = {name: stores["beside"].read(f"path/{name}") for name in ("es", "cma")}
    version = stores["rates"].attributes["version"]
    text = page.html(found, paths, gifs, version)
    publish_text(out, text)
    tables.publish(summary, table.text(found), table.data(found))
