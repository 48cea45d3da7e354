"""What a machine with a GPU is asked for, tried at small sizes on a processor."""

import json
import os
import subprocess

import pytest
from support.commands import REPOSITORY


@pytest.mark.slow
def test_every_benchmark_gives_its_line_and_then_the_preset_runs(tmp_path):
    made = subprocess.run(
        ["benchmarks/gpu.sh", "--small", "--", "--directory", tmp_path],
        cwd=REPOSITORY,
        env={**os.environ, "OUT": str(tmp_path / "out")},
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    lines = (tmp_path / "out/gpu.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines]
    names = ["generation", "dream", "vision", "memory", "simulator"]
    assert [f["benchmark"] for f in found if f["precision"] == "float32"] == names
    for each in found:
        assert each["status"] == 0, each
        assert isinstance(each["result"], dict), each
    assert list((tmp_path / "results/smoke/round-0/rollouts").glob("*.zarr"))


@pytest.mark.parametrize(
    ("words", "minutes", "sentence"),
    [(["--smal"], "9", "--smal is none of its options"), ([], "x", "MINUTES is x")],
)
def test_what_it_does_not_know_is_refused(words, minutes, sentence):
    done = subprocess.run(
        ["benchmarks/gpu.sh", *words],
        cwd=REPOSITORY,
        env=os.environ | {"MINUTES": minutes},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert sentence in done.stderr
