"""Places: nothing but a result of the same kind is replaced, and in one step."""

import errno
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
import zarr
from support import commands
from support.small_store import content, make, refusal

from worldmodels.stores import places
from worldmodels.stores.artifact import ArtifactError, open_artifact
from worldmodels.stores.publication import create, publish_text


def with_files(place):
    place.mkdir()
    (place / "thesis.tex").write_text("years of work")


def with_stores(place):
    place.mkdir()
    make(place / "vision.zarr")


def with_a_foreign_store(place):
    group = zarr.open_group(place, mode="w", attributes={"kind": "vision"})
    group.create_array("x", data=np.arange(3))


def with_another_kind(place):
    make(place, kind="memory")


def with_a_note(place):
    make(place)
    (place / "params" / "notes.txt").write_text("the best one so far")


def with_an_array_of_ones_own(place):
    make(place)
    group = zarr.open_group(place, mode="r+")
    group.create_array("mine", data=np.float32(7))  # in a file called c


def with_a_folder_of_ones_own(place):
    make(place)
    (place / "params" / "mine").mkdir()
    (place / "params" / "mine" / "c.0").write_text("years of work")


def with_a_damaged_store(place):
    make(place)
    (place / "zarr.json").write_text('{"attributes": ')


def as_a_file(place):
    place.write_text("years of work")


def as_a_pipe(place):
    os.mkfifo(place)


def as_a_link_to_a_file(place):
    (place.parent / "file").write_text("years of work")
    place.symlink_to(place.parent / "file")


def as_a_link_to_nothing(place):
    place.symlink_to(place.parent / "nothing")


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (with_files, "holds other files (thesis.tex)"),
        (with_stores, "holds other files (vision.zarr)"),
        (with_a_foreign_store, "no vision store of this project"),
        (with_another_kind, "is a store of the kind memory"),
        (with_an_array_of_ones_own, "which is no part of the store"),
        (with_a_folder_of_ones_own, "mine/c.0, which is no part of the store"),
        (with_a_note, "notes.txt, which is no part of the store"),
        (with_a_damaged_store, "no vision store of this project"),
        (as_a_file, "is a file and a store is a folder"),
        (as_a_pipe, "is a device, pipe or socket"),
        (as_a_link_to_a_file, "which is no folder"),
        (as_a_link_to_nothing, "which is no folder"),
    ],
)
def test_a_store_replaces_nothing_else(tmp_path, other, told):
    place = tmp_path / "out.zarr"
    other(place)
    before = content(tmp_path), sorted(os.listdir(tmp_path)), place.lstat().st_ino
    assert told in refusal(place, make)
    after = content(tmp_path), sorted(os.listdir(tmp_path)), place.lstat().st_ino
    assert before == after


@pytest.mark.parametrize("name", [".vision.zarr.partial", ".vision.zarr.old"])
def test_what_is_the_users_beside_it_stays(tmp_path, name):
    own = tmp_path / name
    own.mkdir()
    (own / "thesis.tex").write_text("years of work")
    assert "would be lost" in refusal(tmp_path / "vision.zarr", make)
    assert content(tmp_path) == {f"{name}/thesis.tex": b"years of work"}
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", [".vision.zarr.partial", ".vision.zarr.old"])
def test_a_hidden_link_is_not_followed(tmp_path, name):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "c.0").write_text("years of work")
    (tmp_path / name).symlink_to(tmp_path / "own")
    refusal(tmp_path / "vision.zarr", make)
    assert (tmp_path / "own" / "c.0").read_text() == "years of work"
    assert (tmp_path / name).is_symlink()


def test_nothing_is_put_into_a_store(tmp_path):
    store = tmp_path / "vision.zarr"
    make(store)
    before = content(store)
    for place in (store / "zarr.json", store / "params" / "page.html"):
        with pytest.raises(ArtifactError, match="lies in the store") as raised:
            publish_text(place, "words")
        assert str(store) in str(raised.value)
    assert "lies in the store" in refusal(store / "other.zarr", make)
    assert content(store) == before


def test_a_hidden_link_in_the_place_of_a_new_file(tmp_path):
    (tmp_path / "own").write_text("years of work")
    (tmp_path / ".page.new.html").symlink_to(tmp_path / "own")
    with pytest.raises(ArtifactError, match="cannot be written"):
        publish_text(tmp_path / "page.html", "words")
    assert (tmp_path / "own").read_text() == "years of work"


def test_a_device_stays_a_device(tmp_path):
    assert "is a device" in refusal(Path("/dev/null"), make)
    with pytest.raises(ArtifactError, match="is a device"):
        publish_text(Path("/dev/null"), "words")
    assert Path("/dev/null").is_char_device()


def test_the_folder_that_one_stands_in_is_not_replaced(tmp_path, monkeypatch):
    (tmp_path / "here" / "below").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    assert "in use" in refusal(Path("."), make)
    monkeypatch.chdir(tmp_path / "here" / "below")
    assert "in use" in refusal(Path(".."), make)
    assert "in use" in refusal(Path("/"), make)


