"""Labelled pictures in a folder, as a loader of a layout finds them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from worldmodels.runtime.errors import UserError
from worldmodels.runtime.wording import count

_PICTURES = (".jpg", ".jpeg", ".png")


class Labelled(NamedTuple):
    """Pictures and their labels.

    Attributes:
        names: of the labels, L.
        files: paths of the pictures in the order of their names, N.
        labels: uint8 [N, L] of 0 and 1.
    """

    names: tuple[str, ...]
    files: Sequence[Path]
    labels: np.ndarray


def pictures_in(folder: Path) -> list[str]:
    """Return the names of the pictures in a folder, sorted.

    Raises:
        UserError: when there is no such folder, or no picture in it.
    """
    found = [
        path.name
        for path in (folder.iterdir() if folder.is_dir() else ())
        if path.suffix.lower() in _PICTURES and not path.name.startswith(".")
    ]
    if not found:
        raise UserError(
            f"{folder} {'holds no picture' if folder.is_dir() else 'is no folder'}; "
            f"unpack the pictures ({', '.join(_PICTURES)}) there"
        )
    return sorted(found)


def check_matched(folder: Path, found: list[str], rows: Mapping, table: Path) -> None:
    """Refuse pictures without a row in their table, and rows without a picture.

    Args:
        found: names of the pictures in `folder`.
        rows: of the table, by the names of pictures.

    Raises:
        UserError: naming the first one.
    """
    for name in found:
        if name not in rows:
            missing = sum(other not in rows for other in found)
            raise UserError(
                f"{folder / name} has no row in {table}{_others(missing)}; add the "
                "rows or remove the pictures"
            )
    there = set(found)
    for name in rows:
        if name not in there:
            missing = sum(other not in there for other in rows)
            raise UserError(
                f"{table} has a row for {name}, which is not in "
                f"{folder}{_others(missing)}; add the pictures or remove the rows"
            )


def check_varied(found: Labelled) -> None:
    """Refuse a label that all pictures have, or none: it would steer nothing.

    Raises:
        UserError: naming the first one.
    """
    for name, share in zip(found.names, found.labels.mean(axis=0), strict=True):
        if share in (0, 1):
            whose = f"all {len(found.files):,} have" if share else "none has"
            raise UserError(
                f"of the {len(found.files):,} pictures in {found.files[0].parent} "
                f"{whose} the label {name}, which then steers nothing; give other "
                "labels in studies.conditional_gan.data, or more pictures"
            )


def _others(missing: int) -> str:
    return f", nor have {count(missing - 1, 'other')}" if missing > 1 else ""


def text_of(table: Path) -> str:
    """Return the text of a table.

    Raises:
        UserError: when it is missing or no text.
    """
    try:
        return table.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{table} cannot be read as text ({error})") from error
