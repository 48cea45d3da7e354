"""inspect: what it prints of each kind of store, and the contact sheet."""

import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from support.small_store import make

from worldmodels.runtime.errors import UserError
from worldmodels.tools import inspect


@pytest.mark.parametrize(
    ("kind", "array"),
    [
        ("vision", "params/decoder/dense/kernel"),
        ("memory", "history/nll"),
        ("evaluation", "agent/returns"),
    ],
)
def test_every_array_setting_and_input_is_told(stores, capsys, kind, array):
    store = getattr(stores, kind)
    inspect.run(store=store.path)
    told = capsys.readouterr().out
    lines = [line.split() for line in told.splitlines()]
    assert ["kind", f"{kind},", "schema", "1"] in lines
    assert "game CarRacing-v3, an action is 3 numbers" in " ".join(told.split())
    assert any(line[:1] == [array] for line in lines)
    for name, value in store.config.items():
        assert f"{name} {value}" in " ".join(told.split())
    for hashes in store.attributes["inputs"].values():
        assert all(provenance in told for provenance in hashes)
    assert store.provenance in told
    assert store.attributes["libraries"]["jax"] in told


def test_the_scores_of_an_evaluation_are_told(stores, capsys):
    inspect.run(store=stores.evaluation.path)
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "scores, mean and standard deviation" in lines
    for who in ("agent", "random", "simulator"):
        returns = stores.evaluation.read(f"{who}/returns").astype(np.float64)
        told = f"{who} {returns.mean():.1f} +- {returns.std(ddof=1):.1f} 6 episodes"
        assert told in lines


def test_gradient_norms_are_told_by_parameter(stores, capsys):
    inspect.run(store=stores.memory.path)
    told = capsys.readouterr().out
    table = told.split("gradient norms\n")[1].split("\n\n")[0].splitlines()
    head, *rows = [re.split(r"  +", line.strip()) for line in table]
    assert head == ["parameter", "first", "median", "last", "largest", "at update"]
    history = stores.memory.tree("history")
    names = [
        "grad_norm",
        *(f"grad_norm.{name}" for name in stores.memory.tree("params")),
    ]
    assert len(names) == 5
    shown = {"all together": "grad_norm"} | {
        n.removeprefix("grad_norm."): n for n in names[1:]
    }
    assert {row[0] for row in rows} == set(shown)
    for name, *numbers in rows:
        values = history[shown[name]].astype(np.float64).tolist()
        middle = sum(sorted(values)[len(values) // 2 - 1 :][:2]) / 2
        largest = max(values)
        expected = [values[0], middle, values[-1], largest]
        assert numbers[:4] == [f"{value:.4g}" for value in expected]
        assert values[int(numbers[4]) - 1] == largest


def test_a_training_without_debug_has_one_row_of_gradients(stores, capsys):
    inspect.run(store=stores.vision.path)
    told = capsys.readouterr().out
    table = told.split("gradient norms\n")[1].split("\n\n")[0].splitlines()
    assert len(table) == 2
    inspect.run(store=stores.evaluation.path)
    assert "gradient norms" not in capsys.readouterr().out


def test_arrays_are_told_with_shape_type_and_dimensions(stores, capsys):
    inspect.run(store=stores.rollouts[0].path)
    told = capsys.readouterr().out
    (line,) = [line for line in told.splitlines() if line.startswith("  frames")]
    assert "uint8" in line
    assert "3 x 12 x 64 x 64 x 3" in line
    assert "episode, time, y, x, channel" in line
    assert "in 1 file" in line
    assert "--contact-sheet" in told


def test_arrays_are_aligned(stores, capsys):
    inspect.run(store=stores.controller[0].path)
    told = capsys.readouterr().out
    rows = told.split("arrays\n")[-1].splitlines()
    starts = {row.index("float32") for row in rows if "float32" in row}
    assert len(starts) == 1
    assert len(rows) == len(stores.controller[0].names())


def test_contact_sheet_shows_each_episode(stores, tmp_path, capsys):
    path = tmp_path / "new" / "sheet.png"
    store = stores.rollouts[1]
    inspect.run(store=store.path, contact_sheet=path)
    sheet = np.asarray(Image.open(path))
    for episode, length in enumerate(store.read("length")):
        top = 2 * 66 * episode
        first = sheet[top : top + 128 : 2, 0:128:2]
        assert np.array_equal(first, store.read("frames", (episode, 0)))
        last = sheet[top : top + 128 : 2, 2 * 66 * (length - 1) :][:, :128:2]
        assert np.array_equal(last, store.read("frames", (episode, int(length) - 1)))
    assert str(path) in capsys.readouterr().out


def test_a_full_disk_leaves_no_half_of_a_contact_sheet(stores, small_disk):
    sheet, filler = small_disk / "sheet.png", small_disk / "filler"
    sheet.write_text("the last sheet")
    with pytest.raises(OSError, match="No space left"):
        filler.write_bytes(bytes(2**21))
    with pytest.raises(UserError, match="the disk is full"):
        inspect.run(store=stores.rollouts[0].path, contact_sheet=sheet)
    assert sheet.read_text() == "the last sheet"
    assert sorted(small_disk.iterdir()) == [filler, sheet]


@pytest.mark.parametrize("name", ["s.jpg", ".", "folder.png"])
def test_a_sheet_is_refused_before_anything_is_printed(stores, tmp_path, capsys, name):
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(UserError, match=r"must end in|is a folder"):
        inspect.run(store=stores.rollouts[0].path, contact_sheet=tmp_path / name)
    assert capsys.readouterr().out == ""


def test_contact_sheet_needs_frames_and_a_png(stores, tmp_path):
    with pytest.raises(UserError, match="holds no frames"):
        inspect.run(store=stores.vision.path, contact_sheet=tmp_path / "s.png")
    with pytest.raises(UserError, match=r"must end in \.png"):
        inspect.run(store=stores.rollouts[0].path, contact_sheet=tmp_path / "s.jpg")


def test_a_kind_is_named_without_an_article(tmp_path):
    agent = make(tmp_path / "agent.zarr", "agent")
    with pytest.raises(UserError, match="holds no frames, being of kind agent; a"):
        inspect.write_contact_sheet(agent, tmp_path / "s.png")


def test_a_folder_that_is_no_store_is_refused(tmp_path):
    with pytest.raises(UserError, match="is no worldmodels store"):
        inspect.run(store=tmp_path)


def test_it_does_without_jax(stores):
    code = (
        "import sys; from pathlib import Path; from worldmodels.tools import inspect;"
        f"inspect.run(store=Path({str(stores.vision.path)!r}));"
        "assert 'jax' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
