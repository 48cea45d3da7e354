"""Painter by Numbers as it is published: `train_info.csv` and the pictures in `train/`.

The table has the columns filename, artist, title, style, genre and date. The labels are
the most frequent values of one column: each picture that has one of them has that label
alone, and the others are left out.
"""

import csv
import io
import re
from collections import Counter
from pathlib import Path

import numpy as np

from worldmodels.runtime.errors import UserError
from worldmodels.runtime.wording import count
from worldmodels.studies.conditional_gan import labelled
from worldmodels.studies.conditional_gan.labelled import Labelled

PICTURES, TABLE = "train", "train_info.csv"


def read(folder: Path, column: str, values: int) -> Labelled:
    """Return the pictures that have one of the most frequent values of a column.

    Among values that are as frequent, the first in the alphabet is taken.

    Raises:
        UserError: when the folder is not laid out so, the table is not well formed, has
            fewer values or two of one name, or pictures and rows do not match.
    """
    table = folder / TABLE
    rows = _rows(table, column)
    found = labelled.pictures_in(folder / PICTURES)
    labelled.check_matched(folder / PICTURES, found, rows, table)
    counts = Counter(value for value in rows.values() if value)
    if len(counts) < values:
        raise UserError(
            f"{table} has {count(len(counts), 'value')} in its column {column} and "
            f"{values} are asked for; lower studies.conditional_gan.data.values"
        )
    ranked = sorted(counts, key=lambda value: (-counts[value], value))[:values]
    names = tuple(map(_word, ranked))
    if len(set(names)) < len(names):
        raise UserError(
            f"{table} has values in its column {column} that are one word but for "
            f"blanks and signs, among {', '.join(map(repr, ranked))}; spell them alike"
        )
    kept = [name for name in found if rows[name] in ranked]
    labels = np.array([[rows[name] == value for value in ranked] for name in kept])
    files = [folder / PICTURES / name for name in kept]
    return Labelled(names, files, labels.astype(np.uint8))


def _word(value: str) -> str:
    """Return a value as a label's name, which is one word on a command line."""
    return re.sub(r"[\s,=]+", "_", value)


def _rows(table: Path, column: str) -> dict[str, str]:
    """Return what each picture has in a column, by its name."""
    reader = csv.DictReader(io.StringIO(labelled.text_of(table), newline=""))
    try:
        names = reader.fieldnames or []
        for name in ("filename", column):
            if name not in names:
                raise UserError(
                    f"{table} has no column {name}; its columns are {', '.join(names)}"
                )
        rows: dict[str, str] = {}
        for row in reader:
            where = f"{table}, line {reader.line_num},"
            if None in row or None in row.values():
                raise UserError(
                    f"{where} has not the {len(names)} entries that its first line "
                    "names; put what holds a comma in quotation marks"
                )
            if row["filename"] in rows:
                raise UserError(
                    f"{where} is a second row for {row['filename']}; remove one"
                )
            rows[row["filename"]] = row[column].strip()
        return rows
    except csv.Error as error:
        raise UserError(
            f"{table}, line {reader.line_num + 1}, is no row of a table ({error})"
        ) from error
