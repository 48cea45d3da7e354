"""What gymnasium's environments of the simulator take, and what they refuse.

Nothing here compiles the simulator: see test_gym.py for what does.
"""

import gymnasium
import numpy as np
import pytest
from gymnasium.error import InvalidAction, ResetNeeded
from gymnasium.vector import AutoresetMode
from support import drives

from worldmodels.environments.carracing import actions, colors, gym, tracks
from worldmodels.runtime.errors import UserError


@pytest.fixture(scope="module")
def theirs():
    environment = drives.CarRacing(continuous=False)
    environment.reset(seed=0)
    return environment


def told(environment, action):
    """Return steering, gas and brake of gymnasium's car; gas rises by 0.1 a step."""
    for _ in range(2):
        environment.step(action)
    wheels = environment.car.wheels
    return -wheels[0].steer, wheels[2].gas, wheels[0].brake


def test_spaces_are_gymnasiums(theirs):
    for continuous in (True, False):
        ours = gymnasium.make(gym.ID, continuous=continuous)
        expected = drives.CarRacing(continuous=continuous).action_space
        assert ours.action_space == expected
        vector = gymnasium.make_vec(gym.ID, num_envs=2, continuous=continuous)
        assert vector.single_action_space == expected
        assert vector.action_space.shape[0] == 2


@pytest.mark.parametrize("choice", range(5))
def test_choices_mean_what_gymnasium_means(theirs, choice):
    steer, gas, brake = actions.applied(np.int64(choice), (), False)
    np.testing.assert_allclose(told(theirs, choice), (steer, gas, brake), atol=1e-7)


def test_choices_of_a_vector():
    many = actions.applied(np.array([3, 0, 2]), (3,), False)
    single = [actions.applied(choice, (), False) for choice in (3, 0, 2)]
    np.testing.assert_array_equal(many, single)
    assert many.dtype == np.float32


def test_actions_are_taken_as_they_are():
    given = [[0.1, 2, -3], [1e300, -1e300, np.inf]]  # the physics knows the bounds
    expected = np.array([[0.1, 2, -3], [np.inf, -np.inf, np.inf]], np.float32)
    np.testing.assert_array_equal(actions.applied(given, (2,), True), expected)


@pytest.mark.parametrize(
    ("action", "cars", "shape", "needed"),
    [
        (np.zeros(2), (), r"\(2,\)", r"one car needs \(3,\)"),
        (np.zeros((1, 3)), (), r"\(1, 3\)", r"one car needs \(3,\)"),
        (0.5, (), r"\(\)", r"one car needs \(3,\)"),
        (np.zeros(3), (16,), r"\(3,\)", r"16 cars need \(16, 3\)"),
        (np.zeros((1, 3)), (16,), r"\(1, 3\)", r"16 cars need \(16, 3\)"),
        (np.zeros((16, 1)), (16,), r"\(16, 1\)", r"16 cars need \(16, 3\)"),
        (np.zeros((3, 16)), (16,), r"\(3, 16\)", r"16 cars need \(16, 3\)"),
        (np.zeros((15, 3)), (16,), r"\(15, 3\)", r"16 cars need \(16, 3\)"),
        (np.zeros((0, 3)), (16,), r"\(0, 3\)", r"16 cars need \(16, 3\)"),
    ],
)
def test_actions_of_another_shape_are_refused(action, cars, shape, needed):
    with pytest.raises(UserError, match=f"shape {shape}, but {needed}: steering, gas"):
        actions.applied(action, cars, True)


@pytest.mark.parametrize(
    ("action", "cars", "shape"),
    [([2], (), r"\(1,\)"), (2, (4,), r"\(\)"), ([[1], [2]], (2,), r"\(2, 1\)")],
)
def test_choices_of_another_shape_are_refused(action, cars, shape):
    with pytest.raises(UserError, match=f"shape {shape}, but .* from 0 to 4"):
        actions.applied(action, cars, False)


@pytest.mark.parametrize(
    "action", ["left", ["a", "b", "c"], [1, 2, 3j], [[1, 2], [3]], None, {"steer": 1}]
)
@pytest.mark.parametrize("continuous", [True, False])
def test_actions_of_another_type_are_refused(action, continuous):
    with pytest.raises(UserError, match="the action is of type"):
        actions.applied(action, (), continuous)


def test_choices_are_whole_numbers():
    for action in (1.0, np.float32(2)):
        with pytest.raises(UserError, match=r"type float.*whole number from 0 to 4"):
            actions.applied(action, (), False)


@pytest.mark.parametrize("choice", [-1, 5, 2**40])
def test_choices_that_do_not_exist_are_refused(theirs, choice):
    with pytest.raises(InvalidAction):
        theirs.step(choice)
    with pytest.raises(UserError, match=f"{choice} does not exist.* from 0 to 4"):
        actions.applied(choice, (), False)
    with pytest.raises(UserError, match=f"{choice} does not exist"):
        actions.applied([0, choice, 1], (3,), False)


