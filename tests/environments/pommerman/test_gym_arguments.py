"""What gymnasium's environments of Pommerman take, show and refuse.

Nothing here compiles the game: see test_gym.py for what does.
"""

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode

from worldmodels.environments.pommerman import gym, painting, programs, spaces
from worldmodels.runtime.errors import UserError


def test_spaces_have_the_originals_names():
    ours = gymnasium.make(gym.ID)
    assert ours.action_space == gymnasium.spaces.Discrete(6)
    assert set(ours.observation_space) == {
        *("alive", "board", "bomb_blast_strength", "bomb_life"),
        *("bomb_moving_direction", "flame_life", "game_type", "position"),
        *("blast_strength", "can_kick", "teammate", "ammo", "enemies", "step_count"),
    }
    vector = gymnasium.make_vec(gym.ID, num_envs=3)
    assert vector.single_observation_space == ours.observation_space
    assert vector.action_space.shape == (3,)


@pytest.mark.parametrize("action", [6, -1, 1.0, [1], "up", None])
def test_actions_that_do_not_exist_are_refused(action):
    with pytest.raises(UserError, match="0 stop, 1 up, 2 down, 3 left, 4 right or 5"):
        spaces.applied(action, ())


@pytest.mark.parametrize(
    "actions", [3, [1, 2], [[1], [2], [3]], [1, 2, 6], [[1, 2], [3]]]
)
def test_actions_of_a_vector_that_do_not_exist_are_refused(actions):
    with pytest.raises(UserError, match=r"must be"):
        spaces.applied(actions, (3,))
    assert spaces.applied([5, 0, 2], (3,)).tolist() == [5, 0, 2]


def test_nothing_is_played_before_a_reset():
    vector = gymnasium.make_vec(gym.ID, num_envs=2)
    with pytest.raises(ResetNeeded):
        vector.step(np.zeros(2, int))
    with pytest.raises(ResetNeeded):
        vector.reset(options={"reset_mask": np.array([True, False])})
    with pytest.raises(ResetNeeded):
        gym.Pommerman().step(0)


@pytest.mark.parametrize(
    ("asked", "refused"),
    [
        ({"render_mode": "ansi"}, "render_mode is 'ansi'"),
        ({"num_envs": 0}, "num_envs is 0"),
        ({"max_episode_steps": 0}, "max_episode_steps is 0"),
        ({"max_episode_steps": [5]}, r"max_episode_steps is \[5\]"),
        ({"autoreset_mode": "Never"}, "'NextStep', 'SameStep', 'Disabled'"),
    ],
)
def test_what_a_vector_cannot_be_is_refused(asked, refused):
    with pytest.raises(UserError, match=refused):
        gymnasium.make_vec(gym.ID, **({"num_envs": 2} | asked))


def test_a_vector_goes_on_with_other_games_than_its_first_ones(monkeypatch):
    begun = []

    def begin(drawn):
        begun.extend(drawn.tolist())
        return None, gym.PommermanVector(len(drawn)).observation_space.sample()

    monkeypatch.setattr(programs, "begin", begin)
    vector, one = gymnasium.make_vec(gym.ID, num_envs=3), gymnasium.make(gym.ID)
    vector.reset(seed=7)
    vector.reset()
    assert len(set(begun)) == 6
    for seed in (7, 8, 9):
        one.reset(seed=seed)
    assert begun[6:] == begun[:3]


def test_the_metadata_tell_the_autoreset():
    vector = gymnasium.make_vec(gym.ID, num_envs=2, autoreset_mode="SameStep")
    assert vector.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP


def test_every_kind_of_cell_has_a_tile_of_its_own():
    board = np.zeros((2, 11, 11), np.int8)
    kinds = [kind for kind in range(14) if kind != 9]  # nobody is never shown
    board[1].flat[: len(kinds)] = kinds
    pictures = painting.paint(board)
    assert pictures.shape == (2, 176, 176, 3)
    tiles = pictures[1].reshape(11, 16, 11, 16, 3).swapaxes(1, 2).reshape(121, -1)
    assert len(np.unique(tiles[: len(kinds)], axis=0)) == len(kinds)
    np.testing.assert_array_equal(painting.paint(board[1]), pictures[1])
    assert (tiles[len(kinds) :] == tiles[0]).all()
