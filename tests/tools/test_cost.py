"""cost: the command's table and JSON, and what it refuses."""

import json
import os
import subprocess

import pytest
from support import commands

from worldmodels.experiment import rates, work
from worldmodels.experiment.settings import Environment
from worldmodels.runtime import devices
from worldmodels.stores import kept_rates
from worldmodels.tools import cost

SMOKE = ["--configfile", commands.REPOSITORY / "presets/smoke.yaml"]
TIMED = {unit: 2 * seconds for unit, seconds in rates.BUILT_IN.items()}


def run(folder, *arguments) -> subprocess.CompletedProcess:
    """Run the command in a folder that is its user's cache too."""
    words = [*arguments, "--cores", "1"]
    return subprocess.run(
        commands.command("cost", *words),
        cwd=folder,
        env=os.environ | {"JAX_COMPILATION_CACHE_DIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=600,
    )


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """A folder in which one core's rates are kept: twice the built-in seconds."""
    monkeypatch.setattr(devices, "programs", lambda: tmp_path)
    found = rates.measured(TIMED, cores=1)
    kept_rates.keep(found, Environment(), "float32")
    return tmp_path


def test_a_run_is_predicted_at_the_kept_rates(kept):
    answer = run(kept, *SMOKE, "--set=vision.epochs=3", "--out", "cost.json")
    assert answer.returncode == 0, answer.stderr
    assert "measuring" not in answer.stderr
    head, titles, *rows = answer.stdout.splitlines()
    assert head == "smoke: 2 rounds on 1 core"
    assert titles.split()[-5:] == ["jobs", "time", "memory", "disk", "by"]
    stages = [row.split()[:3] for row in rows]
    assert stages[:2] == [["0", "rollouts", "2"], ["0", "vision", "1"]]
    assert ["1", "evaluation", "1"] in stages
    assert [row[:2] for row in stages if row[0] in ("report", "total")] == [
        ["report", "1"], ["total", "20"]
    ]  # fmt: skip
    found = json.loads((kept / "cost.json").read_text())
    assert (found["experiment"], found["cores"]) == ("smoke", 1)
    assert found["rates"]["source"] == "measured here"
    assert run(kept, *SMOKE, "--out", "cost.json").returncode == 0, "not again"
    vision = next(s for s in found["stages"] if s["stage"] == "vision")
    frames = 4 * 30 * 3
    built_in = frames * rates.BUILT_IN[work.V_FRAME] + 1.6 + 18
    assert vision["seconds"] == pytest.approx(2 * built_in, rel=0.02)
    stages = found["stages"]
    assert found["total"]["seconds"] == pytest.approx(
        sum(stage["seconds"] for stage in stages)
    )
    assert found["total"]["memory"] == max(stage["memory"] for stage in stages)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--configfile", "none.yaml"], "none.yaml cannot be read (no such file"),
        (["--set=memory.hiden_size=3"], "memory.hiden_size"),
        (["--set=memory"], "--set takes KEY=VALUE"),
        (["--config", "rounds"], "--config takes KEY=VALUE"),
        (["--config", "vision={epochs: -1}"], "vision.epochs"),
        (["--cores=0"], "is not a whole number from 1 to 4096"),
        (["--out", "/proc/1/cost.json"], "/proc/1/cost.json"),
    ],
)
def test_what_cannot_be_predicted_is_one_sentence(words, sentence):
    assert sentence in commands.call_refused("cost", *words)


@pytest.mark.parametrize("theirs", ["mine", "[1]", '{"experiment": "mine"}'])
def test_a_file_of_the_users_is_not_replaced(tmp_path, theirs):
    mine = tmp_path / "mine.json"
    mine.write_text(theirs)
    said = commands.call_refused("cost", "--out", str(mine))
    assert f"{mine} is a file that this command did not make" in said
    assert mine.read_text() == theirs


def test_the_same_settings_are_merged_as_snakemake_merges_them(tmp_path):
    overlay = tmp_path / "mine.yaml"
    overlay.write_text("vision: {epochs: 7}\nmemory: {epochs: 8}\n")
    merged = cost.merged([overlay], ["memory={epochs: 9}"], ["seed=4"])
    assert merged["vision"]["epochs"] == 7
    assert merged["memory"]["epochs"] == 9
    assert merged["seed"] == 4
    assert merged["controller"]["population"] == 64


@pytest.mark.slow
def test_a_machine_is_measured_once_and_again_when_asked(tmp_path):
    """The real pieces, of the default's sizes: minutes of one core."""
    pendulum = ["--configfile", commands.REPOSITORY / "presets/pendulum.yaml"]
    answer = run(tmp_path, *pendulum)
    assert answer.returncode == 0, answer.stderr
    assert "measuring V and M of the default, encoding" in answer.stderr
    (file,) = tmp_path.glob("rates-*.json")
    found = rates.from_kept(json.loads(file.read_text()))
    assert found.measured >= {work.START, work.ENCODED, work.DREAMT}
    before = file.read_text()
    assert "measuring" not in run(tmp_path, *pendulum).stderr
    assert file.read_text() == before
    file.write_text("{")
    answer = run(tmp_path, *pendulum)
    assert "measuring" in answer.stderr
    assert rates.from_kept(json.loads(file.read_text())) is not None
