"""Stores that are damaged, edited by hand or made to do harm: one sentence for each.

What is in a store is data. Whatever it says, opening and reading end at once, in little
memory, and name the store.
"""

import json
import os
import shutil
import socket
from pathlib import Path

import numpy as np
import pytest
import zarr
from support import commands, damage
from support.damage import set_attribute, set_setting
from support.small_store import refusal

from worldmodels.stores.artifact import open_artifact
from worldmodels.stores.decoding import content_size

KINDS = (
    "rollouts", "vision", "latents", "memory", "controller", "evaluation", "agent",
)  # fmt: skip


@pytest.fixture(scope="module")
def kinds(stores, pretrained):
    """One store of each kind."""
    several = {k: getattr(stores, k)[0] for k in ("rollouts", "latents", "controller")}
    single = {k: getattr(stores, k) for k in ("vision", "memory", "evaluation")}
    return several | single | {"agent": open_artifact(pretrained)}


def set_counts(counts):
    def change(root):
        files = root["attributes"]["files"]
        files[next(iter(files))] = counts

    return change


def add_array(name):
    return lambda root: root["attributes"]["files"].update({name: [1, 1]})


def set_metadata(name, value):
    """Change what is declared of the first array."""

    def change(root):
        first = next(iter(root["attributes"]["files"]))
        root["consolidated_metadata"]["metadata"][first][name] = value

    return change


def chunks_of(*sizes):
    return {"name": "regular", "configuration": {"chunk_shape": list(sizes)}}


