"""Games and trainings of the study: a kill, both types of numbers, what is refused."""

from functools import partial

import jax
import numpy as np
import pytest
from support.resumed import killed

from worldmodels.environments.pommerman import functional
from worldmodels.runtime.errors import UserError
from worldmodels.stores import publication
from worldmodels.stores.artifact import open_artifact
from worldmodels.studies.pommerman import games as played
from worldmodels.studies.pommerman import learning, overfit, score, train
from worldmodels.studies.pommerman.components import COMPONENTS
from worldmodels.studies.pommerman.steps import STUDY
from worldmodels.training.rows import Rows

SMALL = {
    "hidden_size": 3, "embedding": 4, "mixtures": 2, "batch_size": 2, "updates": 6,
    "dnc": {"slots": 3, "word_size": 2, "read_heads": 1},
    "overfit": {"games": 2, "updates": 3}, "ahead": [1, 3],
}  # fmt: skip


@pytest.fixture
def publish(tmp_path, games):
    """Publish the made-up games, with the four numbers that never change."""
    return lambda part: _publish(tmp_path / f"{part}.zarr", games, part)


@pytest.fixture
def source(publish):
    return publish("learn")


def _publish(path, games, part):
    states = np.pad(games["states"], ((0, 0), (0, 0), (0, 4)))
    with publication.create(
        path,
        "pommerman_games",
        config={"part": part, "steps": 6},
        inputs={},
        stage_version=1,
    ) as store:
        store.write("states", states)
        store.write("actions", np.stack([games["actions"]] * 4, axis=-1))
        store.write("length", games["length"])
    return path


@pytest.fixture
def fit(tmp_path, source, monkeypatch):
    """Train a small model; return its store."""
    monkeypatch.setattr(learning, "_GROUP", 2)

    def run(name: str, model: str = "lstm", step=train, **changes):
        seed = {"seed": 3} if step is train else {}
        step.run(
            settings=STUDY.load(SMALL | changes), games=source, model=model, **seed,
            checkpoint=tmp_path / f"{name}.ckpt", checkpoint_seconds=0,
            out=tmp_path / f"{name}.zarr", log=None,
        )  # fmt: skip
        return open_artifact(tmp_path / f"{name}.zarr")

    return run


@pytest.mark.slow
def test_a_training_that_was_killed_goes_on_to_an_equal_result(fit, monkeypatch):
    killed(monkeypatch, Rows, fit)
    again, whole = fit("killed"), fit("whole")
    assert again.names() == whole.names()
    assert whole.read("history/loss").shape == (6,)
    for name in whole.names():
        np.testing.assert_array_equal(again.read(name), whole.read(name))
    assert again.provenance == whole.provenance


@pytest.mark.slow
def test_a_training_in_double_precision_with_its_gradients(fit):
    with jax.enable_x64(True):
        store = fit("double", "dnc", dtype="float64", debug=True, updates=2)
    params = {name.removeprefix("params/") for name in store.names("params")}
    norms = [f"history/grad_norm.{name}" for name in params]
    floats = [*store.names("params"), *norms, "history/loss"]
    assert {store.array(name).dtype for name in floats} == {np.dtype("f8")}
    squares = sum(store.read(name) ** 2 for name in norms)
    np.testing.assert_allclose(np.sqrt(squares), store.read("history/grad_norm"))


@pytest.mark.slow
def test_a_training_is_scored_and_games_known_by_heart_are_those(
    fit, source, publish, tmp_path
):
    tested = publish("test")
    for name, store, asked, other, games in (
        ("new", fit("new"), tested, source, 3),
        ("known", fit("known", step=overfit), source, tested, 2),
    ):
        out = tmp_path / f"{name}-score.zarr"
        run = partial(
            score.run, settings=STUDY.load({"ahead": [1, 3, 99]}),
            training=store.path, out=out, log=None,
        )  # fmt: skip
        with pytest.raises(UserError, match=r"games of the part test|another games st"):
            run(games=other)
        run(games=asked)
        found = open_artifact(out, "pommerman_score")
        assert found.config["ahead"] == [1, 3]  # no game has 99 steps
        assert found.config["games"] == games
        assert found.read("right").shape == (4, 2, len(COMPONENTS))
        steps = open_artifact(source).read("length")[:games].sum()
        row = COMPONENTS.index("row")
        assert found.read("entries")[0, row] == steps
        # A copy is right about all that did not change, and about nothing else.
        copied = found.read("right")[2]
        unchanged = found.read("entries") - found.read("changed")
        np.testing.assert_array_equal(copied, unchanged)
        assert not found.read("right_changed")[2].any()
        assert found.read("game/states").shape == (7, 368)
        assert found.read("game/predicted").shape == (2, 6, 368)


def test_what_is_no_training_is_refused(source, tmp_path):
    with pytest.raises(UserError, match="is no training of pommerman"):
        score.run(
            settings=STUDY.load({}), games=source, training=source,
            out=tmp_path / "x.zarr", log=None,
        )  # fmt: skip


@pytest.mark.parametrize("ahead", [[], [5, 10], [1, 5, 3]], ids=str)
def test_distances_that_do_not_rise_from_one_are_refused(ahead):
    with pytest.raises(UserError, match="must be 1 and larger numbers, rising"):
        STUDY.load({"ahead": ahead})


def test_a_training_uses_what_changes_it_and_no_more():
    used = STUDY.used("train", STUDY.load(SMALL))
    assert {"games", "ahead", "overfit", "seeds"}.isdisjoint(used)
    lstm = learning.recorded("train", STUDY.load(SMALL), "lstm", 0)
    other = SMALL | {"dnc": {"slots": 9}, "ahead": [1]}
    assert learning.recorded("train", STUDY.load(other), "lstm", 0) == lstm
    assert lstm["options"] == {}


@pytest.mark.slow
def test_games_are_played_by_the_rules_up_to_the_end_of_agent_0(tmp_path):
    """Each is played again, from its board on, with the actions that it has."""
    stores = {}
    for part in ("learn", "test"):
        stores[part] = tmp_path / f"{part}.zarr"
        games = {"learn": 5, "test": 3, "steps": 40, "policy": "uniform"}
        settings = STUDY.load({"games": games})
        played.run(settings=settings, part=part, out=stores[part], log=None)
    learn, test = map(open_artifact, stores.values())
    assert not set(learn.read("seed")) & set(test.read("seed"))
    assert not np.array_equal(learn.read("states")[:3, 0], test.read("states")[:3, 0])
    states, actions = learn.read("states"), learn.read("actions")
    length, over = learn.read("length"), learn.read("terminated")
    assert states.shape == (5, 41, 372)
    assert actions.shape == (5, 40, 4)
    assert (length < 40).any()
    for game in range(5):
        ends = np.flatnonzero(over[game])
        assert length[game] == (ends[0] + 1 if len(ends) else 40)
        # Agent 0 is on every board but perhaps the last.
        boards = states[game, : length[game], :121]
        assert (boards == 10).any(axis=1).all()
    words = played.seed_words(np.resize(learn.read("seed"), 256))
    key = played.matches.episode_keys(words, "pommerman board")
    state, seen = functional.reset(key)
    np.testing.assert_array_equal(seen[:5], states[:, 0])
    step = jax.jit(functional.step)
    for time in range(3):
        acted = np.resize(actions[:, time], (256, 4))
        state, seen, rewards, *_ = step(state, acted)
        np.testing.assert_array_equal(seen[:5], states[:, time + 1])
        np.testing.assert_array_equal(rewards[:5], learn.read("rewards")[:, time])
