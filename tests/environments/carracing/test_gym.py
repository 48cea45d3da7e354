"""gymnasium's environments of the simulator, beside gymnasium's own."""

import warnings

import gymnasium
import jax.numpy as jnp
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode

from worldmodels.environments.carracing import gym, reference
from worldmodels.environments.frames import preprocess
from worldmodels.environments.games import CARRACING
from worldmodels.runtime.errors import UserError

B = 3
AHEAD = np.array([0.1, 0.5, 0], np.float32)


pytestmark = pytest.mark.slow  # test_functional.py has what lies below


@pytest.fixture
def vector():
    return gymnasium.make_vec(gym.ID, num_envs=B, max_episode_steps=4)


def infos(environment, steps):
    return [environment.step(np.tile(AHEAD, (B, 1)))[4] for _ in range(steps)]


def drive(environment, steps):
    """Return frames, rewards, terminations, truncations, all [steps, B, ...]."""
    outcomes = [environment.step(np.tile(AHEAD, (B, 1)))[:4] for _ in range(steps)]
    return [np.stack(each) for each in zip(*outcomes, strict=True)]


def banish(vector, b):
    """Put car b outside the playfield."""
    drive = vector._state.car
    away = jnp.zeros_like(drive.car.x).at[b].set(400.0)
    car = drive.car._replace(x=drive.car.x + away, wheel_x=drive.car.wheel_x + away)
    vector._state = vector._state._replace(car=drive._replace(car=car))


def finish(vector, b):
    """Let car b have visited all tiles but those below it."""
    drive, count = vector._state.car, int(vector._state.world.count[b])
    bits = np.arange(drive.visited.shape[1] * 32) < count
    words = np.packbits(bits.reshape(-1, 32), axis=1, bitorder="little").view(np.uint32)
    visited = drive.visited.at[b].set(words[:, 0])
    vector._state = vector._state._replace(car=drive._replace(visited=visited))


@pytest.mark.parametrize(
    "asked", [{}, {"continuous": False}, {"domain_randomize": True}]
)
def test_gymnasium_finds_no_fault(asked):
    environment = gymnasium.make(gym.ID, render_mode="rgb_array", **asked)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(environment.unwrapped)


def test_a_seed_is_gymnasiums_track_and_drive():
    ours, theirs = gymnasium.make(gym.ID), reference.make(1000)
    for seed in (5, 6):
        frame, _ = ours.reset(seed=seed)
        expected, _ = theirs.reset(seed=seed)
        assert ours.unwrapped._state.world.count[0] == len(theirs.unwrapped.track)
        for _ in range(60):
            assert (
                np.abs(
                    frame - preprocess(expected, CARRACING.view).astype(float)
                ).mean()
                < 2
            )
            frame, reward, *ended = ours.step(AHEAD)[:4]
            expected, expected_reward, *expected_end = theirs.step(AHEAD)[:4]
            assert reward == pytest.approx(expected_reward, abs=1e-3)
            assert ended == expected_end


def test_a_vector_seeds_each_with_the_next():
    vector = gymnasium.make_vec(gym.ID, num_envs=B)
    loop = gymnasium.make_vec(gym.ID, num_envs=B, vectorization_mode="sync")
    assert isinstance(vector, gym.CarRacingVector)
    assert vector.observation_space == loop.observation_space
    assert vector.action_space == loop.action_space
    frames, _ = vector.reset(seed=7)
    expected, _ = loop.reset(seed=7)
    assert frames in vector.observation_space
    assert (frames != expected).mean() < 0.001
    ours, theirs = drive(vector, 10), drive(loop, 10)
    assert (ours[0] != theirs[0]).mean() < 0.001
    for each, expected in zip(ours[1:], theirs[1:], strict=True):
        np.testing.assert_allclose(each, expected, atol=1e-3)


def test_without_a_seed_tracks_differ(vector):
    first, _ = vector.reset(seed=0)
    second, _ = vector.reset()
    assert len(np.unique(np.concatenate([first, second]), axis=0)) == 2 * B
    vector.reset(seed=0)
    np.testing.assert_array_equal(vector.reset()[0], second)


