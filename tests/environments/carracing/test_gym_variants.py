"""What gymnasium's users may ask of the environments, beside gymnasium's own."""

import sys
from types import ModuleType

import gymnasium
import jax.numpy as jnp
import numpy as np
import pytest
from gymnasium.envs.box2d import car_racing
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers import RecordVideo
from gymnasium.wrappers.vector import RecordVideo as RecordVideos
from support import drives

from worldmodels.environments.carracing import gym
from worldmodels.environments.frames import preprocess
from worldmodels.environments.games import CARRACING
from worldmodels.runtime.errors import UserError

B = 3
AHEAD = np.array([0.1, 0.5, 0], np.float32)

pytestmark = pytest.mark.slow  # test_gym_arguments.py has what compiles nothing


def make(limit=4, **asked):
    return gymnasium.make_vec(gym.ID, num_envs=B, max_episode_steps=limit, **asked)


def banish(vector, b):
    """Put car b outside the playfield."""
    drive = vector._state.car
    away = jnp.zeros_like(drive.car.x).at[b].set(400.0)
    car = drive.car._replace(x=drive.car.x + away, wheel_x=drive.car.wheel_x + away)
    vector._state = vector._state._replace(car=drive._replace(car=car))


def starts(vector):
    return np.array(vector._state.world.start)


def assert_same_drives(ours, theirs, actions):
    for action in actions:
        _, reward, *ended, info = ours.step(action)
        _, expected_reward, *expected_end, expected_info = theirs.step(action)
        assert reward == pytest.approx(expected_reward, abs=1e-3)
        assert ended == expected_end
        assert info == expected_info
    hull, car = theirs.car.hull, ours._state.car.car
    assert float(car.angle[0]) == pytest.approx(hull.angle, abs=1e-3)
    centre = hull.worldCenter
    np.testing.assert_allclose([car.x[0], car.y[0]], centre, atol=0.01)


def test_choices_drive_as_gymnasiums():
    ours, theirs = gym.CarRacing(continuous=False), drives.CarRacing(continuous=False)
    for each in (ours, theirs):
        each.reset(seed=5)
    choices = np.repeat([3, 1, 3, 2, 0, 4, 3], 12)
    assert_same_drives(ours, theirs, choices)
    frames = make(continuous=False).reset(seed=5)[0]
    assert frames.shape == (B, 64, 64, 3)


def test_choices_of_a_vector_drive_their_own_car():
    vector, loop = (make(100, continuous=False) for _ in range(2))
    singles = [gym.CarRacing(continuous=False) for _ in range(B)]
    vector.reset(seed=5)
    for b, each in enumerate(singles):
        each.reset(seed=5 + b)
    for _ in range(20):
        rewards = vector.step(np.array([3, 0, 1]))[1]
        expected = [
            each.step(choice)[1]
            for each, choice in zip(singles, (3, 0, 1), strict=True)
        ]
        np.testing.assert_allclose(rewards, expected, atol=1e-3)
    assert vector.action_space == loop.action_space


def test_actions_beyond_the_bounds_drive_as_gymnasiums():
    ours, theirs = gym.CarRacing(), drives.CarRacing()
    for each in (ours, theirs):
        each.reset(seed=6)
    actions = np.repeat(
        [[0, 3, -2], [-1.5, 0.4, 0], [5, -1, 0], [0, 0, 1.5]], [20, 15, 15, 15], axis=0
    )
    assert_same_drives(ours, theirs, actions.astype(np.float32))


@pytest.mark.parametrize(
    ("tiles", "at_once"),
    [(-1, True), (0, True), (1.5, True), (2, False), (20, False)],
)
def test_a_lap_may_be_shorter(tiles, at_once):
    """Tile 0 is visited at reset, as the second of two: the rule applies then."""
    theirs = drives.CarRacing()
    theirs.reset(seed=3)
    part = tiles / len(theirs.track)
    ours, theirs = (
        kind(lap_complete_percent=part) for kind in (gym.CarRacing, drives.CarRacing)
    )
    for each in (ours, theirs):
        each.reset(seed=3)
    assert_same_drives(ours, theirs, [AHEAD])
    ours.reset(seed=3)
    *_, terminated, _, info = ours.step(AHEAD)
    assert terminated is at_once
    assert info == ({"lap_finished": True} if at_once else {})
    vector = make(lap_complete_percent=part)
    vector.reset(seed=3)
    assert vector.step(np.tile(AHEAD, (B, 1)))[2][0] == at_once


def test_colours_are_gymnasiums():
    """With a seed, after it without one, and those before where they are kept."""
    ours = gym.CarRacing(domain_randomize=True)
    theirs = car_racing.CarRacing(domain_randomize=True)
    for asked in ({"seed": 5}, {"seed": 6}, {}, {"options": {"randomize": False}}):
        frame, _ = ours.reset(**asked)
        expected, _ = theirs.reset(**asked)
        np.testing.assert_array_equal(ours.colors.road, theirs.road_color)
        np.testing.assert_array_equal(ours.colors.background, theirs.bg_color)
        np.testing.assert_array_equal(ours.colors.grass, theirs.grass_color)
        assert ours._state.world.count[0] == len(theirs.track)
        for _ in range(60):
            assert (
                np.abs(
                    frame - preprocess(expected, CARRACING.view).astype(float)
                ).mean()
                < 2
            )
            frame, reward, *_ = ours.step(AHEAD)
            expected, expected_reward, *_ = theirs.step(AHEAD)
            assert reward == pytest.approx(expected_reward, abs=1e-3)


