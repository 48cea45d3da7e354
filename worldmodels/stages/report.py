"""Stage report: one page and a few lines from an experiment's stores.

Deleting it costs nothing: everything in it comes from the stores.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from worldmodels.report import companions, replays
from worldmodels.report.background import Background
from worldmodels.runtime import devices
from worldmodels.runtime.errors import UserError
from worldmodels.runtime.printable import printable
from worldmodels.runtime.progress import Progress
from worldmodels.stores import places
from worldmodels.stores.artifact import Artifact, open_artifact
from worldmodels.stores.lineage import check_input
from worldmodels.stores.publication import publish_text
from worldmodels.studies import built

if TYPE_CHECKING:
    from worldmodels.scores.temperatures import Sweep


def run(
    *,
    stores: Sequence[Path],
    temperatures: Sequence[Path] = (),
    beside: Sequence[Path] = (),
    play: Path | None = None,
    out: Path,
    log: Path | None = None,
) -> None:
    """Write the page to `out` and summary.txt beside it; print the summary.

    Args:
        stores: of any kind and round, in any order; what is missing is left out.
        temperatures: evaluations of controllers that learnt in the last round's dream,
            one a temperature.
        beside: folders of the pages of cells and of studies; one that is not complete
            is left out, for it may be being made.
        play: the page to play in, to which a link leads.

    Raises:
        UserError: for a bad store, stores that do not belong together or a full disk.
    """
    if not stores:
        raise UserError("a report needs at least one store; give some")
    places.file_place(out)  # a folder such as "." has no name beside it
    lines = out.with_name("summary.txt")
    places.check_beside(out, lines)
    artifacts = [open_artifact(path) for path in stores]
    with Background() as background:
        begun = replays.begin_latest(artifacts, background)
        # JAX is imported while the drives are driven again.
        from worldmodels.report import overview
        from worldmodels.report.rounds import group

        rounds = group(artifacts)
        dtypes = {artifact.config.get("dtype") for artifact in artifacts}
        devices.prepare("float64" if "float64" in dtypes else "float32")
        found = _sweep(temperatures, rounds[-1].one("memory"))
        with Progress("report, rounds", len(rounds), log) as progress:
            html = overview.html(
                rounds,
                background,
                lambda: progress.update(1),
                found,
                begun,
                _told(beside, out),
                "" if play is None else companions.address_of(play, out),
            )
    summary = overview.summary(rounds, out)
    publish_text(out, html)
    publish_text(lines, summary)
    print("\n".join(map(printable, summary.split("\n"))), end="")


def _told(folders: Sequence[Path], out: Path) -> str:
    """Return the chapters on the pages in some folders, as HTML."""
    found = [companions.read(folder, built.question(folder)) for folder in folders]
    return companions.section([page for page in found if page is not None], out)


def _sweep(temperatures: Sequence[Path], memory: Artifact | None) -> "Sweep | None":
    """Return the scores by temperature, of controllers that learnt in M's dream."""
    if not temperatures:
        return None
    from worldmodels.scores.temperatures import read

    stores = [open_artifact(path, "evaluation") for path in temperatures]
    if memory is not None:
        check_input(stores[0], "memory", memory)
    return read(stores)
