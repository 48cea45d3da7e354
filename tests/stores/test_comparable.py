"""Evaluations that cannot be compared: of other tracks, games or lengths."""

import numpy as np
from support import commands, damage, synthetic

from worldmodels.stores.artifact import open_artifact


def test_evaluations_on_other_numbers_of_tracks_or_games_are_refused(tmp_path):
    base = synthetic.make_scores(tmp_path / "base", 1, [3, 4])
    more = synthetic.make_scores(tmp_path / "more", 1, [3, 4, 5])
    doom = damage.remade(
        open_artifact(base), tmp_path / "doom", config={"environment": "takecover"}
    )
    worlds = [
        damage.remade(
            open_artifact(base),
            tmp_path / name,
            config={"environment": "gymnasium", "id": name},
        )
        for name in ("One-v0", "Other-v0")
    ]
    short = damage.remade(
        open_artifact(base), tmp_path / "short", config={"max_steps": 11}
    )
    for one, other, words in [
        (base, more, "was scored on 3 tracks and"),
        (base, doom, "has environment takecover and"),
        (base, short, "has max_steps 11 and"),
        (*worlds, "has id Other-v0 and"),
    ]:
        given = ["--ablation", "baseline", one, "--ablation", "z", other]
        sentence = commands.call_refused("ablations", *given, "--out", tmp_path / "t")
        assert words in sentence
        assert str(one) in sentence
        assert str(other) in sentence
    assert not (tmp_path / "t").exists()


def test_returns_of_other_tracks_than_are_named_are_refused(tmp_path):
    """Edited: the tracks agree, and there are more returns than tracks."""
    base = open_artifact(synthetic.make_scores(tmp_path / "base", 1, [3, 4]))
    more = {"agent/returns": np.array([3, 4, 5], np.float32)}
    path = damage.remade(base, tmp_path / "more", more)
    given = ["--ablation", "baseline", base.path, "--ablation", "z", path]
    sentence = commands.call_refused("ablations", *given, "--out", tmp_path / "t")
    assert f"{path} is damaged or was edited" in sentence
