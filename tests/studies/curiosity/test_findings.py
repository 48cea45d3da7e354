"""What is said of trainings: scores, endings, passages, the page and its refusals."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from worldmodels.runtime.errors import UserError
from worldmodels.stores import publication
from worldmodels.stores.artifact import open_artifact
from worldmodels.studies.curiosity import compare, figures, film, findings, setup, table
from worldmodels.studies.curiosity.figures import smoothed
from worldmodels.studies.curiosity.steps import STUDY

SETTINGS = STUDY.load({"test_levels": 4, "vector": {"environments": 8, "rollout": 10}})
EPISODES = np.array([2, 0, 4, 4])  # that end in each iteration
RETURNS = np.array([-1.0, 0.0, 2.0, 6.0])  # of each of them
LENGTHS, TAILS = np.array([30.0, 0, 40, 80]), np.array([9.0, 0, 12, 1])


@pytest.fixture(scope="module")
def training(tmp_path_factory):
    """Make the store of a training whose test returns begin with `first`, once each."""

    @cache
    def make(arm: str, seed: int, first: float, **changes):
        config = setup.recorded(SETTINGS, "vector", arm, seed) | changes
        path = tmp_path_factory.mktemp("training") / f"{arm}-{seed}.zarr"
        with publication.create(
            path, "curiosity_train", config=config, inputs={}, stage_version=1
        ) as store:
            store.write("params/agent/policy/kernel", np.ones((3, 2), np.float32))
            for name, each in (("return", RETURNS), ("length", LENGTHS),
                               ("early", 0.5), ("late", 0.1)):  # fmt: skip
                store.write(f"history/{name}", each * EPISODES)
            store.write("history/tail", TAILS * EPISODES / 2)
            store.write("history/episodes", EPISODES)
            store.write("history/deaths", EPISODES // 2)
            for name in ("bonus", "entropy"):
                store.write(f"history/{name}", np.arange(4.0))
            store.write("test/likeliest/won", first + np.arange(4.0))
            store.write("test/drawn/won", first + np.arange(4.0))
            store.write("test/drawn/length", np.array([30, 40, 30, 1000]))
            store.write("test/drawn/tail", np.array([8, 10, 12, 500]))
            store.write("test/drawn/early", np.array([5, 0, 0, 0]))
            store.write("test/drawn/died", np.array([True, True, True, False]))
        return open_artifact(path)

    return make


def test_scores_endings_and_passages_of_an_arm(training):
    found = findings.read([training("both", 1, 20.0), training("both", 0, 10.0)])
    (one,) = found
    assert one.seeds == (0, 1)
    assert one.score.mean == 16.5
    assert one.tail_of_dead.mean == 10  # of the three that died
    np.testing.assert_array_equal(one.history["return"][0], [-1, np.nan, 2, 6])
    np.testing.assert_array_equal(one.history["tail"][1], [9, np.nan, 12, 1])
    np.testing.assert_array_equal(one.passed, [320, 320])  # 4 iterations of 8 x 10
    np.testing.assert_array_equal(one.stuck, [0.5, 0.5])
    np.testing.assert_array_equal(one.early.mean(axis=1), [0.25, 0.25])
    assert not one.ends_stuck.any()  # one episode in four is whole
    text = table.text(found)
    assert "16.5 (-47.0 to 80.0)" in text
    assert "metronome, blind" in text
    assert table.data(found)["arms"][0]["past_after"] == [320.0, 320.0]


def test_curves_skip_what_is_not_known():
    steps, values = smoothed(np.arange(4.0), np.array([[1.0, np.nan, 3.0, 5.0]]))
    np.testing.assert_array_equal(steps, np.arange(4))
    np.testing.assert_array_equal(values, [[1, np.nan, 3, 5]])


def test_trainings_that_cannot_be_compared_are_refused(training):
    one = training("both", 0, 10.0)
    with pytest.raises(UserError, match="same world, arm and seed"):
        findings.read([one, training("both", 0, 11.0)])
    with pytest.raises(UserError, match=r"has clip 0\.2 and .* has 0\.3"):
        findings.read([one, training("both", 1, 10.0, clip=0.3)])
    with pytest.raises(UserError, match="has steps"):
        findings.read([one, training("intrinsic", 0, 10.0, steps=9)])


@pytest.fixture
def played(training):
    return training("both", 0, 10.0)


@pytest.fixture
def episode(tmp_path, played):
    """The store of a short episode."""
    path = tmp_path / "episode.zarr"
    rng = np.random.default_rng(0)
    with publication.create(
        path, "curiosity_episode", config={"world": "vector", "arm": "both", "seed": 0},
        inputs={"training": played}, stage_version=1,
    ) as store:  # fmt: skip
        store.write("picture", rng.choice([0, 204, 255], (9, 48, 48)).astype(np.uint8))
        store.write("action", np.zeros(9, np.int32))
        store.write("reward", np.ones(9, np.float32))
        store.write("bonus", rng.exponential(size=9).astype(np.float32))
        store.write("values", rng.normal(size=(9, 2)).astype(np.float32))
    return path


def test_a_film_ends_with_the_last_step_and_shows_bonus_and_values(episode):
    shown = list(film.frames(open_artifact(episode)))
    assert len({picture.tobytes() for picture in shown}) == 5  # every second of 9
    np.testing.assert_array_equal(shown[-1], shown[-2])  # the last is held
    assert shown[0].shape == shown[-1].shape
    line, low, high = film.scaled(np.array([2.0, 4.0, 3.0]))
    assert (low, high, *line) == (2, 4, 0, 1, 0.5)
    assert film.scaled(np.ones(3))[0].tolist() == [0, 0, 0]


@pytest.mark.slow
def test_the_page_has_every_chapter(training, played, episode, tmp_path):
    gif = tmp_path / "vector/both.gif"
    gif.parent.mkdir()
    film.run(settings=SETTINGS, episode=episode, out=gif, log=None)
    others = (("both", 1), ("cautious", 0), ("cautious", 1))
    stores = [played, *(training(arm, seed, 5.0) for arm, seed in others)]
    out = tmp_path / "index.html"
    compare.run(
        settings=SETTINGS, trainings=[store.path for store in stores],
        episodes=[episode], films=[gif], out=out, log=None,
    )  # fmt: skip
    text = out.read_text()
    assert text.count("<figure>") == 5
    for told in ("all cautious", "metronome", "image/gif", "How they end: vector"):
        assert told in text
    assert "all cautious" in (tmp_path / "table.txt").read_text()


def test_an_episode_of_another_training_is_refused(training, episode, played):
    assert compare.read_episodes([episode], [played]).keys() == {("vector", "both")}
    with pytest.raises(UserError, match="played by a training that is not given"):
        compare.read_episodes([episode], [training("both", 1, 20.0)])


def test_a_chart_names_the_arms_of_all_its_worlds(played):
    (one,) = findings.read([played])
    other = replace(one, world="pixels", arm="extrinsic")
    drawn = figures.learning({"vector": [one], "pixels": [other]}).decode()
    for name in ("extrinsic", "both, 2 : 1", "metronome"):
        assert drawn.count(f"<!-- {name} -->") == 1


def test_what_is_no_film_is_refused(tmp_path):
    wrong = tmp_path / "vector/both.gif"
    with pytest.raises(UserError, match="cannot be read"):
        compare.read_films([wrong])
    wrong.parent.mkdir()
    wrong.write_bytes(b"PNG")
    with pytest.raises(UserError, match="is no GIF"):
        compare.read_films([wrong])
    other = wrong.with_stem("other")
    other.write_bytes(b"GIF89a")
    with pytest.raises(UserError, match="is no film of this page"):
        compare.read_films([other])
