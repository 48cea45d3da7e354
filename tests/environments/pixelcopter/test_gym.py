"""PixelCopter as gymnasium's environments."""

import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode

from worldmodels.environments.pixelcopter import gym, picture
from worldmodels.runtime.errors import UserError

pytestmark = pytest.mark.slow  # test_functional.py has what lies below

B = 3
UP, NOTHING = np.ones(B, int), np.zeros(B, int)


def vector(**asked):
    return gymnasium.make_vec(gym.ID, num_envs=B, **asked)


def play(environment, steps, action=NOTHING):
    """Return frames, rewards, deaths and cuts, all [steps, B, ...]."""
    outcomes = [environment.step(action)[:4] for _ in range(steps)]
    return [np.stack(each) for each in zip(*outcomes, strict=True)]


@pytest.fixture(scope="module")
def one():
    return gymnasium.make(gym.ID, render_mode="rgb_array")


def test_gymnasium_finds_no_fault(one):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(one.unwrapped)


def test_a_seed_is_a_level_alone_and_in_a_vector(one):
    envs = vector()
    assert isinstance(envs, gym.PixelCopterVector)
    frames, infos = envs.reset(seed=7)
    assert frames in envs.observation_space
    assert infos["vector"].shape == (B, 7)
    assert infos["_vector"].all()
    for b in range(B):
        frame, info = one.reset(seed=7 + b)
        np.testing.assert_array_equal(frame, frames[b])
        np.testing.assert_array_equal(info["vector"], infos["vector"][b])
    again, _ = envs.reset(seed=[9, 8, 7])
    np.testing.assert_array_equal(again, frames[::-1])


def test_a_reset_shows_the_new_episode_and_not_the_last_one(one):
    first, _ = one.reset(seed=3)
    for _ in range(10):
        last = one.step(0)[0]
    fresh, _ = one.reset(seed=3)
    np.testing.assert_array_equal(fresh, first)
    assert (fresh != last).any()


def test_rendering_is_the_last_frame_in_colors(one):
    frame, _ = one.reset(seed=0)
    drawn = one.render()
    assert drawn.shape == (48, 48, 3)
    grey = np.round(drawn @ [0.21, 0.72, 0.07]).astype(np.uint8)  # the original's
    np.testing.assert_array_equal(grey, frame)
    assert (drawn[0, 0] == (120, 240, 80)).all()
    envs = vector(render_mode="rgb_array")
    assert envs.render() is None
    frames, _ = envs.reset(seed=0)
    np.testing.assert_array_equal(envs.render(), picture.colored(frames))


def test_the_step_after_the_end_begins_anew():
    envs = vector(max_episode_steps=4)
    assert envs.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    first, _ = envs.reset(seed=0)
    frames, rewards, dead, cut = play(envs, 10)
    assert not dead.any()
    assert cut.all(axis=1).tolist() == [*[False] * 3, True, False] * 2
    assert (rewards == 0).all()
    assert (frames[4] != first).any(axis=(1, 2)).all()
    assert (frames[9] != frames[4]).any(axis=(1, 2)).all()
    assert ((frames[4] == picture.WHITE).sum(axis=(1, 2)) == 4).all()
    # All ups: dead in the fourth or fifth step.
    envs = vector()
    envs.reset(seed=0)
    _, rewards, dead, _ = play(envs, 6, np.array([1, 0, 0]))
    (end,) = np.flatnonzero(dead[:, 0])
    assert rewards[end, 0] == -5
    assert rewards[end + 1, 0] == 0
    assert not dead[:, 1:].any()


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.DISABLED])
def test_all_say_their_vectors_where_one_ends(mode):
    envs = vector(autoreset_mode=mode)
    _, infos = envs.reset(seed=0)
    dead = np.zeros(B, bool)
    while not dead.any():
        before = infos["vector"]
        _, _, dead, _, infos = envs.step(np.array([1, 0, 0]))
    assert dead.tolist() == [True, False, False]
    assert infos["_vector"].all()
    assert (infos["vector"] != before).any(axis=1).all()
    assert (infos["vector"][:, 0] > 0).all()


def test_an_episode_may_begin_anew_in_its_last_step():
    envs = vector(max_episode_steps=4, autoreset_mode="SameStep")
    other = vector(max_episode_steps=5)
    for each in (envs, other):
        each.reset(seed=0)
        play(each, 3)
    frames, _, _, cut, infos = envs.step(NOTHING)
    assert cut.all()
    last, *_, info = other.step(NOTHING)
    np.testing.assert_array_equal(np.stack(infos["final_obs"]), last)
    final = infos["final_info"]["vector"]
    np.testing.assert_array_equal(final, info["vector"])
    assert (infos["vector"] != final).any(axis=1).all()
    assert (infos["vector"][:, 0] == 24).all()
    assert (frames != last).any()


def test_an_episode_may_wait_for_its_reset():
    envs = vector(max_episode_steps=2, autoreset_mode=AutoresetMode.DISABLED)
    envs.reset(seed=0)
    play(envs, 2)
    with pytest.raises(UserError, match="reset_mask"):
        envs.step(NOTHING)
    _, infos = envs.reset(options={"reset_mask": np.ones(B, bool)})
    assert (infos["vector"][:, 0] == 24).all()
    envs.step(NOTHING)
    mask = np.array([False, True, False])
    _, infos = envs.reset(options={"reset_mask": mask})
    assert ((infos["vector"][:, 0] == 24) == mask).all()


def test_what_is_wrong_is_refused(one):
    with pytest.raises(ResetNeeded):
        gymnasium.make(gym.ID).unwrapped.step(0)
    with pytest.raises(ResetNeeded):
        vector().step(NOTHING)
    one.reset(seed=0)
    for action in (2, -1):
        with pytest.raises(UserError, match="does not exist: it must be 0"):
            one.step(action)
    envs = vector()
    envs.reset(seed=0)
    for actions in (0, np.zeros(B), [0, 1], [[0], [1, 0], [0]]):
        with pytest.raises(UserError, match=r"whole numbers of the shape \(3,\)"):
            envs.step(actions)
    with pytest.raises(UserError, match="2 seeds are given for 3"):
        envs.reset(seed=[1, 2])
    with pytest.raises(UserError, match="render_mode"):
        gym.PixelCopter(render_mode="human")


def test_a_spec_can_be_written():
    spec = gymnasium.spec(gym.ID)
    assert gymnasium.envs.registration.EnvSpec.from_json(spec.to_json()) == spec
    assert spec.max_episode_steps == 10_000