def test_the_step_after_the_end_begins_anew(vector):
    assert vector.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    first, _ = vector.reset(seed=0)
    starts = np.array(vector._state.world.start)
    frames, rewards, terminated, truncated = drive(vector, 10)
    assert not terminated.any()
    # Four steps, a reset, four steps, a reset.
    assert truncated.all(axis=1).tolist() == [*[False] * 3, True, False] * 2
    assert (truncated.any(axis=1) == truncated.all(axis=1)).all()
    assert (rewards[[4, 9]] == 0).all()
    assert (rewards[[0, 5]] != 0).all()
    for b in range(B):
        assert (frames[4, b] != first[b]).any()
        assert (vector._state.world.start[b] != starts[b]).any()


def test_one_that_terminates_begins_anew_and_the_others_go_on():
    vector, other = (gymnasium.make_vec(gym.ID, num_envs=B) for _ in range(2))
    for each in (vector, other):
        each.reset(seed=0)
        drive(each, 2)
    banish(vector, 1)
    frames, rewards, terminated, truncated = drive(vector, 4)
    expected = drive(other, 4)
    assert terminated[:, 1].tolist() == [True, False, False, False]
    assert rewards[:2, 1].tolist() == [-100, 0]
    assert not truncated.any()
    others = [0, 2]
    assert not terminated[:, others].any()
    np.testing.assert_allclose(rewards[:, others], expected[1][:, others], atol=1e-4)
    assert (frames[:, others] != expected[0][:, others]).mean() < 0.001
    assert vector._state.car.step.tolist() == [6, 2, 6]
    assert (vector._state.world.start[1] != other._state.world.start[1]).any()


def test_infos_tell_who_left_the_playfield_from_who_finished_a_lap():
    """As gymnasium's do, from the very step on which an episode is over."""
    vector = gymnasium.make_vec(gym.ID, num_envs=B)
    vector.reset(seed=0)
    banish(vector, 1)
    finish(vector, 2)
    told, *later = infos(vector, 3)
    assert told["lap_finished"].tolist() == [False, False, True]
    assert told["_lap_finished"].tolist() == [False, True, True]
    assert later == [{}, {}]
    loop = gymnasium.make_vec(gym.ID, num_envs=1, vectorization_mode="sync")
    loop.reset(seed=0)
    banish(loop.envs[0].unwrapped, 0)
    info = loop.step(AHEAD[None])[4]
    assert info["lap_finished"].tolist() == [False]
    assert info["_lap_finished"].tolist() == [True]


def test_chosen_tracks_and_those_that_count_on_are_the_same(vector):
    first, _ = vector.reset(seed=[7, 8, 9])
    second, _ = vector.reset(seed=7)
    np.testing.assert_array_equal(first, second)
    third, _ = vector.reset(seed=[9, 8, 7])
    np.testing.assert_array_equal(third, first[::-1])
    with pytest.raises(UserError, match="2 seeds are given for 3 environments"):
        vector.reset(seed=[1, 2])


@pytest.mark.parametrize(("limit", "cut"), [(-1, False), (None, True), (1000, True)])
def test_the_limit_may_be_none_at_all(limit, cut):
    vector = gymnasium.make_vec(gym.ID, num_envs=B, max_episode_steps=limit)
    vector.reset(seed=0)
    drive(vector, 1)
    late = jnp.full(B, 999, jnp.int32)
    vector._state = vector._state._replace(car=vector._state.car._replace(step=late))
    assert drive(vector, 1)[3].all() == cut


def test_actions_that_are_no_numbers_are_refused(vector):
    vector.reset(seed=0)
    actions = np.tile(AHEAD, (B, 1))
    actions[1, 0] = np.nan
    with pytest.raises(UserError, match="not of numbers"):
        vector.step(actions)
    one = gymnasium.make(gym.ID)
    one.reset(seed=0)
    with pytest.raises(UserError, match="not of numbers"):
        one.step(actions[1])


def test_a_spec_can_be_written():
    spec = gymnasium.spec(gym.ID)
    assert gymnasium.envs.registration.EnvSpec.from_json(spec.to_json()) == spec


def test_a_single_one_is_cut_by_its_wrapper():
    environment = gymnasium.make(gym.ID, max_episode_steps=2)
    environment.reset(seed=0)
    assert environment.step(AHEAD)[2:4] == (False, False)
    assert environment.step(AHEAD)[2:4] == (False, True)


def test_rendering_is_the_last_frame():
    vector = gymnasium.make_vec(gym.ID, num_envs=B, render_mode="rgb_array")
    assert vector.render() is None
    vector.reset(seed=0)
    frames = drive(vector, 1)[0][0]
    np.testing.assert_array_equal(np.stack(vector.render()), frames)
