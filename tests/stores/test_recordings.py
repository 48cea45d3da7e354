"""A person's npz files: they are read as they are, or refused in one sentence."""

import os
import tracemalloc
import zipfile
from io import BytesIO

import numpy as np
import pytest

from worldmodels.runtime.errors import UserError
from worldmodels.stores.recordings import npz_files, read_npz

T = 6
RNG = np.random.default_rng(0)
OBS = RNG.integers(0, 256, (T, 5, 7, 3), np.uint8)
ACTION = RNG.uniform(-1, 1, (T, 2))
GOOD = {"obs": OBS, "action": ACTION}


def written(folder, **arrays):
    path = folder / "episode.npz"
    np.savez_compressed(path, **arrays)
    return path


@pytest.mark.parametrize("order", ["C", "F"])
def test_what_is_read_is_what_was_written(tmp_path, order):
    reward, done = np.arange(T), np.arange(T) == T - 1
    obs = np.asarray(OBS, order=order)
    found = read_npz(
        written(tmp_path, obs=obs, action=ACTION, reward=reward, done=done)
    )
    assert found.steps == T
    np.testing.assert_array_equal(found.actions, ACTION.astype(np.float32))
    np.testing.assert_array_equal(found.rewards, reward)
    assert found.terminated
    for _ in range(2):
        np.testing.assert_array_equal(np.stack(list(found.frames())), OBS)


def test_one_number_an_action_and_nothing_else_is_an_episode(tmp_path):
    found = read_npz(written(tmp_path, obs=OBS, action=np.arange(T)))
    np.testing.assert_array_equal(found.actions[:, 0], np.arange(T))
    assert not found.rewards.any()
    assert not found.terminated


def test_frames_are_read_some_at_a_time(tmp_path):
    """An episode of 59 MB of frames takes less than half of that."""
    obs = np.zeros((300, 256, 256, 3), np.uint8)
    obs[:, 0, 0, 0] = np.arange(300) % 251
    path = tmp_path / "episode.npz"
    np.savez(path, obs=obs, action=np.zeros(300))
    del obs
    found = read_npz(path)
    tracemalloc.start()
    first = [int(frame[0, 0, 0]) for frame in found.frames()]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert first == [n % 251 for n in range(300)]
    assert peak < 28e6


