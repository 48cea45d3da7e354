"""Stage report: one page and a few lines from an experiment's stores.

Deleting it costs nothing: everything in it comes from the stores.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from worldmodels import compute, report
from worldmodels.artifacts import open_artifact, refuse_full_disk
from worldmodels.errors import UserError
from worldmodels.progress import Progress
from worldmodels.report.rounds import group


def run(*, stores: Sequence[Path], out: Path, log: Path | None = None) -> None:
    """Write the page to `out` and summary.txt beside it; print the summary.

    Args:
        stores: of any kind and round, in any order; what is missing is left out.

    Raises:
        UserError: for a bad store, stores that do not belong together or a full disk.
    """
    if not stores:
        raise UserError("a report needs at least one store; give some")
    artifacts = [open_artifact(path) for path in stores]
    dtypes = {artifact.config.get("dtype") for artifact in artifacts}
    compute.prepare("float64" if "float64" in dtypes else "float32")
    rounds = group(artifacts)
    with Progress("report, rounds", len(rounds), log) as progress:
        html = report.html(rounds, lambda: progress.update(1))
    summary = report.summary(rounds, out)
    _publish(out, html)
    _publish(out.with_name("summary.txt"), summary)
    print(summary, end="")


def _publish(path: Path, text: str) -> None:
    """Write a file in one go: a reader never sees half of it."""
    fresh = path.with_name(f".{path.name}.new")
    with refuse_full_disk(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(text, encoding="utf-8")
        os.replace(fresh, path)
