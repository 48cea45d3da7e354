"""Files that are no stores, the report's and the ablations' tables, in one go."""

import os
from pathlib import Path

from worldmodels.artifacts import refuse_full_disk


def publish(path: Path, text: str) -> None:
    """Write a file in one go: a reader never sees half of it."""
    fresh = path.with_name(f".{path.name}.new")
    with refuse_full_disk(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(text, encoding="utf-8")
        os.replace(fresh, path)
