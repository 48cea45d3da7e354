"""Painter by Numbers' layout: commas in titles, frequent values, and what is amiss."""

import pytest
from PIL import Image

from worldmodels.runtime.errors import UserError
from worldmodels.studies.conditional_gan import painters

HEAD = "filename,artist,title,style,genre,date"
ROWS = [
    '1.jpg,x,"Night, a walk, and ""rain""",Cubism,still life,1911',
    "10.jpg,y,Plain,Cubism,portrait,1912.0",
    "2.jpg,x,,Naive Art,portrait,",
    "3.jpg,z,Two,,landscape,1913",
    "4.jpg,z,Three,,,1913",
    '5.jpg,z,"over\ntwo lines",Cubism,landscape,1913',
]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / painters.PICTURES).mkdir()
    for row in ROWS:
        name = row.partition(",")[0]
        Image.new("RGB", (4, 6)).save(tmp_path / painters.PICTURES / name)
    write(tmp_path, HEAD, *ROWS)
    return tmp_path


def write(folder, *lines):
    (folder / painters.TABLE).write_text("\n".join(lines) + "\n", "utf-8")


def refused(folder, *words, column="genre", values=2):
    with pytest.raises(UserError) as error:
        painters.read(folder, column, values)
    sentence = str(error.value)
    assert "\n" not in sentence
    for word in words:
        assert word in sentence


def test_the_most_frequent_values_are_labels_and_other_pictures_are_left_out(folder):
    found = painters.read(folder, "genre", 2)
    assert found.names == ("landscape", "portrait")  # as frequent: by the alphabet
    assert [path.name for path in found.files] == ["10.jpg", "2.jpg", "3.jpg", "5.jpg"]
    assert found.labels.tolist() == [[0, 1], [0, 1], [1, 0], [1, 0]]
    found = painters.read(folder, "style", 2)
    assert found.names == ("Cubism", "Naive_Art")  # one word, for the command line
    assert [path.name for path in found.files] == ["1.jpg", "10.jpg", "2.jpg", "5.jpg"]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([HEAD.replace("genre", "kind"), *ROWS], ["has no column genre", "kind, date"]),
        ([HEAD.replace("filename", "file"), *ROWS], ["has no column filename"]),
        ([], ["has no column filename"]),
        ([HEAD, "1.jpg,x,Night, a walk,Cubism,still life,1911", *ROWS[1:]],
         ["line 2, has not the 6 entries", "quotation marks"]),
        ([HEAD, "1.jpg,x", *ROWS[1:]], ["line 2, has not the 6 entries"]),
        ([HEAD, *ROWS, ROWS[1]], ["line 9, is a second row for 10.jpg"]),
        ([HEAD, *ROWS[:3], *ROWS[4:]], ["3.jpg has no row in", "train_info.csv;"]),
        ([HEAD, *ROWS, "6.jpg,,,,,"], ["has a row for 6.jpg, which is not in"]),
        ([HEAD, "1" * 200_000, *ROWS], ["line 2, is no row of a table"]),
    ],
)  # fmt: skip
def test_a_table_that_is_amiss_is_refused(folder, lines, words):
    write(folder, *lines)
    refused(folder, str(folder), *words)


def test_values_that_become_one_name_are_refused(folder):
    rows = [row.replace("portrait", "still_life") for row in ROWS]
    write(folder, HEAD, *rows)
    refused(folder, "one word but for blanks", "'still life'", values=3)


def test_more_values_than_there_are_are_refused(folder):
    refused(folder, "has 2 values in its column style and 3 are", column="style",
            values=3)  # fmt: skip
