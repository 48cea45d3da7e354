"""Stage ablations: what every ablation scores, as a table."""

from collections.abc import Sequence
from pathlib import Path

from worldmodels.runtime.errors import UserError
from worldmodels.runtime.progress import Progress
from worldmodels.scores import ablations, tables
from worldmodels.scores.ablations import Evaluations
from worldmodels.stores.artifact import open_artifact


def run(
    *, ablation: Sequence[Sequence[str]], out: Path, log: Path | None = None
) -> None:
    """Write the table to `out`, and the same as JSON beside it; print the table.

    Args:
        ablation: for each a name, then its evaluation stores, one a training seed. The
            others are compared with the first.

    Raises:
        UserError: for a bad store, or for other seeds or tracks than the first has.
    """
    tables.prepare(out)
    evaluations: Evaluations = {}
    with Progress("ablations", len(ablation), log) as progress:
        for name, *paths in ablation:
            stores = [open_artifact(Path(path), "evaluation") for path in paths]
            evaluations[name] = ablations.by_seed(name, stores)
            progress.update(1)
    if len(evaluations) < len(ablation):
        raise UserError("two ablations have the same name; give each its own")
    found = ablations.compare(evaluations)
    tables.publish(out, ablations.text(found), ablations.data(found))
