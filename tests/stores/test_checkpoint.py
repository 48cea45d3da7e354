"""Checkpoints: whole or ignored, replaced at once, and held by one process."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import jax
import numpy as np
import pytest

from worldmodels.stores import checkpoint as checkpoints
from worldmodels.stores.artifact import ArtifactError
from worldmodels.stores.checkpoint import Checkpoint, open_checkpoint

STATE = {
    "params": {"kernel": np.arange(6, dtype=np.float32).reshape(2, 3)},
    "opt_state": {"0": {"count": np.array(3, np.int32), "mu": np.ones(2, np.float16)}},
    "history": {"loss": np.array([3.0, 2.0, np.nan]), "empty": np.zeros((0, 2))},
    "flags": np.array([True, False]),
    "key": np.array([1, 2**32 - 1], np.uint32),
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "checkpoints" / "vision.ckpt"


def saved(path, state=STATE, fingerprint="abc"):
    with open_checkpoint(path, fingerprint) as checkpoint:
        checkpoint.save(state)


def loaded(path, fingerprint="abc"):
    with open_checkpoint(path, fingerprint) as checkpoint:
        return checkpoint.load()


def test_comes_back_as_it_was_saved(path):
    saved(path)
    found = loaded(path)
    assert jax.tree.structure(found) == jax.tree.structure(STATE)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(STATE), strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_array_equal(a, b)


def test_nothing_to_resume(path):
    assert loaded(path) is None


def test_the_last_save_counts(path):
    with open_checkpoint(path, "abc") as checkpoint:
        checkpoint.save({"step": np.array(1)})
        checkpoint.save({"step": np.array(2)})
        assert checkpoint.load()["step"] == 2


def test_one_of_other_settings_is_ignored(path):
    saved(path)
    assert loaded(path, "other") is None
    assert loaded(path, "abc") is not None


def test_names_that_differ_in_their_ending_are_kept_apart(path):
    saved(path)
    with open_checkpoint(path, "abc"):
        saved(path.with_suffix(".other"), {"step": np.array(1)})
        assert loaded(path.with_suffix(".other")) is not None
    assert "params" in loaded(path)


def test_a_truncated_file_is_ignored(path):
    saved(path)
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        assert Checkpoint(path, "abc").load() is None, size


def test_a_flipped_byte_anywhere_is_ignored(path):
    saved(path)
    whole = path.read_bytes()
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 0x10
        path.write_bytes(damaged)
        assert Checkpoint(path, "abc").load() is None, place


def test_what_a_power_cut_leaves_is_ignored(path):
    path.parent.mkdir()
    for nothing in (b"", bytes(4), bytes(4096)):
        path.write_bytes(nothing)
        assert loaded(path) is None
    path.with_name("vision.ckpt.new").write_bytes(b"\x01\x02\x03\x04\x83\xabfing")
    saved(path)
    assert loaded(path) is not None


@pytest.mark.parametrize("name", ["vision.ckpt", "vision.ckpt.new", "vision.ckpt.lock"])
def test_the_users_own_file_stays(path, name):
    path.parent.mkdir()
    for words in ("hi, words", "years of work\n" * 100):
        path.with_name(name).write_text(words)
        if name == "vision.ckpt.lock":  # that is not written
            saved(path)
        else:
            with pytest.raises(ArtifactError, match=r"is no checkpoint and would"):
                saved(path)
        assert path.with_name(name).read_text() == words
        if name == "vision.ckpt":
            assert os.listdir(path.parent) == [name]


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_what_is_no_file_is_refused_at_once(path, make):
    path.parent.mkdir()
    make(path)
    with pytest.raises(ArtifactError, match="which a file does not replace"):
        saved(path)
    assert [p.name for p in path.parent.iterdir()] == ["vision.ckpt"]


@pytest.mark.parametrize("place", [".", "/", "..", "/proc/vision.ckpt"])
def test_a_place_where_none_can_be_is_refused(tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ArtifactError) as raised:
        saved(Path(place))
    assert str(raised.value).startswith(place)


def test_a_link_to_a_checkpoint_is_followed(path, tmp_path):
    saved(path)
    (tmp_path / "link.ckpt").symlink_to(path)
    saved(tmp_path / "link.ckpt", {"step": np.array(2)})
    assert (tmp_path / "link.ckpt").is_symlink()
    assert loaded(path)["step"] == 2


SAVER = """
    import sys
    import numpy as np
    from worldmodels.stores.checkpoint import open_checkpoint
    with open_checkpoint(sys.argv[1], "abc") as checkpoint:
        for step in range(10**9):
            checkpoint.save({"step": np.full(2**20, step)})
            print(step, flush=True)
"""


@pytest.fixture
def saver(path):
    """A process that saves eight megabytes again and again."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SAVER), path],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "0\n"
    yield process
    process.kill()
    process.communicate()


def test_sigkill_while_saving(path, saver):
    with pytest.raises(ArtifactError) as raised, open_checkpoint(path, "abc"):
        pass
    assert f"another process is running the stage of {path}" in str(raised.value)
    assert "\n" not in str(raised.value)
    for _ in range(5):
        last = int(saver.stdout.readline())
    os.kill(saver.pid, signal.SIGKILL)
    saver.wait()
    last = int((str(last), *saver.stdout.read().split())[-1])
    # Its lock died with it, and a whole state is there.
    found = loaded(path)["step"]
    assert found[0] in (last, last + 1)
    np.testing.assert_array_equal(found, np.full(2**20, found[0]))
    saved(path)
    assert sorted(p.name for p in path.parent.iterdir()) == [
        "vision.ckpt",
        "vision.ckpt.lock",
    ]


def test_a_full_disk_leaves_the_last_one(path, monkeypatch):
    saved(path)

    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints.os, "replace", full)
    with pytest.raises(ArtifactError, match="the disk is full") as raised:
        saved(path, {"step": np.array(1)})
    assert str(path) in str(raised.value)
    assert "params" in loaded(path)
    assert not path.with_name("vision.ckpt.new").exists()


def test_the_clock_goes_on_where_a_killed_run_stopped(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(checkpoints.time, "monotonic", lambda: now[0])
    first = Checkpoint(tmp_path / "c.ckpt", "same")
    now[0] = 130.0
    first.save({"x": np.zeros(1)})
    now[0] = 500.0  # killed, and started again much later
    second = Checkpoint(tmp_path / "c.ckpt", "same")
    second.load()
    assert second.seconds_before == 30.0
    now[0] = 507.0
    second.save({"x": np.zeros(1)})
    third = Checkpoint(tmp_path / "c.ckpt", "same")
    third.load()
    assert third.seconds_before == 37.0
    other = Checkpoint(tmp_path / "c.ckpt", "another")
    other.load()
    assert other.seconds_before == 0.0