ATTRIBUTES = [
    *[set_attribute("files", value) for value in (None, [], 3, {"x": 1})],
    *[add_array(name) for name in ("../x", "/etc", "a//b", "a/./b", "\x1b[31m", "")],
    *[set_counts(c) for c in (None, [1], [1, -1], ["1", 1], [True, 1], [1, 1.0])],
    *[set_attribute("config", value) for value in (None, [], "x")],
    *[set_setting("round", value) for value in ("0", -1, 1e9, None, True, [0])],
    *[set_setting("precision_used", value) for value in ("auto", 3, ["mixed"], None)],
    set_setting("x", float("nan")),
    set_setting("x", damage.nested(100)),
    set_setting("x", {"y": {"z": {"w": 1}}}),
    set_setting("x", "y" * 10_000),
    set_setting("x", 10**400),
    *[set_attribute("inputs", value) for value in (None, [], {"a": "b"}, {"a": [1]})],
    *[set_attribute("libraries", value) for value in (None, [], {"jax": {}})],
    *[
        set_attribute(name, value)
        for name in ("version", "commit", "compute", "machine", "created", "kind")
        for value in (None, 3, ["x"], {"x": "y"})
    ],
    *[set_attribute("wall_seconds", v) for v in (None, "1", -1, float("inf"))],
    set_attribute("stage_version", "1"),
    set_attribute("seed", "1"),
    set_attribute("schema", True),
    set_attribute("complete", "yes"),
    lambda root: root.pop("consolidated_metadata"),
    lambda root: root.update(consolidated_metadata={"metadata": 3}),
    lambda root: root.update(attributes=[]),
]
METADATA = [
    *[
        set_metadata("data_type", value)
        for value in ("string", "object", "vlen-bytes", {"name": "struct"}, 3)
    ],
    *[set_metadata("shape", value) for value in (None, 3, [-1], ["3"], [2**50], [1e9])],
    *[set_metadata("chunk_grid", v) for v in (None, [], chunks_of(0))],
    set_metadata("chunk_grid", chunks_of(2**45)),
    *[
        set_metadata("codecs", value)
        for value in (None, {}, [3], [{"name": "pickle"}], [{"name": ["zstd"]}])
    ],
    set_metadata("codecs", [{"name": "sharding_indexed", "configuration": {
        "codecs": [{"name": "vlen-bytes"}]}}]),
    set_metadata("dimension_names", ["x"] * 9),
    set_metadata("node_type", "group"),
    set_metadata("storage_transformers", [{"name": "x"}]),
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_attributes_and_metadata_that_cannot_be_are_refused(kinds, kind, tmp_path):
    for change in [*ATTRIBUTES, *METADATA]:
        refusal(damage.edited(kinds[kind], tmp_path / "x.zarr", change))


def test_an_edit_that_leaves_the_provenance_as_it_was_is_told(kinds, tmp_path):
    path = tmp_path / "memory.zarr"
    shutil.copytree(kinds["memory"].path, path)
    text = (path / "zarr.json").read_text()
    (path / "zarr.json").write_text(text.replace('"epochs": 40', '"epochs": 41'))
    assert "its provenance is not that of its settings and inputs" in refusal(path)


def fifo(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def bind(file: Path) -> None:
    file.unlink()
    here = os.getcwd()
    os.chdir(file.parent)  # a socket's path is short
    try:
        socket.socket(socket.AF_UNIX).bind(file.name)
    finally:
        os.chdir(here)


def link_to(target: str):
    def replace(file: Path) -> None:
        file.unlink()
        file.symlink_to(target)

    return replace


def deep(file: Path) -> None:
    file.write_text("[" * 1_000_000)


def gigantic(file: Path) -> None:
    os.truncate(file, 10**12)  # sparse: takes no disk


@pytest.mark.parametrize(
    "replace",
    [
        fifo,
        bind,
        link_to("/dev/zero"),
        link_to("nowhere"),
        link_to("."),
        deep,
        gigantic,
    ],
)
@pytest.mark.parametrize("file", ["zarr.json", "x/zarr.json", "x/c.1.0"])
def test_what_is_no_file_or_too_large_is_never_waited_for(store, file, replace):
    replace(store / file)
    refusal(store, lambda path: open_artifact(path).read("x"))


def test_a_pipe_that_hides_in_counts_that_fit_is_found(store):
    """As many files, of as many bytes."""
    size = (store / "x" / "c.1.0").stat().st_size
    fifo(store / "x" / "c.1.0")
    (store / "x" / "c.9.9").write_bytes(bytes(size))
    assert "is no file and no folder" in refusal(store)


def test_a_chunk_that_unpacks_to_more_than_it_declares_is_not_unpacked(store):
    other = store.parent / "other"
    big = zarr.create_array(
        str(other), shape=(2**23,), dtype="f8", chunks=(2**23,),
        compressors=open_artifact(store).array("x").compressors,
        chunk_key_encoding={"name": "default", "separator": "."},
        config={"write_empty_chunks": True},
    )  # fmt: skip
    big[...] = 0
    bomb = (other / "c.0").read_bytes()
    assert len(bomb) < 10_000
    (store / "x" / "c.1.0").write_bytes(bomb)
    root = json.loads((store / "zarr.json").read_text())
    sizes = [f.stat().st_size for f in (store / "x").iterdir()]
    root["attributes"]["files"]["x"] = [len(sizes), sum(sizes)]
    (store / "zarr.json").write_text(json.dumps(root))
    artifact = open_artifact(store)
    np.testing.assert_array_equal(artifact.read("x", 0), [1, 2, 3, 4])
    words = f"a chunk of 16 bytes names {2**26}"
    assert words in refusal(store, lambda path: artifact.read("x"))


@pytest.mark.parametrize(
    ("frame", "size"),
    [
        # RFC 8878, 3.1.1.1: descriptor, window, dictionary, size.
        ("28b52ffd 20 07", 7),  # single segment, one byte
        ("28b52ffd 60 0100", 257),  # two bytes, 256 more
        ("28b52ffd 40 50 0100", 257),  # the same after a window
        ("28b52ffd a0 00000100", 2**16),
        ("28b52ffd e3 11111111 0000000000000001", 2**56),  # after a dictionary's id
        ("28b52ffd 00 50 07", None),  # the frame does not say
        ("28b52ffd e0 0000", None),
        ("28b52ffe 20 07", None),
        ("", None),
    ],
)
def test_the_size_that_a_frame_names_is_read(frame, size):
    assert content_size(bytes.fromhex(frame)) == size


def half(values: np.ndarray) -> np.ndarray:
    """Return the frames at half their size."""
    return values[..., ::2, ::2, :]


VALUES = [
    ("rollouts", "frames", half, "[3, 12, 32, 32, 3] and should be uint8 [3, 12, 64"),
    ("rollouts", "frames", np.float32, "'frames' is float32"),
    ("rollouts", "length", lambda x: 0 * x, "'length' holds numbers from 0 to 0"),
    ("rollouts", "length", lambda x: -x, "'length' holds numbers from -12 to"),
    ("rollouts", "length", lambda x: x + 99, "'length' holds numbers"),
    ("rollouts", "length", np.float32, "'length' is float32"),
    ("rollouts", "actions", lambda x: x[..., :2], "[3, 12, 2] and should be"),
    ("rollouts", "actions", lambda x: x + 7, "'actions' holds numbers"),
    ("rollouts", "rewards", lambda x: x * np.nan, "'rewards' holds numbers that are"),
    ("rollouts", "seed", lambda x: x[:2], "'seed' is int64 [2]"),
    ("latents", "mu", lambda x: x[..., :5], "'mu' is float16 [3, 12, 5]"),
    ("latents", "mu", lambda x: x * np.inf, "not finite"),
    ("latents", "length", lambda x: x * 100, "'length' holds numbers"),
    ("vision", "params/encoder/mu/kernel", lambda x: x * np.nan, "not finite"),
    ("vision", "params/encoder/mu/bias", lambda x: x[1:], "by its settings one of [8]"),
    ("memory", "params/head_bias", lambda x: x * np.inf, "not finite"),
    ("memory", "params/head_bias", lambda x: x[None], "params/head_bias float32 [1, "),
    ("controller", "selection/returns", lambda x: x * np.nan, "not finite"),
    ("controller", "selection/mean", lambda x: x[:, 1:], "'selection/mean' is float32"),
    ("controller", "fitness", lambda x: x[:2], "'fitness' is float32 [2, 5, 2]"),
    ("evaluation", "agent/returns", lambda x: x * np.nan, "not finite"),
    ("evaluation", "agent/seed", lambda x: x[1:], "'agent/seed' is int64 [5]"),
    ("agent", "controller", lambda x: x[1:], "a controller of 74 parameters"),
    ("agent", "controller", lambda x: x * np.nan, "not finite"),
    ("agent", "vision/encoder/mu/bias", lambda x: x * np.nan, "not finite"),
]  # fmt: skip


@pytest.fixture
def uses(kinds, tmp_path):
    """The command that reads all of a store of each kind, with good ones beside it."""

    def command(kind: str, path: Path) -> list:
        given = {name: store.path for name, store in kinds.items()} | {kind: path}
        driver = ["--controller", given["controller"], "--vision", given["vision"]]
        driver += ["--memory", given["memory"]]
        command = {
            "rollouts": ["latents", "--vision", given["vision"], "--rollouts", path],
            "latents": ["dream", "--memory", given["memory"], "--actions", f"{path}:0"],
            "evaluation": ["ablations", "--ablation", "a", path],
            "agent": ["drive", "--pretrained", path],
        }.get(kind, ["export", *driver])
        film = command[0] in ("dream", "drive")
        return [*command, "--out", tmp_path / ("a.mp4" if film else "out")]

    return command


@pytest.mark.parametrize(("kind", "name", "change", "words"), VALUES)
def test_values_that_cannot_be_are_refused_by_who_reads_them(
    kinds, uses, tmp_path, kind, name, change, words
):
    """Published whole, so nothing but the values tells."""
    store = kinds[kind]
    changed = {name: change(store.read(name))}
    path = damage.remade(store, tmp_path / f"{kind}.zarr", changed)
    sentence = commands.call_refused(*uses(kind, path))
    assert str(path) in sentence
    assert words in sentence
    assert not (tmp_path / "out").exists()


NEEDED = [
    ("rollouts", "shard"), ("rollouts", "backend"), ("vision", "channels"),
    ("memory", "mixtures"), ("controller", "block"), ("evaluation", "max_steps"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "name"), NEEDED)
def test_a_setting_that_is_not_recorded_is_named(kinds, tmp_path, kind, name):
    path = damage.edited(
        kinds[kind],
        tmp_path / "x.zarr",
        lambda root: root["attributes"]["config"].pop(name),
    )
    words = f"{path} is damaged or was edited: it records no setting {name!r}"
    assert words in commands.call_refused("report", path, "--out", tmp_path / "out")
    assert words in refusal(path, lambda path: open_artifact(path).config[name])


def test_latents_of_rollouts_without_a_shard_are_refused(kinds, tmp_path):
    path = damage.edited(
        kinds["rollouts"],
        tmp_path / "x.zarr",
        lambda root: root["attributes"]["config"].pop("shard"),
    )
    given = ["--vision", kinds["vision"].path, "--rollouts", path]
    sentence = commands.call_refused("latents", *given, "--out", tmp_path / "out")
    assert "it records no setting 'shard'" in sentence
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_every_command_refuses_before_its_work(kinds, uses, tmp_path, kind):
    path = tmp_path / f"{kind}.zarr"
    for change in (set_attribute("libraries", 3), set_metadata("data_type", "string")):
        damage.edited(kinds[kind], path, change)
        for command in (uses(kind, path), ["inspect", path]):
            assert str(path) in commands.call_refused(*command)
        shutil.rmtree(path)


def test_what_a_sentence_names_cannot_steer_a_terminal(tmp_path):
    sentence = commands.call_refused("inspect", tmp_path / "\x1b[31m\n\u202e")
    assert r"\x1b[31m\n\u202e does not exist" in sentence
