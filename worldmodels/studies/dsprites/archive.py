"""The user's own dSprites: checked, and its pictures kept as bits on disk.

The published archive `dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz` is compressed, so
one picture cannot be read alone. It is read once, in pieces, and its 737,280 pictures
are written as bits: 377 MB, of which later steps read what they need through a memory
map. The archive's pickled metadata is never opened.
"""

import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import numpy as np

from worldmodels.runtime.errors import UserError
from worldmodels.studies.dsprites import factors, sprites
from worldmodels.studies.dsprites.sprites import PIXELS, SIDE

PIECE = 4096  # pictures in memory at once: 17 MB
_BYTES = PIXELS // 8
_WRONG = 20  # pixels that pictures may differ from ours by, in the mean
_APART = PIECE // 4 + 7  # from piece to piece: another orientation, x and y
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError)

Pictures = Callable[[np.ndarray], np.ndarray]


def drawn(index: np.ndarray) -> np.ndarray:
    """Return our own pictures uint8 [..., 4096] of places [...], each drawn once."""
    each, back = np.unique(index, return_inverse=True)
    pictures = sprites.render(factors.classes(each)).reshape(len(each), PIXELS)
    return pictures[back.reshape(np.shape(index))]


def kept(bits: np.ndarray) -> Pictures:
    """Return what looks pictures up among bits uint8 [737280, 512]."""

    def look_up(index: np.ndarray) -> np.ndarray:
        each, back = np.unique(index, return_inverse=True)
        return np.unpackbits(bits[each], axis=-1)[back.reshape(np.shape(index))]

    return look_up


def source(path: Path | None) -> Pictures:
    """Return what gives pictures [..., 4096] by their places: our own without a path.

    Raises:
        UserError: when the file is none that `pack` wrote.
    """
    if path is None:
        return drawn
    try:
        bits = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path} holds no pictures ({error}); run the study's step pack again"
        ) from error
    if bits.shape != (factors.COUNT, _BYTES) or bits.dtype != np.uint8:
        raise UserError(
            f"{path} holds {bits.shape} {bits.dtype}, not all pictures as bits; run "
            "the study's step pack again"
        )
    return kept(bits)


def pack(archive: Path, out: Path, done: Callable[[int], None]) -> float:
    """Write the pictures of an archive as bits to `out`.

    Args:
        done: called with the count of pictures of each piece.

    Returns:
        Pixels that differ from our own pictures, in the mean over some of them.

    Raises:
        UserError: when it is no archive of dSprites, or in another order.
        OSError: when `out` cannot be written.
    """
    try:
        opened = zipfile.ZipFile(archive)
    except (OSError, zipfile.BadZipFile) as error:
        raise _refused(archive, str(error)) from error
    with opened:
        try:
            _check_classes(archive, opened)
            return _pack_pictures(archive, opened, out, done)
        except _BROKEN as error:
            raise _refused(archive, str(error)) from error


def _refused(archive: Path, why: str) -> UserError:
    return UserError(
        f"{archive} is no archive of dSprites ({why}); give the published npz, or "
        "leave studies.dsprites.pictures empty to draw the pictures here"
    )


def _check_classes(archive: Path, opened: zipfile.ZipFile) -> None:
    """Refuse an archive whose pictures are in another order."""
    shape, first = (factors.COUNT, 6), 0
    for piece in _rows(archive, opened, "latents_classes", shape):
        index = np.arange(first, first + len(piece))
        if not np.array_equal(piece[:, 1:], factors.classes(index)):
            raise _refused(archive, "its latents_classes are in another order")
        first += len(piece)


def _pack_pictures(
    archive: Path, opened: zipfile.ZipFile, out: Path, done: Callable[[int], None]
) -> float:
    wrong, first = [], 0
    # Through a file of our own: numpy would append .npy to another ending.
    with open(out, "wb") as file:
        head = {"descr": "|u1", "fortran_order": False}
        head["shape"] = (factors.COUNT, _BYTES)
        np.lib.format.write_array_header_1_0(file, head)
        for piece in _rows(archive, opened, "imgs", (factors.COUNT, SIDE, SIDE)):
            if piece.max() > 1:
                raise _refused(archive, "its imgs hold more than 0 and 1")
            shown = len(wrong) * _APART % len(piece)
            ours = sprites.render(factors.classes(np.array([first + shown])))[0]
            wrong.append(int((piece[shown] != ours).sum()))
            file.write(np.packbits(piece.reshape(-1, PIXELS), axis=-1).tobytes())
            first += len(piece)
            done(len(piece))
    if np.mean(wrong) > _WRONG:
        raise _refused(archive, "its imgs are not in the order of its latents_classes")
    return float(np.mean(wrong))


def _rows(
    archive: Path, opened: zipfile.ZipFile, name: str, shape: tuple[int, ...]
) -> Iterator[np.ndarray]:
    """Yield the rows of an array of the archive, at most PIECE at a time."""
    with opened.open(f"{name}.npy") as member:
        found, dtype = _header(member)
        if found != shape or dtype.kind not in "iu":
            raise _refused(archive, f"its {name} are {found} {dtype}, not {shape}")
        size = dtype.itemsize * int(np.prod(shape[1:]))
        for at in range(0, shape[0], PIECE):
            rows = min(PIECE, shape[0] - at)
            content = member.read(rows * size)
            if len(content) < rows * size:
                raise _refused(archive, f"its {name} end early")
            yield np.frombuffer(content, dtype).reshape(rows, *shape[1:])


def _header(member: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
    """Return shape and type of a stored array, whose rows follow."""
    version = np.lib.format.read_magic(member)
    if version == (1, 0):
        shape, transposed, dtype = np.lib.format.read_array_header_1_0(member)
    else:
        shape, transposed, dtype = np.lib.format.read_array_header_2_0(member)
    if transposed:
        raise ValueError("its columns come first")
    return shape, dtype
