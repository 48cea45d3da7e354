"""Artifacts: what is written is read, and never when the store is not whole."""

import json
import os
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
import zarr
from support.small_store import TREE, refusal

from worldmodels.stores.artifact import open_artifact


def chunk(store: Path) -> Path:
    return store / "x" / "c.1.0"


def edit_root(store: Path, change) -> None:
    meta = json.loads((store / "zarr.json").read_text())
    change(meta)
    (store / "zarr.json").write_text(json.dumps(meta))


# What is written is read.


def test_trees_come_back_as_they_were(store):
    tree = open_artifact(store).tree("params")
    assert tree.keys() == TREE.keys()
    pairs = [
        (tree["dense"]["kernel"], TREE["dense"]["kernel"]),
        (tree["dense"]["bias"], TREE["dense"]["bias"]),
        (tree["flags"]["nested"]["deep"], TREE["flags"]["nested"]["deep"]),
        *((tree[n], TREE[n]) for n in ("half", "scalar", "count", "empty")),
    ]
    for found, expected in pairs:
        assert found.dtype == expected.dtype
        assert found.shape == expected.shape
        np.testing.assert_array_equal(found, expected)


def test_reading_a_part(store):
    artifact = open_artifact(store)
    np.testing.assert_array_equal(artifact.read("x", 1), [1, 2, 3, 4])
    np.testing.assert_array_equal(artifact.read("x", (slice(2), -1)), [4, 4])
    with pytest.raises(IndexError):
        artifact.read("x", 3)
    assert "no array 'y'" in refusal(store, lambda p: open_artifact(p).read("y"))


def test_names_and_size(store):
    artifact = open_artifact(store)
    assert "x" in artifact.names()
    assert artifact.names("params/dense") == [
        "params/dense/bias",
        "params/dense/kernel",
    ]
    arrays = [f for f in store.rglob("*") if f.is_file() and f.parent != store]
    groups = [store / "params", *(store / "params" / g for g in ("dense", "flags"))]
    groups.append(store / "params/flags/nested")
    expected = sum(f.stat().st_size for f in arrays)
    expected -= sum((g / "zarr.json").stat().st_size for g in groups)
    assert artifact.size() == expected


def test_dimensions_have_names(store):
    artifact = open_artifact(store)
    assert artifact.array("x").metadata.dimension_names == ("episode", "time")
    kernel = artifact.array("params/dense/kernel")
    assert kernel.metadata.dimension_names == ("kernel_0", "kernel_1")


def test_opens_with_plain_zarr_and_says_nothing(store):
    (store / ".snakemake_timestamp").touch()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        group = zarr.open_group(store, mode="r")
        assert {name for name, _ in group.members()} == {"x", "params"}
        np.testing.assert_array_equal(group["x"][2], [1, 2, 3, 4])
        assert group["params/half"].dtype == np.float16
        assert group.attrs["complete"] is True
        np.testing.assert_array_equal(open_artifact(store).read("x", 0), [1, 2, 3, 4])


# Read only when whole.


def truncate(file: Path) -> None:
    os.truncate(file, file.stat().st_size - 1)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (shutil.rmtree, "does not exist"),
        (lambda s: (s / "zarr.json").unlink(), "no worldmodels store"),
        (lambda s: (s / "zarr.json").write_text('{"attributes": {'), "zarr.json"),
        (lambda s: (s / "zarr.json").write_text("[]"), "zarr.json"),
        (lambda s: (s / "zarr.json").write_bytes(b"\xff\xfe\x00"), "zarr.json"),
        (lambda s: edit_root(s, lambda m: m.pop("attributes")), "zarr.json"),
        (lambda s: edit_root(s, lambda m: m.update(attributes=None)), "zarr.json"),
        (lambda s: edit_root(s, lambda m: m["attributes"].pop("kind")), "zarr.json"),
        (
            lambda s: edit_root(s, lambda m: m["attributes"].pop("complete")),
            "not complete",
        ),
        (
            lambda s: edit_root(s, lambda m: m["attributes"].update(complete=1)),
            "not complete",
        ),
        (
            lambda s: edit_root(s, lambda m: m["attributes"].pop("files")),
            "not complete",
        ),
        (
            lambda s: edit_root(s, lambda m: m["attributes"].update(schema=99)),
            "has schema 99 and this version reads schema 1",
        ),
        (lambda s: chunk(s).unlink(), "array 'x' has 3 files"),
        (lambda s: truncate(chunk(s)), "array 'x' has 4 files"),
        (lambda s: shutil.rmtree(s / "x"), "array 'x' has 0 files"),
        (lambda s: (s / "x" / "zarr.json").unlink(), "array 'x' has 3 files"),
        (
            lambda s: (s / "params/dense/kernel/c.0.0").unlink(),
            "array 'params/dense/kernel' has 1 files",
        ),
    ],
)
def test_a_damaged_store_is_refused_when_opened(store, damage, words):
    damage(store)
    assert words in refusal(store)


def test_other_things_are_refused(store, tmp_path):
    file, folder = tmp_path / "file", tmp_path / "folder"
    file.touch()
    folder.mkdir()
    plain = tmp_path / "plain.zarr"
    zarr.create_array(str(plain), shape=(2,), dtype="f4")
    for path in (file, folder, plain):
        assert "no worldmodels store" in refusal(path)
    words = "is a vision store; a memory store is needed"
    assert words in refusal(store, lambda p: open_artifact(p, "memory"))
    assert open_artifact(store, "vision").kind == "vision"


@pytest.mark.parametrize("place", [0, 10, -1])
def test_a_flipped_byte_is_refused_when_read(store, place):
    stored = bytearray(chunk(store).read_bytes())
    stored[place] ^= 1
    chunk(store).write_bytes(stored)
    artifact = open_artifact(store)
    np.testing.assert_array_equal(artifact.read("x", 0), [1, 2, 3, 4])
    for selection in (1, ...):
        assert "array 'x' is damaged" in refusal(
            store, lambda _, s=selection: artifact.read("x", s)
        )


@pytest.mark.parametrize("spoil", ["{", '"', "f"])
def test_damaged_metadata_of_an_array_is_refused_when_read(store, spoil):
    meta = store / "x" / "zarr.json"
    meta.write_text(meta.read_text().replace(spoil, "#", 1))
    artifact = open_artifact(store)
    for action in (lambda _: artifact.array("x"), lambda _: artifact.read("x")):
        assert "array 'x' is damaged" in refusal(store, action)


def test_strangers_in_the_store_disturb_nothing(store):
    (store / ".snakemake_timestamp").touch()
    (store / "notes.txt").write_text("mine")
    assert open_artifact(store).names("x") == []
    np.testing.assert_array_equal(open_artifact(store).read("x", 2), [1, 2, 3, 4])
