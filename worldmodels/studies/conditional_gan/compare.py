"""Step compare: the page and the tables of all trainings."""

from pathlib import Path

from worldmodels.scores import tables
from worldmodels.stores import places
from worldmodels.stores.artifact import open_artifact
from worldmodels.stores.lineage import check_input
from worldmodels.stores.publication import publish_text
from worldmodels.studies.conditional_gan import findings, page, table
from worldmodels.studies.conditional_gan.settings import ConditionalGAN
from worldmodels.studies.conditional_gan.source import Pictures
from worldmodels.studies.conditional_gan.steps import STUDY


def run(
    *,
    settings: ConditionalGAN,
    pictures: Path,
    judge: Path,
    trainings: list[Path],
    scores: list[Path],
    out: Path,
    log: Path | None,
) -> None:
    """Write the page to `out`, and table.txt and table.json beside it.

    Raises:
        UserError: for stores that cannot be compared, or a full disk.
    """
    del log  # it takes seconds
    places.file_place(out)  # a folder such as "." has no name beside it
    beside = out.with_name("table.txt")
    places.check_beside(out, beside)
    tables.prepare(beside)
    source, judged = Pictures(pictures), open_artifact(judge, STUDY.kind("judge"))
    stores = [open_artifact(path, STUDY.kind("train")) for path in trainings]
    for store in (judged, *stores):
        check_input(store, "pictures", source.store)
    measured = [open_artifact(path, STUDY.kind("score")) for path in scores]
    for store in measured:
        check_input(store, "judge", judged)
    found = findings.read(stores, measured)
    known, bars = findings.judged(judged), []
    if findings.has_bars(settings.data, found[0]):
        bars = findings.bars(found[0], known)
    rows = table.all_rows(found, known, bars)
    version = stores[0].attributes["version"]
    publish_text(out, page.html(found, rows, bars, source, version))
    tables.publish(beside, table.text(rows, found), table.data(found, known, bars))
