"""The shipped agents do in the real games what they learnt elsewhere."""

from pathlib import Path

import numpy as np
import pytest
from support import commands

from worldmodels.stores.artifact import open_artifact

EPISODES = 100


@pytest.mark.slow
def test_the_shipped_agent_scores_alike_in_both_on_the_same_tracks(tmp_path):
    out = tmp_path / "scores.zarr"
    commands.run(
        "evaluate", "--pretrained", f"--episodes={EPISODES}", "--out", out, timeout=1800
    )
    scores = open_artifact(out, "evaluation")
    gymnasium, simulator = (
        scores.read(f"{where}/returns").astype(float)
        for where in ("agent", "simulator")
    )
    difference = simulator - gymnasium
    error = difference.std(ddof=1) / np.sqrt(EPISODES)
    assert len(difference) == EPISODES
    assert gymnasium.mean() > 500  # it drives: two that stand still would agree
    assert abs(difference.mean()) < 2 * error


@pytest.mark.slow
def test_the_shipped_player_lives_in_the_game_that_it_only_dreamt_of(tmp_path):
    pytest.importorskip("vizdoom", reason="pip install --editable '.[doom]'")
    agent = Path(__file__).parents[2] / "pretrained/takecover.zarr"
    assert open_artifact(agent, "agent").config["controller"]["train_in"] == "dream"
    out = tmp_path / "scores.zarr"
    where = ["--pretrained", agent, "--backend", "gymnasium", "--episodes=20"]
    commands.run("evaluate", *where, "--out", out, timeout=1800)
    lived = open_artifact(out, "evaluation").read("agent/returns")
    # Actions held at random live 328 tics over 100 of these episodes.
    assert lived.mean() - 2 * lived.std(ddof=1) / np.sqrt(20) > 400
