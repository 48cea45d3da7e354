"""CelebA's layout: what is read of it, and one sentence for all that is amiss."""

import numpy as np
import pytest
from PIL import Image

from worldmodels.runtime.errors import UserError
from worldmodels.studies.conditional_gan import celeba

NAMES = ("Smiling", "Male")
ROWS = ["b.jpg -1  1 -1", "a.jpg  1 -1\t-1", "c.jpg  1  1 -1"]
HEAD = "Male Smiling Young"


@pytest.fixture
def folder(tmp_path):
    """CelebA's layout of three pictures with three attributes."""
    (tmp_path / celeba.PICTURES).mkdir()
    for name in "abc":
        picture = Image.new("RGB", (4, 6))
        picture.save(tmp_path / celeba.PICTURES / f"{name}.jpg")
    write(tmp_path, "3", HEAD, *ROWS)
    return tmp_path


def write(folder, *lines, end="\n"):
    (folder / celeba.LIST).write_bytes((end.join(lines) + end).encode())


def refused(folder, *words):
    with pytest.raises(UserError) as error:
        celeba.read(folder, NAMES)
    sentence = str(error.value)
    assert "\n" not in sentence
    for word in words:
        assert str(word) in sentence


@pytest.mark.parametrize("first", [["3"], []], ids=["with count", "without"])
@pytest.mark.parametrize("end", ["\n", "\r\n", " \n"], ids=repr)
def test_the_named_attributes_are_read_in_the_order_of_files(folder, first, end):
    write(folder, *first, HEAD, *ROWS, "", end=end)
    (folder / celeba.PICTURES / ".DS_Store").touch()
    found = celeba.read(folder, NAMES)
    assert found.names == NAMES
    assert [path.name for path in found.files] == ["a.jpg", "b.jpg", "c.jpg"]
    assert found.labels.tolist() == [[0, 1], [1, 0], [1, 1]]
    assert found.labels.dtype == np.uint8


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["3", HEAD, *ROWS[:2]], ["says that it has 3 rows and has 2"]),
        (["2", HEAD, *ROWS], ["says that it has 2 rows and has 3"]),
        (["3", HEAD.replace("Male", "Man"), *ROWS],
         ["has no attribute Male; its names are Man Smiling Young"]),
        (["3", *ROWS], ["has no attribute Smiling"]),
        (["3", HEAD, *ROWS[:2], "c.jpg 1 1"],
         ["line 5, has 3 words; it must have 4"]),
        (["3", HEAD, *ROWS[:2], "c.jpg 1 0 1"], ["line 5, holds '0'"]),
        (["3", HEAD, ROWS[0], "", *ROWS[1:]], ["line 4, has 0 words"]),
        (["4", HEAD, *ROWS, ROWS[0]], ["line 6, is a second row for b.jpg"]),
        (["0"], ["holds no row"]),
        ([""], ["holds no row"]),
        ([HEAD, *ROWS[:2]], ["c.jpg has no row in", "list_attr_celeba.txt;"]),
        ([HEAD, ROWS[0]], ["a.jpg has no row in", ", nor have 1 other; add"]),
        ([HEAD, *ROWS, "d.jpg 1 1 1"], ["has a row for d.jpg, which is not in"]),
    ],
)  # fmt: skip
def test_a_list_that_is_amiss_is_refused_by_its_line(folder, lines, words):
    write(folder, *lines)
    refused(folder, folder, *words)


def test_what_is_missing_is_named(folder):
    for path in (folder / celeba.PICTURES).iterdir():
        path.unlink()
    refused(folder, folder / celeba.PICTURES, "holds no picture")
    (folder / celeba.PICTURES).rmdir()
    refused(folder, folder / celeba.PICTURES, "is no folder")
    (folder / celeba.LIST).write_bytes(b"\xff\xfe\x00")
    refused(folder, folder / celeba.LIST, "cannot be read as text")
    (folder / celeba.LIST).unlink()
    refused(folder, folder / celeba.LIST, "cannot be read as text")


def test_a_list_that_is_written_is_read_again(folder):
    labels = np.array([[1, 0], [0, 1], [1, 1]], np.uint8)
    text = celeba.listed(["a.jpg", "b.jpg", "c.jpg"], NAMES, labels)
    lines = text.splitlines()
    assert lines[0] == "3"
    assert len(lines[1].split()) == len(set(lines[1].split())) == 40
    assert all(len(line.split()) == 41 for line in lines[2:])
    (folder / celeba.LIST).write_text(text)
    np.testing.assert_array_equal(celeba.read(folder, NAMES).labels, labels)
    assert not celeba.read(folder, ("Eyeglasses",)).labels.any()
