"""gymnasium's environments of Pommerman."""

import warnings

import gymnasium
import jax.numpy as jnp
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode

from worldmodels.environments.pommerman import gym, painting
from worldmodels.runtime.errors import UserError

B = 3
STOP, LAY = 0, 5

pytestmark = pytest.mark.slow  # test_functional.py and test_step.py have the rules


@pytest.fixture
def vector():
    return gymnasium.make_vec(gym.ID, num_envs=B, max_episode_steps=4)


def play(environment, steps, action=STOP):
    """Return rewards, terminations and truncations, all [steps, B]."""
    outcomes = [environment.step(np.full(B, action))[1:4] for _ in range(steps)]
    return [np.stack(each) for each in zip(*outcomes, strict=True)]


def same(one, other):
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], name)


def kill(vector, b, agents):
    """Let agents of game b be dead."""
    match = vector._state
    alive = match.game.agents.alive.at[np.array(agents), b].set(False)
    agents = match.game.agents._replace(alive=alive)
    vector._state = match._replace(game=match.game._replace(agents=agents))


def test_gymnasium_finds_no_fault():
    environment = gymnasium.make(gym.ID, render_mode="rgb_array")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(environment.unwrapped)


def test_a_vector_is_a_loop_of_single_ones():
    vector = gymnasium.make_vec(gym.ID, num_envs=B)
    loop = gymnasium.make_vec(gym.ID, num_envs=B, vectorization_mode="sync")
    assert isinstance(vector, gym.PommermanVector)
    assert vector.observation_space == loop.observation_space
    seen, _ = vector.reset(seed=7)
    assert seen in vector.observation_space
    same(seen, loop.reset(seed=7)[0])
    rng = np.random.default_rng(0)
    for _ in range(12):
        actions = rng.integers(0, 5, B)
        ours, theirs = vector.step(actions), loop.step(actions)
        same(ours[0], theirs[0])
        for each, expected in zip(ours[1:4], theirs[1:4], strict=True):
            np.testing.assert_array_equal(each, expected)
    assert (np.ptp(seen["board"], axis=0) > 0).any()


def test_a_seed_decides_the_whole_game_and_without_one_games_differ():
    one, other = gymnasium.make(gym.ID), gymnasium.make(gym.ID)
    for environment in (one, other):
        environment.reset(seed=5)
    for _ in range(10):
        ours, theirs = one.step(STOP)[0], other.step(STOP)[0]
        same(ours, theirs)
    first, second = (one.reset()[0] for _ in range(2))
    assert (first["board"] != second["board"]).any()
    other.reset()
    same(other.reset()[0], second)


def test_the_step_after_the_end_begins_anew(vector):
    assert vector.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    first, _ = vector.reset(seed=0)
    rewards, over, late = play(vector, 10)
    assert not over.any()
    # Four steps, a reset, four steps, a reset.
    assert late.all(axis=1).tolist() == [*[False] * 3, True, False] * 2
    assert not rewards.any()
    seen = vector.step(np.zeros(B, int))[0]
    assert seen["step_count"].tolist() == [1] * B
    assert (seen["board"] != first["board"]).any(axis=(1, 2)).all()


def test_the_dead_and_the_last_are_over_and_the_others_go_on():
    vector = gymnasium.make_vec(gym.ID, num_envs=B)
    vector.reset(seed=0)
    kill(vector, 1, [0])
    kill(vector, 2, [1, 2, 3])
    rewards, over, late = play(vector, 2)
    assert rewards.tolist() == [[0, -1, 1], [0, 0, 0]]
    assert over.tolist() == [[False, True, True], [False, False, False]]
    assert not late.any()
    assert vector._state.game.step.tolist() == [2, 0, 0]


def test_the_last_observation_is_kept_where_the_same_step_begins_anew():
    vector = gymnasium.make_vec(gym.ID, num_envs=B, autoreset_mode="SameStep")
    vector.reset(seed=0)
    kill(vector, 1, [0])
    seen, rewards, over, _, infos = vector.step(np.zeros(B, int))
    assert rewards.tolist() == [0, -1, 0]
    assert infos["_final_obs"].tolist() == over.tolist() == [False, True, False]
    assert infos["final_obs"][1]["alive"].tolist() == [0, 1, 1, 1]
    assert seen["step_count"].tolist() == [1, 0, 1]
    assert seen["alive"].all()


def test_those_of_the_mask_begin_where_nothing_does_by_itself():
    vector = gymnasium.make_vec(gym.ID, num_envs=B, autoreset_mode="Disabled")
    vector.reset(seed=0)
    kill(vector, 1, [0])
    vector.step(np.zeros(B, int))
    with pytest.raises(UserError, match=r"environments \[1\] are over"):
        vector.step(np.zeros(B, int))
    seen, _ = vector.reset(options={"reset_mask": np.array([False, True, False])})
    assert seen["step_count"].tolist() == [1, 0, 1]
    vector.step(np.zeros(B, int))


@pytest.mark.parametrize("limit", [None, -1, 800, 10_000])
def test_a_game_ends_at_its_800th_step(limit):
    vector = gymnasium.make_vec(gym.ID, num_envs=B, max_episode_steps=limit)
    vector.reset(seed=0)
    match = vector._state
    late = jnp.full(B, 799, jnp.int32)
    vector._state = match._replace(game=match.game._replace(step=late))
    seen, rewards, over, cut, _ = vector.step(np.zeros(B, int))
    assert rewards.tolist() == [-1] * B
    assert cut.all()
    assert not over.any()
    assert seen in vector.observation_space


def test_a_single_one_is_cut_by_its_wrapper():
    environment = gymnasium.make(gym.ID, max_episode_steps=2)
    environment.reset(seed=0)
    assert environment.step(STOP)[2:4] == (False, False)
    assert environment.step(STOP)[2:4] == (False, True)


def test_a_bomb_of_ones_own_kills_who_stays():
    environment = gymnasium.make(gym.ID)
    seen, _ = environment.reset(seed=0)
    for step in range(10):
        seen, reward, over, *_ = environment.step(LAY if step == 0 else STOP)
        assert seen["ammo"] == (0 if step < 9 else 1)
        assert seen["bomb_life"][1, 1] == 9 - step
    assert over
    assert reward == -1
    assert seen["flame_life"][1, 1] == 3


def test_the_integers_are_the_originals_372():
    vector = gymnasium.make_vec(gym.ID, num_envs=B)
    seen, _ = vector.reset(seed=0)
    integers = gym.Pommerman.featurize(seen)
    assert integers.shape == (B, 372)
    assert integers[:, 363:].tolist() == [[1, 1, 1, 2, 0, 9, 11, 12, 13]] * B
    one, _ = gymnasium.make(gym.ID).reset(seed=0)
    np.testing.assert_array_equal(gym.Pommerman.featurize(one), integers[0])


def test_rendering_is_the_last_board():
    vector = gymnasium.make_vec(gym.ID, num_envs=B, render_mode="rgb_array")
    assert vector.render() is None
    vector.reset(seed=0)
    seen = vector.step(np.zeros(B, int))[0]
    np.testing.assert_array_equal(
        np.stack(vector.render()), painting.paint(seen["board"])
    )


def test_a_spec_can_be_written():
    spec = gymnasium.spec(gym.ID)
    assert gymnasium.envs.registration.EnvSpec.from_json(spec.to_json()) == spec
