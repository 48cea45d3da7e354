"""Files: only a file is replaced by a file, whole, and never one that nobody named."""

import pytest
from support.small_store import content, make

from worldmodels import cli
from worldmodels.runtime.errors import UserError
from worldmodels.scores import tables
from worldmodels.stores import places
from worldmodels.stores.artifact import ArtifactError, open_artifact
from worldmodels.stores.publication import publish_text


def test_a_file_is_replaced_by_a_file_alone(tmp_path):
    path = tmp_path / "page.html"
    for words in ("first", "second"):
        publish_text(path, words)
        assert path.read_text() == words
    (tmp_path / "link.html").symlink_to(path)
    publish_text(tmp_path / "link.html", "third")
    assert (tmp_path / "link.html").is_symlink()
    assert path.read_text() == "third"
    path.unlink()
    make(path)
    with pytest.raises(ArtifactError, match="is a folder, which a file does not"):
        publish_text(path, "words")
    assert open_artifact(path).read("x")[0, 0] == 1


def test_two_writers_of_one_file(tmp_path):
    with places.new_file(tmp_path / "page.html") as fresh:
        fresh.write_text("first")
        with pytest.raises(ArtifactError, match="another process is writing"):
            publish_text(tmp_path / "page.html", "second")
    assert content(tmp_path) == {"page.html": b"first"}


def test_a_file_that_fails_leaves_the_last_one(tmp_path):
    publish_text(tmp_path / "page.html", "first")

    def fail():
        with places.new_file(tmp_path / "page.html") as fresh:
            fresh.write_text("half of the sec")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert content(tmp_path) == {"page.html": b"first"}


def test_what_lies_beside_a_table_is_the_users(tmp_path):
    (tmp_path / "table.json").write_text("{}")
    with pytest.raises(UserError, match=r"table\.json would be written beside"):
        tables.publish(tmp_path / "table.txt", "a table\n", {"a": 1})
    assert content(tmp_path) == {"table.json": b"{}"}
    (tmp_path / "table.json").unlink()
    for number in (1, 2):
        tables.publish(tmp_path / "table.txt", f"table {number}\n", {"a": number})
    assert content(tmp_path)["table.txt"] == b"table 2\n"


def test_a_page_is_not_overwritten_by_what_is_written_beside_it(tmp_path):
    path = tmp_path / "summary.txt"
    with pytest.raises(UserError, match="would be overwritten by what is written"):
        places.check_beside(path, tmp_path / "summary.txt")
    assert content(tmp_path) == {}


@pytest.mark.parametrize("place", [".", "/", ""])
@pytest.mark.parametrize(
    "command",
    [
        "report",
        "seeds --seed 1",
        "ablations --ablation a",
        "temperatures",
        "cells --cell lstm",
    ],
)
def test_a_folder_in_the_place_of_a_page_or_table(tmp_path, capsys, command, place):
    assert cli.main([*command.split(), str(tmp_path / "store"), "--out", place]) == 1
    assert "is a folder, which a file does not replace" in capsys.readouterr().err
