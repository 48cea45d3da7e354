"""Artifacts: published whole or not at all, and never read when they are not whole."""

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path

import numpy as np
import pytest
import zarr

import worldmodels
from worldmodels import artifacts
from worldmodels import provenance as provenance_module
from worldmodels.artifacts import ArtifactError, create, fingerprint, open_artifact

TREE = {
    "dense": {
        "kernel": np.arange(6, dtype=np.float32).reshape(2, 3),
        "bias": np.ones(3),
    },
    "half": np.array([0.1, -2, 6e4], np.float16),
    "flags": {"nested": {"deep": np.array([True, False])}},
    "scalar": np.float64(3.5),
    "count": np.array(7, np.int32),
    "empty": np.zeros((0, 4), np.uint8),
}


def make(path, kind="vision", value=1.0, config=None, inputs=None, version=1):
    """Publish a small store: one array in three chunks, and a tree."""
    with create(
        path, kind, config=config or {}, inputs=inputs or {}, stage_version=version
    ) as store:
        chunks = store.array("x", (3, 4), np.float32, ("episode", "time"), (1, 4))
        for n in range(3):
            chunks[n] = value + np.arange(4)
        store.tree("params", TREE)
    return open_artifact(path)


@pytest.fixture
def store(tmp_path) -> Path:
    return make(tmp_path / "vision.zarr").path


def refusal(path, action=open_artifact) -> str:
    """Return the one sentence that names the store and says what is wrong with it."""
    with pytest.raises(ArtifactError) as raised:
        action(path)
    sentence = str(raised.value)
    assert str(path) in sentence
    assert "\n" not in sentence
    return sentence


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
    assert kernel.metadata.dimension_names == ("axis0", "axis1")


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


def test_opens_with_xarray(store):
    xarray = pytest.importorskip("xarray")
    dataset = xarray.open_zarr(store, consolidated=False)
    assert dataset["x"].dims == ("episode", "time")


def test_what_is_recorded(store):
    attributes = open_artifact(store).attributes
    assert attributes["version"] == worldmodels.__version__
    assert attributes["libraries"]["zarr"] == zarr.__version__
    assert attributes["libraries"]["numpy"] == np.__version__
    assert attributes["wall_seconds"] >= 0
    assert list(attributes)[-1] == "complete"


def test_no_git_no_commit(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert make(tmp_path / "a.zarr").attributes["commit"] == ""


# Provenance.


def test_provenance_depends_on_what_decides_the_result_and_nothing_else(
    tmp_path, monkeypatch
):
    one = make(tmp_path / "one.zarr", config={"seed": 1})
    two = make(tmp_path / "two.zarr", config={"seed": 2})

    def provenance(name="a", kind="memory", value=1.0, version=1, config=None, **roles):
        path = tmp_path / f"{name}.zarr"
        config = config or {"seed": 0, "rate": 1e-4}
        return make(path, kind, value, config, roles, version).provenance

    base = provenance(latents=[one, two])
    same = [
        provenance(name="elsewhere", latents=[one, two]),
        provenance(value=5.0, latents=[one, two]),  # what is inside
        provenance(config={"rate": 1e-4, "seed": 0}, latents=[one, two]),  # order
    ]
    monkeypatch.setattr(worldmodels, "__version__", "999")
    monkeypatch.setattr(provenance_module, "_commit", lambda: "another")
    same.append(provenance(latents=[one, two]))
    assert set(same) == {base}
    different = [
        provenance(kind="vision", latents=[one, two]),
        provenance(version=2, latents=[one, two]),
        provenance(config={"seed": 1, "rate": 1e-4}, latents=[one, two]),
        provenance(config={"seed": 0, "rate": 2e-4}, latents=[one, two]),
        provenance(config={"seed": 0}, latents=[one, two]),
        provenance(latents=[two, one]),
        provenance(latents=one),
        provenance(frames=[one, two]),
        provenance(),
    ]
    assert len({base, *different}) == 1 + len(different)


def test_inputs_are_recorded_by_role(tmp_path, store):
    given = open_artifact(store)
    artifact = make(
        tmp_path / "b.zarr", "memory", inputs={"a": given, "b": [given] * 2}
    )
    expected = {"a": [given.provenance], "b": [given.provenance] * 2}
    assert artifact.attributes["inputs"] == expected


def test_fingerprint_takes_json_values_only():
    assert fingerprint({"a": [1, 2.5]}) == fingerprint({"a": (1, 2.5)})
    assert fingerprint({"a": 1}) != fingerprint({"a": "1"})
    with pytest.raises(TypeError):
        fingerprint({"a": np.int64(1)})


# Published whole or not at all.


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
    from worldmodels.artifacts import create
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


def test_a_folder_published_by_another_since_is_not_written_to(store, monkeypatch):
    partial = store.parent / ".vision.zarr.partial"

    def locked_when_the_other_is_done(descriptor, operation):
        partial.rename(store.parent / "published")

    monkeypatch.setattr(artifacts.fcntl, "flock", locked_when_the_other_is_done)
    assert "another process is writing" in refusal(store, make)


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
