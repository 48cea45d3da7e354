"""The user's archive: read in pieces, checked, its metadata never opened."""

import errno
import os
import tracemalloc
import zipfile

import numpy as np
import pytest

from worldmodels.runtime.errors import UserError
from worldmodels.studies.dsprites import archive, factors, sprites


@pytest.fixture
def small(monkeypatch):
    """Return a data set of a few scales and positions alone."""
    monkeypatch.setattr(archive, "PIECE", 50)
    monkeypatch.setattr(factors, "SIZES", (3, 2, 4, 3, 2))
    monkeypatch.setattr(factors, "COUNT", 144)


class Trap:
    """What must never be unpickled."""

    def __reduce__(self):
        return os.abort, ()


def write(path, classes=None, pictures=None, **more):
    index = np.arange(factors.COUNT)
    own = factors.classes(index)
    if classes is None:
        classes = np.concatenate([np.zeros((len(own), 1), np.int64), own], axis=1)
    if pictures is None:
        pictures = sprites.render(own)
        pictures[:, 0, 0] ^= 1  # as real ones, they differ a little from ours
    given = {"imgs": pictures, "latents_classes": classes}
    trap = np.array([Trap()], dtype=object)
    np.savez_compressed(path, metadata=trap, **(given | more))
    return path


def pack(path, out) -> float:
    return archive.pack(path, out, lambda count: None)


def test_pictures_come_back_by_their_places(tmp_path, small):
    out = tmp_path / "pictures.npy"
    assert pack(write(tmp_path / "given.npz"), out) == 1.0
    pictures = archive.source(out)
    index = np.array([[143, 0], [51, 143]])
    expected = sprites.render(factors.classes(index))
    expected[..., 0, 0] ^= 1
    found = pictures(index)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, expected.reshape(2, 2, 4096))


def test_without_an_archive_pictures_are_our_own():
    index = np.array([[737279, 5], [5, 3]])
    expected = sprites.render(factors.classes(index)).reshape(2, 2, 4096)
    np.testing.assert_array_equal(archive.source(None)(index), expected)


def test_an_archive_is_read_in_pieces(tmp_path, small, monkeypatch):
    monkeypatch.setattr(factors, "SIZES", (3, 2, 4, 15, 10))
    monkeypatch.setattr(factors, "COUNT", 3600)
    zeros = np.zeros((3600, 64, 64), np.uint8)
    monkeypatch.setattr(archive, "_WRONG", 999)
    path = write(tmp_path / "given.npz", pictures=zeros)
    tracemalloc.start()
    pack(path, tmp_path / "out.npy")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < zeros.nbytes / 5


def wrong_order():
    classes = np.concatenate(
        [np.zeros((144, 1), int), factors.classes(np.arange(144))], axis=1
    )
    return {"classes": classes[::-1]}


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (wrong_order, "its latents_classes are in another order"),
        (
            lambda: {"pictures": np.zeros((143, 64, 64), np.uint8)},
            "its imgs are (143, 64, 64) uint8, not (144, 64, 64)",
        ),
        (
            lambda: {"pictures": np.full((144, 64, 64), 255, np.uint8)},
            "its imgs hold more than 0 and 1",
        ),
        (
            lambda: {"pictures": np.ones((144, 64, 64), np.uint8)},
            "its imgs are not in the order of its latents_classes",
        ),
        (
            lambda: {"pictures": np.zeros((144, 64, 64), np.float32)},
            "its imgs are (144, 64, 64) float32, not (144, 64, 64)",
        ),
    ],
)
def test_another_archive_is_refused(tmp_path, small, given, why):
    path = write(tmp_path / "given.npz", **given())
    with pytest.raises(UserError) as refused:
        pack(path, tmp_path / "out.npy")
    assert str(refused.value).startswith(f"{path} is no archive of dSprites ({why}")


def test_what_is_no_archive_is_refused(tmp_path, small):
    path = tmp_path / "text.npz"
    path.write_text("no")
    with pytest.raises(UserError, match="is no archive of dSprites"):
        pack(path, tmp_path / "out.npy")
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("other.npy", b"")
    with pytest.raises(UserError, match=r"latents_classes\.npy"):
        pack(path, tmp_path / "out.npy")
    with pytest.raises(UserError, match="is no archive of dSprites"):
        pack(tmp_path / "none.npz", tmp_path / "out.npy")


def test_an_archive_with_x_and_y_exchanged_is_refused(tmp_path, small, monkeypatch):
    """In the first picture of a piece both are 0: it is the same either way."""
    monkeypatch.setattr(archive, "PIECE", 150)
    monkeypatch.setattr(factors, "SIZES", (3, 2, 4, 15, 10))
    monkeypatch.setattr(factors, "COUNT", 3600)
    classes = factors.classes(np.arange(3600))[:, [0, 1, 2, 4, 3]]
    path = write(tmp_path / "given.npz", pictures=sprites.render(classes))
    with pytest.raises(UserError, match="its imgs are not in the order"):
        pack(path, tmp_path / "out.npy")


def test_a_broken_archive_is_refused(tmp_path, small):
    path = write(tmp_path / "given.npz")
    with zipfile.ZipFile(path) as opened:
        start = opened.getinfo("imgs.npy").header_offset
    content = bytearray(path.read_bytes())
    content[start + 60 : start + 160] = bytes(100)
    path.write_bytes(content)
    with pytest.raises(UserError, match="is no archive of dSprites"):
        pack(path, tmp_path / "out.npy")


def test_a_full_disk_is_not_the_archives_fault(tmp_path, small):
    def full(count: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match="No space"):  # the step says which disk
        archive.pack(write(tmp_path / "given.npz"), tmp_path / "out.npy", full)


def test_a_file_of_other_pictures_is_refused(tmp_path):
    path = tmp_path / "other.npy"
    with pytest.raises(UserError, match="holds no pictures"):
        archive.source(path)
    np.save(path, np.zeros((3, 512), np.uint8))
    with pytest.raises(UserError, match="not all pictures as bits"):
        archive.source(path)