def test_an_empty_folder_may_become_a_store(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".snakemake_timestamp").touch()
    assert make(tmp_path / "out").read("x")[0, 0] == 1


def test_a_link_to_a_folder_is_followed(tmp_path):
    big_disk, link = tmp_path / "disk" / "vision.zarr", tmp_path / "vision.zarr"
    big_disk.mkdir(parents=True)
    link.symlink_to(big_disk)
    for value in (1.0, 5.0):
        make(link, value=value)
        assert link.is_symlink()
        assert open_artifact(big_disk).read("x")[0, 0] == value
        assert os.listdir(big_disk.parent) == ["vision.zarr"]
        assert sorted(os.listdir(tmp_path)) == ["disk", "vision.zarr"]


def test_a_stage_refuses_before_its_work(tmp_path, learnt):
    with_files(tmp_path / "out")
    files = ["--latents", *learnt.latents, "--checkpoint", tmp_path / "m.ckpt"]
    sizes = [*commands.MEMORY, "--set=memory.epochs=1000000", "--out", tmp_path / "out"]
    assert "holds other files" in commands.call_refused("memory", *sizes, *files)
    assert sorted(os.listdir(tmp_path)) == ["out"]


def test_what_came_in_the_meantime_is_not_replaced(tmp_path):
    place = tmp_path / "out.zarr"

    def write(place):
        with create(place, "vision", config={}, inputs={}, stage_version=1) as store:
            store.write("x", np.zeros(3))
            with_files(place)

    assert "holds other files" in refusal(place, write)
    assert content(tmp_path) == {"out.zarr/thesis.tex": b"years of work"}


REPLACING = """
    import sys
    import numpy as np
    from worldmodels.stores.publication import create
    print("ready", flush=True)
    value = 0
    while True:
        value += 1
        with create(
            sys.argv[1], "vision", config={}, inputs={}, stage_version=1
        ) as store:
            for name in "ab":
                store.write(name, np.full(1000, value))
"""


def test_at_any_moment_one_whole_store_is_there(tmp_path):
    """A reader never finds the place empty, and a kill leaves a store and no other."""
    place = tmp_path / "vision.zarr"
    with create(place, "vision", config={}, inputs={}, stage_version=1) as store:
        for name in "ab":
            store.write(name, np.zeros(1000))
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(REPLACING), place],
        stdout=subprocess.PIPE,
    )
    assert process.stdout.readline() == b"ready\n"
    limit, seen = time.monotonic() + 60, [0]
    while len(seen) < 6:
        assert time.monotonic() < limit
        if (now := place.stat().st_ino) != seen[-1]:
            seen.append(now)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    left = open_artifact(place)
    np.testing.assert_array_equal(left.read("a"), left.read("b"))
    make(place, value=5.0)
    assert os.listdir(tmp_path) == ["vision.zarr"]


def test_without_an_exchange_in_one_step(tmp_path, monkeypatch):
    monkeypatch.setattr(places, "_swap", lambda one, other: False)
    for value in (1.0, 5.0):
        assert make(tmp_path / "vision.zarr", value=value).read("x")[0, 0] == value
    assert os.listdir(tmp_path) == ["vision.zarr"]


def test_a_store_is_on_the_disk_before_it_takes_its_place(tmp_path, monkeypatch):
    synced, published = set(), []

    def note_sync(path):
        assert not published or path == tmp_path
        synced.add(Path(path))

    def note_rename(folder, place, rename=os.rename):
        published.extend(path for path in Path(folder).rglob("*"))
        rename(folder, place)

    monkeypatch.setattr(places, "_sync", note_sync)
    monkeypatch.setattr(places.os, "rename", note_rename)
    make(tmp_path / "vision.zarr")
    assert published
    assert synced >= set(published) | {tmp_path}


def test_a_disk_that_cannot_wait_for_its_folders_is_used_all_the_same(
    tmp_path, monkeypatch
):
    def fail(descriptor):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(places.os, "fsync", fail)
    assert make(tmp_path / "vision.zarr").read("x")[0, 0] == 1
    publish_text(tmp_path / "page.html", "words")


def test_an_input_from_the_future_is_refused_before_the_work(tmp_path):
    given = make(tmp_path / "rollouts.zarr", kind="rollouts")
    stamp = given.path / ".snakemake_timestamp"
    stamp.touch()
    make(tmp_path / "vision.zarr", inputs={"rollouts": [given]})
    os.utime(stamp, (time.time() + 3600, time.time() + 3600))

    def late(path):
        make(tmp_path / "vision.zarr", inputs={"rollouts": [given]}, value=5.0)

    assert "at a later time than the clock" in refusal(given.path, late)
    assert open_artifact(tmp_path / "vision.zarr").read("x")[0, 0] == 1
