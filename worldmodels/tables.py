"""Tables to read in a terminal, published with the same as JSON beside them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

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
        UserError: when the disk is full.
    """
    publish_text(out.with_suffix(".json"), json.dumps(data, indent=2) + "\n")
    publish_text(out, table)
    print(table, end="")
