"""Step compare: the page and the tables of all trainings."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from worldmodels.runtime.errors import UserError
from worldmodels.scores import tables
from worldmodels.stores import places
from worldmodels.stores.artifact import Artifact, open_artifact
from worldmodels.stores.lineage import had_input
from worldmodels.stores.publication import publish_text
from worldmodels.studies.curiosity import findings, page, table
from worldmodels.studies.curiosity.arms import ARMS
from worldmodels.studies.curiosity.settings import WORLDS, Curiosity
from worldmodels.studies.curiosity.steps import STUDY
from worldmodels.studies.films import read_gif

Place = tuple[str, str]  # world and arm


def run(
    *,
    settings: Curiosity,
    trainings: list[Path],
    episodes: list[Path],
    films: list[Path],
    out: Path,
    log: Path | None,
) -> None:
    """Write the page to `out`, and table.txt and table.json beside it.

    Raises:
        UserError: for stores that cannot be compared, an episode or a film of none of
            them, or a full disk.
    """
    del settings, log  # it takes seconds
    places.file_place(out)  # a folder such as "." has no name beside it
    beside = out.with_name("table.txt")
    places.check_beside(out, beside)
    tables.prepare(beside)
    shown = read_films(films)
    stores = [open_artifact(path, STUDY.kind("train")) for path in trainings]
    played = read_episodes(episodes, stores)
    found = findings.read(stores)
    version = stores[0].attributes["version"]
    publish_text(out, page.html(found, played, shown, version))
    tables.publish(beside, table.text(found), table.data(found))


def read_episodes(
    paths: Sequence[Path], trainings: Sequence[Artifact]
) -> dict[Place, dict[str, np.ndarray]]:
    """Return the bonus and the values of episodes, by world and arm.

    Raises:
        UserError: for one that none of the trainings played.
    """
    found = {}
    for path in paths:
        store = open_artifact(path, STUDY.kind("episode"))
        if not any(had_input(store, "training", one) for one in trainings):
            raise UserError(
                f"{path} was played by a training that is not given; give its store as "
                "well, or the episodes of the trainings that are given"
            )
        where = store.config["world"], store.config["arm"]
        found[where] = {name: store.read(name) for name in ("bonus", "values")}
    return found


def read_films(paths: Sequence[Path]) -> dict[Place, bytes]:
    """Return GIFs by world and arm, the names of their folders and their files.

    Raises:
        UserError: for one that is missing, no GIF, or of another name.
    """
    found = {}
    for path in paths:
        data = read_gif(path)
        where = path.parent.name, path.stem
        known = where[0] in WORLDS and where[1] in ARMS
        if not known:
            raise UserError(
                f"{path} is no film of this page; give GIFs of the step film, each "
                "named <world>/<arm>.gif"
            )
        found[where] = data
    return found
