"""Publication: a store appears whole or not at all, and the last good one stays."""

import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from support.small_store import make, refusal

from worldmodels.stores import places
from worldmodels.stores.artifact import open_artifact
from worldmodels.stores.publication import create


def test_an_exception_leaves_the_last_store(store):
    def interrupted():
        with create(store, "vision", config={}, inputs={}, stage_version=1) as new:
            new.write("x", np.zeros(3))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert open_artifact(store).read("x")[0, 0] == 1
    assert [p.name for p in store.parent.iterdir()] == [store.name]


def test_a_store_is_replaced_whole(store):
    make(store, value=5.0)
    assert open_artifact(store).read("x")[0, 0] == 5
    assert [p.name for p in store.parent.iterdir()] == [store.name]


def test_chunks_that_were_never_written_are_refused(store):
    def forgetful():
        with create(store, "vision", config={}, inputs={}, stage_version=1) as new:
            new.array("x", (3, 4), np.float32, ("a", "b"), (1, 4))[0] = 1

    with pytest.raises(ValueError, match="'x' has 2 chunks that were not written"):
        forgetful()
    assert open_artifact(store).read("x")[0, 0] == 1


WRITER = """
    import sys, time
    import numpy as np
    from worldmodels.stores.publication import create
    with create(
        sys.argv[1], "vision", config={}, inputs={}, stage_version=1
    ) as store:
        store.write("x", np.zeros((3, 4)))
        print("writing", flush=True)
        time.sleep(600)
"""


@pytest.fixture
def writer(tmp_path):
    """A process in the middle of writing `tmp_path/vision.zarr`."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WRITER), tmp_path / "vision.zarr"],
        stdout=subprocess.PIPE,
    )
    assert process.stdout.readline() == b"writing\n"
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize("before", [True, False])
def test_sigkill_in_the_middle(tmp_path, before, request):
    path = tmp_path / "vision.zarr"
    if before:
        make(path)
    writer = request.getfixturevalue("writer")
    assert "another process is writing" in refusal(path, make)
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    if before:
        assert open_artifact(path).read("x")[0, 0] == 1
    else:
        assert "does not exist" in refusal(path)
    make(path, value=5.0)
    assert open_artifact(path).read("x")[0, 0] == 5
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_sigkill_between_the_renames_of_a_replacement(store):
    os.rename(store, store.parent / ".vision.zarr.old")  # the first was done

    def fails_too():
        with create(store, "vision", config={}, inputs={}, stage_version=1):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fails_too()
    assert open_artifact(store).read("x")[0, 0] == 1


def test_a_lock_that_another_writer_has_deleted_since_is_none(store, monkeypatch):
    lock = store.parent / ".vision.zarr.lock"

    def locked_when_the_other_is_done(descriptor):
        lock.unlink()
        return True

    monkeypatch.setattr(places.locks, "take", locked_when_the_other_is_done)
    assert "another process is writing" in refusal(store, make)


def test_a_second_writer_is_refused_until_the_old_store_is_gone(store, monkeypatch):
    """In one step the old store came to where the next one would be filled."""
    told = []

    def remove(folder, remove=places.remove):
        if folder.exists():
            told.append(refusal(store, lambda path: make(path, value=7.0)))
        remove(folder)

    monkeypatch.setattr(places, "remove", remove)
    make(store, value=5.0)
    assert len(told) == 1
    assert "another process is writing" in told[0]
    assert open_artifact(store).read("x")[0, 0] == 5
    assert [p.name for p in store.parent.iterdir()] == [store.name]


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    assert "cannot be written" in refusal(tmp_path / "file" / "vision.zarr", make)


def test_a_full_disk_leaves_the_last_store(small_disk):
    path = small_disk / "vision.zarr"
    make(path)
    noise = np.random.default_rng(0).integers(0, 255, (8, 2**18), np.uint8)

    def too_large(path):
        with create(path, "vision", config={}, inputs={}, stage_version=1) as store:
            store.array("x", noise.shape, np.uint8, "ab", (1, 2**18))[...] = noise

    assert "the disk is full" in refusal(path, too_large)
    assert open_artifact(path).read("x")[0, 0] == 1
    assert [p.name for p in small_disk.iterdir()] == [path.name]
    make(path, value=5.0)