NAN = ACTION.copy()
NAN[3, 1] = np.nan
LATE = np.zeros(T, bool)
LATE[2] = True


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"obs": OBS[..., 0]}, "in 'obs' uint8 [6, 5, 7]; it must be uint8 [T, H"),
        ({"obs": OBS.swapaxes(1, 3)}, "uint8 [6, 3, 7, 5]; it must be uint8"),
        ({"obs": OBS.astype(np.float32)}, "float32 [6, 5, 7, 3]; it must be uint8"),
        ({"obs": OBS[:1], "action": ACTION[:1]}, "has 1 step; an episode must have 2"),
        ({"obs": OBS[:, :0]}, "frames of 0 x 7 pixels"),
        ({"action": ACTION[1:]}, "6 frames and 5 entries in 'action'"),
        ({"action": ACTION.astype(complex)}, "complex128 [6, 2]; it must be numbers"),
        ({"action": np.array(["left"] * T)}, "<U4 [6]; it must be numbers [T, A]"),
        ({"action": ACTION[..., None]}, "float64 [6, 2, 1]; it must be numbers"),
        ({"action": ACTION[:, :0]}, "float64 [6, 0]; it must be numbers"),
        ({"action": NAN}, "in 'action' that are not finite"),
        ({"action": np.full(T, 1e39)}, "in 'action' that are not finite"),
        ({"reward": np.full(T, np.inf)}, "in 'reward' that are not finite"),
        ({"reward": np.zeros((T, 1))}, "in 'reward' float64 [6, 1]; it must be"),
        ({"reward": np.zeros(T + 1)}, "and 7 entries in 'reward'"),
        ({"done": np.zeros(T)}, "in 'done' float64 [6]; it must be true or false"),
        ({"done": np.arange(T)}, "other numbers than 0 and 1"),
        ({"done": LATE}, "'done' before its last step"),
        ({"obs": np.array([None] * T)}, "holds Python objects in 'obs'"),
        ({"action": np.array([{}] * T)}, "holds Python objects in 'action'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_in_one_sentence(tmp_path, change, words):
    path = written(tmp_path, **(GOOD | change))
    with pytest.raises(UserError) as refusal:
        list(read_npz(path).frames())
    sentence = str(refusal.value)
    assert sentence.startswith(str(path))
    assert words in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize("missing", ["obs", "action"])
def test_what_is_missing_is_named(tmp_path, missing):
    path = written(tmp_path, **{n: x for n, x in GOOD.items() if n != missing})
    with pytest.raises(UserError, match=f"has no array '{missing}'"):
        read_npz(path)


def test_a_file_that_is_no_npz_or_damaged_is_refused(tmp_path):
    path = tmp_path / "episode.npz"
    good = written(tmp_path, **GOOD).read_bytes()
    middle = len(good) // 2
    flipped = good[:200] + bytes([good[200] ^ 0xFF]) + good[201:]
    for content in (b"", b"text", good[:middle], flipped):
        path.write_bytes(content)
        with pytest.raises(UserError, match="cannot be read as an npz file"):
            list(read_npz(path).frames())
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("obs.npy", b"no array")
    with pytest.raises(UserError, match="cannot be read as an npz file"):
        read_npz(path)


def test_files_are_found_by_name_and_empty_folders_refused(tmp_path):
    for name in ("b.npz", "a.npz", "a.txt"):
        (tmp_path / name).touch()
    assert [p.name for p in npz_files([tmp_path])] == ["a.npz", "b.npz"]
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(UserError, match="empty holds no npz files"):
        npz_files([tmp_path, empty])
    with pytest.raises(UserError, match=r"a\.npz is no folder"):
        npz_files([tmp_path / "a.npz"])


def test_what_is_no_file_is_refused_and_a_pipe_not_waited_for(tmp_path):
    path = tmp_path / "episode.npz"
    for make, words in (
        (lambda: path.symlink_to(tmp_path / "nowhere.npz"), "no such file"),
        (lambda: path.symlink_to(path), "levels of symbolic links"),
        (path.mkdir, "is no plain file"),
        (lambda: os.mkfifo(path), "is no plain file"),
    ):
        make()
        with pytest.raises(UserError, match=f"{path} .*{words}"):
            read_npz(path)
        path.rmdir() if path.is_dir() else path.unlink()


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (b"{'descr': '|u1', 'fortran_order': False, 'shape': (f(),)}", "no header"),
        (b"(" * 9000, "no header"),
        (b"{}" + b" " * 12_000, "no header"),
        (
            b"{'descr': '|u1', 'fortran_order': True, 'shape': (6, 8000, 8000, 3)}",
            "npz file",
        ),
        (
            b"{'descr': '|u1', 'fortran_order': True, 'shape': "
            b"(100000, 8000, 8000, 3)}",
            "Unable to allocate",
        ),
    ],
)
def test_a_header_that_lies_is_refused_in_one_sentence(tmp_path, header, words):
    path = tmp_path / "episode.npz"
    steps = 100_000 if b"100000" in header else T
    action = BytesIO()
    np.save(action, np.zeros(steps))
    with zipfile.ZipFile(path, "w") as archive:
        size = len(header).to_bytes(2, "little")
        archive.writestr("obs.npy", b"\x93NUMPY\x01\x00" + size + header)
        archive.writestr("action.npy", action.getvalue())
    with pytest.raises(UserError, match=words) as refusal:
        list(read_npz(path).frames())
    assert "\n" not in str(refusal.value)
    assert "pickle" not in str(refusal.value)
