"""CelebA as it is published: `img_align_celeba/` and `list_attr_celeba.txt`.

The list's first line is the count of pictures, its second the names of 40 attributes,
and then there is a line for each picture: its name and -1 or 1 for each attribute. The
first line may be missing.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from worldmodels.runtime.errors import UserError
from worldmodels.runtime.wording import count
from worldmodels.studies.conditional_gan import labelled
from worldmodels.studies.conditional_gan.labelled import Labelled

PICTURES, LIST = "img_align_celeba", "list_attr_celeba.txt"
_ATTRIBUTES = """
5_o_Clock_Shadow Arched_Eyebrows Attractive Bags_Under_Eyes Bald Bangs Big_Lips Big_Nose
Black_Hair Blond_Hair Blurry Brown_Hair Bushy_Eyebrows Chubby Double_Chin Eyeglasses
Goatee Gray_Hair Heavy_Makeup High_Cheekbones Male Mouth_Slightly_Open Mustache
Narrow_Eyes No_Beard Oval_Face Pale_Skin Pointy_Nose Receding_Hairline Rosy_Cheeks
Sideburns Smiling Straight_Hair Wavy_Hair Wearing_Earrings Wearing_Hat Wearing_Lipstick
Wearing_Necklace Wearing_Necktie Young
"""
ATTRIBUTES = tuple(_ATTRIBUTES.split())
_VALUES = {"-1": 0, "1": 1}


def read(folder: Path, names: Sequence[str]) -> Labelled:
    """Return the pictures of a folder with those of their attributes that are named.

    Raises:
        UserError: when the folder is not laid out so, the list is not well formed or
            lacks an attribute, or pictures and rows do not match.
    """
    table = folder / LIST
    rows = _rows(table, names)
    found = labelled.pictures_in(folder / PICTURES)
    labelled.check_matched(folder / PICTURES, found, rows, table)
    labels = np.array([rows[name] for name in found], np.uint8)
    return Labelled(tuple(names), [folder / PICTURES / name for name in found], labels)


def _rows(table: Path, names: Sequence[str]) -> dict[str, list[int]]:
    """Return the labels of each picture by its name."""
    lines = labelled.text_of(table).rstrip().splitlines()
    counted = bool(lines) and lines[0].strip().isdecimal()
    named = int(counted)  # which line has the names
    if len(lines) < named + 2:
        raise UserError(
            f"{table} holds no row; it must have the names of attributes in a line and "
            "then a line for each picture"
        )
    known = lines[named].split()
    columns = [1 + _column(table, known, name) for name in names]
    rows: dict[str, list[int]] = {}
    # Split one by one: 40 words of each of 200,000 pictures are half a gigabyte.
    for number, line in enumerate(lines[named + 1 :], start=named + 2):
        where, words = f"{table}, line {number},", line.split()
        values = _values(where, words, columns, len(known))
        if words[0] in rows:
            raise UserError(f"{where} is a second row for {words[0]}; remove one")
        rows[words[0]] = values
    if counted and int(lines[0]) != len(rows):
        raise UserError(
            f"{table} says that it has {count(int(lines[0]), 'row')} and has "
            f"{len(rows):,}; it was cut or changed: get it anew, or mend its first line"
        )
    return rows


def _column(table: Path, known: list[str], name: str) -> int:
    if name not in known:
        raise UserError(
            f"{table} has no attribute {name}; its names are {' '.join(known)}"
        )
    return known.index(name)


def _values(
    where: str, line: list[str], columns: list[int], attributes: int
) -> list[int]:
    if len(line) != attributes + 1:
        raise UserError(
            f"{where} has {count(len(line), 'word')}; it must have {attributes + 1}, "
            "the picture's name and all attributes"
        )
    values = [_VALUES.get(line[column]) for column in columns]
    if None in values:
        wrong = line[columns[values.index(None)]]
        raise UserError(f"{where} holds {wrong!r}; attributes are -1 or 1")
    return values


def listed(names: Sequence[str], known: Sequence[str], labels: np.ndarray) -> str:
    """Return the text of a list of all 40 attributes; those not known are -1.

    Args:
        names: of the pictures, N.
        known: attributes of `labels` [N, L].
    """
    values = np.full((len(names), len(ATTRIBUTES)), -1)
    values[:, [ATTRIBUTES.index(name) for name in known]] = 2 * labels.astype(int) - 1
    rows = [
        f"{name} {' '.join(f'{value:2}' for value in row)}"
        for name, row in zip(names, values.tolist(), strict=True)
    ]
    return "\n".join([str(len(rows)), " ".join(ATTRIBUTES), *rows]) + "\n"
