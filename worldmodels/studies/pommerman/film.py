"""Step film: one game as a GIF, the truth and what models predicted of it."""

from pathlib import Path

from worldmodels.pictures import video
from worldmodels.stores.artifact import open_artifact
from worldmodels.studies.pommerman import boards, findings
from worldmodels.studies.pommerman.settings import Pommerman
from worldmodels.studies.pommerman.steps import STUDY

STEP = "film"
_PER_SECOND = 4


def run(
    *, settings: Pommerman, scores: list[Path], out: Path, log: Path | None
) -> None:
    """Write the film to `out`, whose ending says what it is; the page takes a GIF.

    Args:
        scores: stores of scores on the same games.

    Raises:
        UserError: for another ending, scores of other games, a bad store or a full
            disk.
    """
    del settings, log  # it takes seconds
    video.prepare(out)
    stores = [open_artifact(path, STUDY.kind("score")) for path in scores]
    findings.check(stores)
    video.write(out, boards.film(boards.shown(stores)), _PER_SECOND)
