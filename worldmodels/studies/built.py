"""The pages that stand beside an experiment's report: of its cells, and of studies.

The report tells of those that are built, and asks for none of them. No JAX is imported
here: the Snakefile reads it.
"""

import hashlib
from pathlib import Path

from worldmodels.studies import registry
from worldmodels.studies.study import RESULTS

_FILES = ("index.html", "table.txt", "table.json")


def digests(results: str) -> dict[str, str]:
    """Return a short digest of what each page found, by the folder of the page.

    Args:
        results: the folder of the experiment.
    """
    folders = [Path(results, "cells")]
    for name in registry.STUDIES:
        folders += sorted(Path().glob(RESULTS.format(study=name, variant="*")))
    found = {str(folder): _digest(folder) for folder in folders}
    return {folder: digest for folder, digest in found.items() if digest}


def _digest(folder: Path) -> str:
    """Return the digest of a page's table; "" where one of its files is missing."""
    try:
        *_, table = [(folder / name).read_bytes() for name in _FILES]
    except OSError:  # also one that is being made again
        return ""
    return hashlib.sha256(table).hexdigest()[:12]


def question(folder: Path) -> str:
    """Return the question of the study whose results lie in a folder; "": of none."""
    name = folder.parent.name
    return registry.study(name).summary if name in registry.STUDIES else ""
