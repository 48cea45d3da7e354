"""Tool compare: did a change help? Runs side by side, as a page: without JAX."""

from collections.abc import Sequence
from pathlib import Path

from worldmodels.report.comparison import overview, scores
from worldmodels.report.comparison.runs import open_runs
from worldmodels.runtime.errors import UserError
from worldmodels.runtime.printable import printable
from worldmodels.stores import places
from worldmodels.stores.publication import publish_text

_READ = 4096  # bytes of a page that hold its title


def run(*, runs: Sequence[Path], out: Path) -> None:
    """Compare runs with the first one: write a page to `out`, print its tables.

    Args:
        runs: folders of experiments, or of one of their seeds; two at least.

    Raises:
        UserError: for what is no run, a damaged store, runs of different games or
            tests, or a place that may not be written.
    """
    if len(runs) < 2:
        raise UserError(
            f"one run ({runs[0]}) is compared with nothing; give two or more"
        )
    _check_out(out)
    compared = open_runs(runs)
    found = scores.scores(compared)
    publish_text(out, overview.html(compared, found))
    print(overview.text(compared, found))
    print(f"\npage: {printable(out)}")


def _check_out(out: Path) -> None:
    """Refuse, before anything is read, a page that cannot be written.

    A file in its place is replaced when this command made it.
    """
    if out.suffix.lower() not in (".html", ".htm"):
        raise UserError(f"--out is {out} and must end in .html")
    places.check_file(out)
    if not out.exists():
        return
    with open(out, "rb") as file:
        begun = file.read(_READ)
    if begun and f"<title>{overview.TITLE}".encode() not in begun:
        raise UserError(
            f"{out} is a file that this command did not make; move it elsewhere or "
            "give another path"
        )
