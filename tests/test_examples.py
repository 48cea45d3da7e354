"""The examples are short, and run with tiny arguments."""

import ast
import re
import runpy

import numpy as np
import pytest
from PIL import Image
from support.commands import REPOSITORY

EXAMPLES = sorted((REPOSITORY / "examples").glob("*.py"))


def main(name: str):
    return runpy.run_path(str(REPOSITORY / "examples" / f"{name}.py"))["main"]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_short_and_says_how_to_run_it(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 60
    tree = ast.parse(text)
    assert f"python examples/{path.name}" in ast.get_docstring(tree)
    imported = re.findall(r"^(?:from|import) (worldmodels\S*)", text, re.M)
    assert imported == ["worldmodels"]


def test_frames_are_reconstructed(stores, tmp_path, capsys):
    out = tmp_path / "v.png"
    main("reconstruct")(str(stores.vision.path.parents[1]), 0, str(out))
    assert "12 frames in 8 numbers each" in capsys.readouterr().out
    assert Image.open(out).size == (12 * 96, 2 * 96)


@pytest.mark.slow
def test_a_dream_is_filmed_beside_the_drive(pretrained, tmp_path, capsys, monkeypatch):
    out = tmp_path / "dream.gif"
    # The small agent's episodes are short.
    script = runpy.run_path(str(REPOSITORY / "examples" / "dream.py"))
    monkeypatch.setitem(script["main"].__globals__, "WATCHED", 3)
    script["main"](str(pretrained), 8, str(out))
    apart = re.findall(r"step \d: ([0-9.]+) grey", capsys.readouterr().out)
    assert len(apart) > 3
    assert np.all(np.array(apart, float) > 0)
    assert Image.open(out).n_frames == 8


@pytest.mark.slow
def test_evolution_scores_every_generation(capsys):
    main("evolve")(generations=3, population=4, steps=12)
    means = re.findall(r"^generation \d: (-?[0-9.]+)$", capsys.readouterr().out, re.M)
    assert len(means) == 3
    assert len(set(means)) > 1


@pytest.mark.slow
def test_a_copters_pilot_scores_every_generation(capsys):
    main("copter")(generations=3, population=4, steps=30)
    means = re.findall(r"^generation \d: (-?[0-9.]+)$", capsys.readouterr().out, re.M)
    assert len(means) == 3


@pytest.mark.slow
def test_bombers_are_compared_and_filmed(tmp_path, capsys):
    film = tmp_path / "bombers.gif"
    main("pommerman")(games=8, steps=40, out=str(film))
    lines = capsys.readouterr().out.splitlines()
    row = re.compile(r"(\w+): won (\d+)%, lost (\d+)%, (\d+) steps")
    found = [row.fullmatch(line).groups() for line in lines]
    assert [name for name, *_ in found] == ["uniform", "cautious", "bomber"]
    assert int(found[0][2]) > 50  # uniform agents blow themselves up
    assert 1 < Image.open(film).n_frames <= 40
