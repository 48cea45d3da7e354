"""Step compare: the page, the figure of a game and the tables of all trainings."""

from collections.abc import Sequence
from pathlib import Path

from worldmodels.pictures import grids
from worldmodels.runtime.errors import UserError
from worldmodels.scores import tables
from worldmodels.stores import places
from worldmodels.stores.artifact import Artifact, open_artifact
from worldmodels.stores.publication import publish_bytes, publish_text
from worldmodels.studies.films import read_gif
from worldmodels.studies.pommerman import boards, figures, findings, page, table
from worldmodels.studies.pommerman.findings import Found
from worldmodels.studies.pommerman.settings import FIGURES, Pommerman
from worldmodels.studies.pommerman.steps import STUDY


def run(
    *,
    settings: Pommerman,
    scores: list[Path],
    overfits: list[Path],
    film: Path,
    out: Path,
    log: Path | None,
) -> None:
    """Write the page to `out`; table.txt, table.json and figures/ beside it.

    Args:
        scores: stores of scores on games that no model learnt from.
        overfits: stores of scores on games that models learnt by heart.
        film: a GIF, which the page shows.

    Raises:
        UserError: for stores that cannot be compared, what is no GIF, or a full disk.
    """
    del settings, log  # it takes a second
    places.file_place(out)  # a folder such as "." has no name beside it
    beside = out.with_name("table.txt")
    places.check_beside(out, beside)
    tables.prepare(beside)
    pictures = {name: out.with_name("figures") / name for name in FIGURES}
    for path in pictures.values():
        places.check_beside(out, path)
    stores, known = (
        [open_artifact(path, STUDY.kind("score")) for path in paths]
        for paths in (scores, overfits)
    )
    found, by_heart = _read(stores, False), _read(known, True)
    moving = read_gif(film)
    drawn = figures.changed(found), grids.png(boards.strip(boards.shown(stores)))
    for path, picture in zip(pictures.values(), drawn, strict=True):
        publish_bytes(path, picture)
    version = stores[0].attributes["version"]
    publish_text(out, page.html(found, by_heart, stores, moving, version))
    tables.publish(beside, table.text(found, by_heart), table.data(found, by_heart))


def _read(stores: Sequence[Artifact], by_heart: bool) -> list[Found]:
    """Return what scores say: all of games that were learnt by heart, or none.

    Raises:
        UserError: for another, or scores that cannot be compared.
    """
    for store in stores:
        if store.config["by_heart"] != by_heart:
            given = "overfits" if store.config["by_heart"] else "scores"
            raise UserError(f"{store.path} is in the wrong place; give it as --{given}")
    return findings.read(stores)
