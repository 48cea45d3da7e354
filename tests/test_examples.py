"""The examples run, with tiny arguments."""

import re
import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.mark.slow
def test_the_evolution_strategy_scores_every_generation(capsys):
    example = runpy.run_path(str(EXAMPLES / "evolution_strategy.py"))
    example["main"](generations=3, population=4, steps=12)
    printed = capsys.readouterr().out
    means = re.findall(r"^generation \d: (-?[0-9.]+)$", printed, re.M)
    assert len(means) == 3
    assert len(set(means)) > 1
    first, last = map(float, re.findall(r"(-?[0-9.]+) in the", printed))
    assert first == last == pytest.approx(sum(map(float, means)) / 3, abs=0.11)
