"""The shipped agent, which learnt in the simulator, drives gymnasium's car as well."""

import commands
import numpy as np
import pytest

from worldmodels.artifacts import open_artifact

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
