"""Step compare: the page, the figures and the tables of all trainings."""

from pathlib import Path

from worldmodels.runtime.progress import Progress
from worldmodels.scores import tables
from worldmodels.stores import places
from worldmodels.stores.artifact import open_artifact
from worldmodels.stores.publication import publish_bytes, publish_text
from worldmodels.studies.mixture_density import figures, findings, page, table
from worldmodels.studies.mixture_density.settings import FIGURES, MixtureDensity
from worldmodels.studies.mixture_density.steps import STUDY


def run(
    *, settings: MixtureDensity, trainings: list[Path], out: Path, log: Path | None
) -> None:
    """Write the page to `out`; table.txt, table.json and figures/ beside it.

    Raises:
        UserError: for stores that cannot be compared, or a full disk.
    """
    places.file_place(out)  # a folder such as "." has no name beside it
    beside = out.with_name("table.txt")
    places.check_beside(out, beside)
    tables.prepare(beside)
    pictures = {name: out.with_name("figures") / f"{name}.svg" for name in FIGURES}
    for path in pictures.values():
        places.check_beside(out, path)
    with Progress("studies.mixture_density page", 2, log) as progress:
        stores = [open_artifact(path, STUDY.kind("train")) for path in trainings]
        found = findings.read(stores, settings.shown)
        progress.update(1)
        drawn = figures.draw(found)
        progress.update(1)
    for name, path in pictures.items():
        publish_bytes(path, drawn[name])
    publish_text(out, page.html(found, drawn, stores[0].attributes["version"]))
    tables.publish(beside, table.text(found), table.data(found))
