"""Tables to read in a terminal, published with the same as JSON beside them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from worldmodels.errors import UserError
from worldmodels.publication import publish_text


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
        UserError: for a table that would lie where the JSON does, or a full disk.
    """
    beside = out.with_suffix(".json")
    if out.suffix.lower() == beside.suffix:
        raise UserError(
            f"{out} would be overwritten: the same as JSON is written beside the "
            f"table; give the table another ending, such as {out.with_suffix('.txt')}"
        )
    publish_text(beside, json.dumps(data, indent=2) + "\n")
    publish_text(out, table)
    print(table, end="")