def test_the_action_that_is_no_number_is_named():
    many = np.zeros((500, 3))
    many[7] = (0.25, np.nan, 0)
    with pytest.raises(UserError, match=r"action \[0.25, nan, 0.0\] is not of numbers"):
        actions.applied(many, (500,), True)


def test_nothing_is_driven_before_a_reset():
    vector = gymnasium.make_vec(gym.ID, num_envs=2)
    with pytest.raises(ResetNeeded):
        vector.step(np.zeros((2, 3), np.float32))
    with pytest.raises(ResetNeeded):
        vector.reset(options={"reset_mask": np.array([True, False])})
    with pytest.raises(ResetNeeded):
        gym.CarRacing().step(np.zeros(3, np.float32))


@pytest.mark.parametrize(
    ("asked", "refused"),
    [
        ({"render_mode": "ansi"}, "render_mode is 'ansi'"),
        ({"lap_complete_percent": "95 %"}, "lap_complete_percent is '95 %'"),
        ({"lap_complete_percent": np.nan}, "lap_complete_percent is nan"),
        ({"num_envs": 0}, "num_envs is 0"),
        ({"num_envs": 2.5}, "num_envs is 2.5"),
        ({"max_episode_steps": 0}, "max_episode_steps is 0"),
        ({"max_episode_steps": -2}, "max_episode_steps is -2"),
        ({"max_episode_steps": 1.5}, "max_episode_steps is 1.5"),
        ({"autoreset_mode": "Never"}, "'NextStep', 'SameStep', 'Disabled'"),
    ],
)
def test_what_a_vector_cannot_be_is_refused(asked, refused):
    with pytest.raises(UserError, match=refused):
        gymnasium.make_vec(gym.ID, **({"num_envs": 2} | asked))


@pytest.mark.parametrize("seed", [-1, [0, -1], 1.5, [0, 1.5], "one", [True, 1]])
def test_seeds_that_are_none_are_refused(seed):
    with pytest.raises(UserError, match="is not a whole number from 0 on"):
        gymnasium.make_vec(gym.ID, num_envs=2).reset(seed=seed)


@pytest.mark.parametrize(
    "mask", [[True], [1, 0], [False, False], np.ones((2, 1), bool), "first"]
)
def test_masks_that_are_none_are_refused(mask):
    vector = gymnasium.make_vec(gym.ID, num_envs=2)
    with pytest.raises(UserError, match=r"reset_mask is .* bool of the shape \(2,\)"):
        vector.reset(options={"reset_mask": mask})


@pytest.mark.parametrize("mode", [*AutoresetMode, "SameStep"])
def test_the_metadata_tell_the_autoreset(mode):
    vector = gymnasium.make_vec(gym.ID, num_envs=2, autoreset_mode=mode)
    assert vector.metadata["autoreset_mode"] is AutoresetMode(mode)
    assert vector.metadata["render_fps"] == 50
    usual = gym.CarRacingVector(2).metadata["autoreset_mode"]
    assert usual is AutoresetMode.NEXT_STEP


def assert_same_world(environment, drawn, laid):
    """Compare colours and track with those of gymnasium's environment, to the bit."""
    np.testing.assert_array_equal(drawn.road, environment.road_color)
    np.testing.assert_array_equal(drawn.background, environment.bg_color)
    np.testing.assert_array_equal(drawn.grass, environment.grass_color)
    assert laid.count == len(environment.track)
    np.testing.assert_array_equal(laid.start, environment.track[0][1:])


def test_colours_and_tracks_go_on_as_gymnasiums():
    """With a seed and after it, with colours of their own and with those before."""
    environment = drives.CarRacing(domain_randomize=True)
    for seed in (3, 4):
        environment.reset(seed=seed)
        rng = tracks.generator(seed)
        drawn = colors.draw(rng)
        assert_same_world(environment, drawn, tracks.from_generator(rng, seed))
        environment.reset()
        drawn = colors.draw(rng)
        assert_same_world(environment, drawn, tracks.from_generator(rng))
        environment.reset(options={"randomize": False})
        assert_same_world(environment, drawn, tracks.from_generator(rng))


def test_the_usual_colours_are_gymnasiums():
    environment = drives.CarRacing()
    environment.reset(seed=5)
    assert_same_world(environment, colors.USUAL, tracks.from_seed(5))


def test_a_palette_is_what_pygame_draws_and_smoothscale_darkens():
    drawn = colors.Colors(*np.array([[1.8, 100.5, 209.99], [0, 2, 3.7], [20, 2, 3.7]]))
    seen = colors.palette(drawn)
    # Tiles are 0, 2.55 and 5.1 lighter; fractions are cut off, then 2 are taken.
    red, green, blue = (seen.road >> shift & 255 for shift in (0, 8, 16))
    assert red.tolist() == [0, 2, 4]
    assert green.tolist() == [98, 101, 103]
    assert blue.tolist() == [207, 210, 213]
    assert seen.background == 0x010000
    assert seen.grass == 0x010012
    many = colors.palette(colors.Colors(*(np.stack([x, x]) for x in drawn)))
    np.testing.assert_array_equal(many.road, [seen.road] * 2)
    np.testing.assert_array_equal(many.grass, [seen.grass] * 2)