def test_a_vector_has_the_colours_of_its_seeds():
    vector = make(domain_randomize=True)
    frames, _ = vector.reset(seed=7)
    single = gym.CarRacing(domain_randomize=True)
    for b in range(B):
        frame, _ = single.reset(seed=7 + b)
        assert (frames[b] == frame).mean() > 0.999
        np.testing.assert_array_equal(vector.colors.road[b], single.colors.road)
    before = np.copy(vector.colors.grass)
    vector.reset(options={"randomize": False})
    np.testing.assert_array_equal(vector.colors.grass, before)
    for _ in range(5):
        vector.step(np.tile(AHEAD, (B, 1)))
    assert (vector.colors.grass != before).any(axis=1).all()
    assert len(np.unique(vector.colors.grass, axis=0)) == B
    vector.reset(seed=7)
    vector.reset()  # draws on, and not the same once more
    assert (vector.colors.grass != before).any(axis=1).all()


def same(ours, theirs):
    """Compare infos as gymnasium makes them: their keys, types and values."""
    assert ours.keys() == theirs.keys()
    for key, value in ours.items():
        if isinstance(value, dict):
            same(value, theirs[key])
        elif key == "final_obs":
            for one, other in zip(value, theirs[key], strict=True):
                assert (one is None) == (other is None)
                assert one is None or (one == other).mean() > 0.999
        else:
            assert value.dtype == theirs[key].dtype
            np.testing.assert_array_equal(value, theirs[key])


def test_the_last_step_may_begin_anew():
    """As gymnasium's loop of environments does it, in a vector of ours."""
    mode = AutoresetMode.SAME_STEP
    vector = make(autoreset_mode=mode)
    loop = make(vectorization_mode="sync", vector_kwargs={"autoreset_mode": mode})
    for each in (vector, loop):
        each.reset(seed=0)
    actions = np.tile(AHEAD, (B, 1))
    begun = starts(vector)
    first = np.ones(B, bool)  # those in the episode of their seed: the next differs
    for step in range(4):
        if step == 1:
            banish(vector, 1)
            banish(loop.envs[1].unwrapped, 0)
        frames, rewards, *ended, infos = vector.step(actions)
        expected_frames, expected, *expected_ends, expected_infos = loop.step(actions)
        np.testing.assert_allclose(rewards[first], expected[first], atol=1e-3)
        np.testing.assert_array_equal(ended, expected_ends)
        same(infos, expected_infos)
        again = ended[0] | ended[1]
        assert again.tolist() == [step == 3, step == 1, step == 3]
        first &= ~again
        if first.any():
            assert (frames[first] == expected_frames[first]).mean() > 0.999
        for b in np.flatnonzero(again):
            assert (frames[b] != infos["final_obs"][b]).any()
            assert (starts(vector)[b] != begun[b]).any()
    assert vector._state.car.step.tolist() == [0, 2, 0]
    rewards, terminated, truncated = vector.step(actions)[1:4]
    assert (rewards != 0).all()
    assert not (terminated | truncated).any()


def test_the_caller_may_begin_anew():
    vector = make(autoreset_mode="Disabled")
    vector.reset(seed=0)
    actions = np.tile(AHEAD, (B, 1))
    vector.step(actions)
    begun = starts(vector)
    banish(vector, 1)
    frames, _, terminated, *_ = vector.step(actions)
    assert terminated.tolist() == [False, True, False]
    with pytest.raises(UserError, match=r"environments \[1\] are over: call reset"):
        vector.step(actions)
    seen, _ = vector.reset(seed=[None, 9, None], options={"reset_mask": terminated})
    assert starts(vector)[[0, 2]].tolist() == begun[[0, 2]].tolist()
    assert (seen[[0, 2]] == frames[[0, 2]]).mean() > 0.999
    assert (seen[1] == gym.CarRacing().reset(seed=9)[0]).mean() > 0.999
    assert vector._state.car.step.tolist() == [2, 0, 2]
    assert not vector.step(actions)[2].any()
    vector.reset(options={"reset_mask": np.array([True, False, False])})
    assert vector._state.car.step.tolist() == [0, 1, 3]


@pytest.fixture
def films(monkeypatch):
    """Frames and rate of each film by its file's name, as moviepy was given them."""
    given = {}

    class ImageSequenceClip:
        def __init__(self, frames, fps):
            self.film = np.array(frames), fps

        def write_videofile(self, path, logger):
            given[path.rsplit("/", 1)[-1]] = self.film

    modules = ("moviepy", "moviepy.video", "moviepy.video.io")
    for name in (*modules, "moviepy.video.io.ImageSequenceClip"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    sys.modules[name].ImageSequenceClip = ImageSequenceClip
    return given


def test_gymnasium_films_one_drive(tmp_path, films):
    made = gymnasium.make(gym.ID, render_mode="rgb_array", max_episode_steps=5)
    film = RecordVideo(made, str(tmp_path / "one"), episode_trigger=lambda _: True)
    seen = [film.reset(seed=0)[0], *(film.step(AHEAD)[0] for _ in range(5))]
    film.close()
    frames, rate = films["rl-video-episode-0.mp4"]
    np.testing.assert_array_equal(frames, seen)
    assert rate == 50


def test_gymnasium_films_many_drives(tmp_path, films):
    vector = make(render_mode="rgb_array")
    film = RecordVideos(
        vector,
        str(tmp_path / "many"),
        video_aspect_ratio=(B, 1),
        episode_trigger=lambda _: True,
    )
    seen = [film.reset(seed=0)[0]]
    seen += [film.step(np.tile(AHEAD, (B, 1)))[0] for _ in range(6)]
    film.close()
    first, rate = films["rl-video-episode-0.mp4"]
    rows = np.concatenate(np.moveaxis(np.array(seen), 1, 0), axis=2)
    np.testing.assert_array_equal(first, rows[:5])
    np.testing.assert_array_equal(films["rl-video-episode-1.mp4"][0], rows[5:])
    assert rate == 50
