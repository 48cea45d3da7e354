"""Step compare: the page and the tables of all trainings."""

from pathlib import Path

from worldmodels.scores import tables
from worldmodels.stores import places
from worldmodels.stores.artifact import open_artifact
from worldmodels.stores.publication import publish_text
from worldmodels.studies.dnc_tasks import findings, page, table
from worldmodels.studies.dnc_tasks.settings import DNCTasks
from worldmodels.studies.dnc_tasks.steps import STUDY


def run(
    *,
    settings: DNCTasks,
    trainings: list[Path],
    traces: list[Path],
    out: Path,
    log: Path | None,
) -> None:
    """Write the page to `out`, and table.txt and table.json beside it.

    Raises:
        UserError: for stores that cannot be compared, or a full disk.
    """
    del settings, log  # it takes a second
    places.file_place(out)  # a folder such as "." has no name beside it
    beside = out.with_name("table.txt")
    places.check_beside(out, beside)
    tables.prepare(beside)
    stores = [open_artifact(path, STUDY.kind("train")) for path in trainings]
    found = findings.read(stores)
    followed = [open_artifact(path, STUDY.kind("trace")) for path in traces]
    publish_text(out, page.html(found, followed, stores[0].attributes["version"]))
    tables.publish(beside, table.text(found), table.data(found))
