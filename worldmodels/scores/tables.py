"""Tables to read in a terminal, published with the same as JSON beside them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from worldmodels.runtime.errors import UserError
from worldmodels.stores import places
from worldmodels.stores.publication import publish_text


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a line for each row: the first column flush left, the others right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            [row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]
        ).rstrip()
        for row in rows
    ]


def publish(out: Path, table: str, data: dict[str, Any]) -> None:
    """Write `table` to `out` and `data` as JSON beside it, and print the table.

    Raises:
        UserError: as `prepare`, or for a full disk.
    """
    prepare(out)
    publish_text(out, table)
    publish_text(_beside(out), json.dumps(data, indent=2) + "\n")
    print(table, end="")


def prepare(out: Path) -> None:
    """Refuse a table, before the work, that could not be written to `out`.

    Raises:
        UserError: for a table that would lie where the JSON does, or a place of either
            that may not be replaced or written.
    """
    places.file_place(out)  # a folder such as "." has no name beside it
    if out.suffix.lower() == _beside(out).suffix:
        raise UserError(
            f"{out} would be overwritten: the same as JSON is written beside the "
            f"table; give the table another ending, such as {out.with_suffix('.txt')}"
        )
    places.check_beside(out, _beside(out))


def _beside(out: Path) -> Path:
    return out.with_suffix(".json")
