"""Rows in one file: what zarr would have written, damage told, and gaps refused."""

import os
import warnings
from pathlib import Path

import numpy as np
import pytest
import zarr
from support.small_store import refusal

from worldmodels.stores.artifact import count_files, open_artifact
from worldmodels.stores.publication import create
from worldmodels.training.datasets import StoredEpisodes

ROWS, STEPS = 32, 7
AXES = ("episode", "time", "y", "x", "channel")


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    """Episodes of frames, the first of which is black."""
    frames = np.random.default_rng(0).integers(0, 5, (ROWS, STEPS, 64, 64, 3), np.uint8)
    frames[0] = 0
    return frames


def publish(path: Path, fill) -> Path:
    with create(path, "rollouts", config={}, inputs={}, stage_version=1) as store:
        fill(store)
        store.write("actions", np.zeros((ROWS, STEPS, 3), np.float32))
        store.write("length", np.arange(ROWS, dtype=np.int32) % STEPS + 1)
        store.write("seed", np.arange(ROWS))
    return path


def by_rows(store, values: np.ndarray, order=range(ROWS)) -> None:
    rows = store.rows("frames", values.shape, values.dtype, AXES[: values.ndim])
    for n in order:
        rows.put(n, values[n])
    rows.close()


def by_chunks(store, values: np.ndarray) -> None:
    """Write as stores of earlier versions are: a file a row."""
    chunks = (1, *values.shape[1:])
    store.array("frames", values.shape, values.dtype, AXES, chunks)[...] = values


@pytest.fixture
def store(tmp_path, frames) -> Path:
    order = np.random.default_rng(1).permutation(ROWS)
    return publish(tmp_path / "s.zarr", lambda s: by_rows(s, frames, order))


def shard(store: Path) -> Path:
    return store / "frames" / "c.0.0.0.0.0"


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.int64])
def test_the_file_is_the_one_that_zarr_writes(tmp_path, frames, dtype):
    values = frames.astype(dtype)

    def by_zarr(s):
        shape = values.shape
        s.array("frames", shape, dtype, AXES, (1, *shape[1:]), shape)[...] = values

    own = publish(tmp_path / "own.zarr", lambda s: by_rows(s, values))
    zarrs = publish(tmp_path / "zarrs.zarr", by_zarr)
    for name in ("zarr.json", "c.0.0.0.0.0"):
        assert (own / "frames" / name).read_bytes() == (
            zarrs / "frames" / name
        ).read_bytes()


def test_rows_put_in_any_order_are_read_as_they_were(store, frames):
    artifact = open_artifact(store)
    np.testing.assert_array_equal(artifact.read("frames"), frames)
    np.testing.assert_array_equal(artifact.read("frames", 5), frames[5])
    np.testing.assert_array_equal(
        artifact.read("frames", (3, slice(2, 4))), frames[3, 2:4]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(zarr.open_group(store)["frames"][9], frames[9])


def test_other_libraries_open_it(store, frames):
    xarray = pytest.importorskip("xarray")
    found = xarray.open_zarr(store)["frames"]
    assert found.dims == AXES
    np.testing.assert_array_equal(found[5], frames[5])


def test_many_files_become_one_at_the_same_bytes(tmp_path, store, frames):
    before = publish(tmp_path / "b.zarr", lambda s: by_chunks(s, frames))
    files, size = count_files(before / "frames")
    assert files == 33
    assert count_files(store / "frames")[0] == 2
    chunks = size - (before / "frames/zarr.json").stat().st_size
    assert shard(store).stat().st_size == chunks + 16 * ROWS + 4


def test_a_training_sees_no_difference(tmp_path, store, frames):
    """Stores of earlier versions, of a file an episode, are read beside new ones."""
    before = publish(tmp_path / "b.zarr", lambda s: by_chunks(s, frames))
    episodes = StoredEpisodes([open_artifact(path) for path in (before, store)])
    some = np.array([3, 17])
    old, new = (episodes.frames(some + n)["frames"] for n in (0, ROWS))
    expected = np.concatenate([frames[n, : n % STEPS + 1] for n in some])
    np.testing.assert_array_equal(old, expected)
    np.testing.assert_array_equal(new, expected)


def flip(file: Path, place: int) -> None:
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)


def test_a_damaged_row_is_told_and_the_others_are_read(tmp_path, frames):
    """Those are not even decoded."""
    path = publish(tmp_path / "s.zarr", lambda s: by_rows(s, frames))
    flip(shard(path), 60)  # in the second row, after the black one
    artifact = open_artifact(path)
    for selection in (1, slice(0, 3), ...):
        told = refusal(path, lambda _, s=selection: artifact.read("frames", s))
        assert "array 'frames' is damaged" in told
    for n in (0, *range(2, ROWS)):
        np.testing.assert_array_equal(artifact.read("frames", n), frames[n])


@pytest.mark.parametrize("place", [-1, -4 - 8 * 2 * ROWS, -100])
def test_a_damaged_index_is_told(store, place):
    flip(shard(store), place)
    artifact = open_artifact(store)
    for selection in (0, ...):
        told = refusal(store, lambda _, s=selection: artifact.read("frames", s))
        assert "array 'frames' is damaged" in told


def test_a_truncated_or_missing_file_is_refused_when_opened(store):
    os.truncate(shard(store), shard(store).stat().st_size - 1)
    assert "array 'frames' has 2 files" in refusal(store)
    shard(store).unlink()
    assert "array 'frames' has 1 files" in refusal(store)


def test_rows_that_were_never_put_are_refused(tmp_path, frames):
    path = tmp_path / "s.zarr"
    for some, gaps in (([2, 0], ROWS - 2), ([], ROWS)):
        with pytest.raises(ValueError, match=f"'frames' has {gaps} chunks that were"):
            publish(path, lambda s, some=some: by_rows(s, frames, some))

    def open_still(store):
        store.rows("frames", frames.shape, np.uint8, AXES).put(0, frames[0])

    with pytest.raises(ValueError, match="frames has no index: it was not closed"):
        publish(path, open_still)

    def nothing_put(store):
        store.rows("frames", frames.shape, np.uint8, AXES)

    with pytest.raises(ValueError, match=f"'frames' has {ROWS} chunks that were not"):
        publish(path, nothing_put)
    assert not path.exists()


def test_a_row_that_does_not_fit_or_comes_twice_is_refused(tmp_path, frames):
    def put(store):
        rows = store.rows("frames", frames.shape, np.uint8, AXES)
        rows.put(1, frames[1])
        with pytest.raises(ValueError, match="row 1 was put before"):
            rows.put(1, frames[1])
        with pytest.raises(ValueError, match="row 2 has shape"):
            rows.put(2, frames[2, 1:])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publish(tmp_path / "s.zarr", put)
