"""Which levels gymnasium's environments of PixelCopter begin; nothing is compiled."""

import gymnasium
import numpy as np
import pytest

from worldmodels.environments import jax_process
from worldmodels.environments.pixelcopter import gym, programs
from worldmodels.runtime.errors import UserError

B = 3


@pytest.fixture
def levels(monkeypatch):
    """All levels that are begun, in their order."""
    begun = []

    def begin(seeds):
        begun.extend(seeds.tolist())
        frames = np.zeros((len(seeds), 48, 48), np.uint8)
        return None, programs.Seen(frames, np.zeros((len(seeds), 7), np.float32))

    monkeypatch.setattr(programs, "begin", begin)
    return begun


def test_without_a_seed_no_two_episodes_have_the_same_level(levels):
    """The original begins each new environment with the numbers of the seed 24."""
    for _ in range(2):
        environment = gymnasium.make(gym.ID)
        for _ in range(3):
            environment.reset()
    for _ in range(2):
        gymnasium.make_vec(gym.ID, num_envs=B).reset()
    assert len(levels) == len(set(levels)) == 6 + 2 * B


def test_a_seed_has_its_level_alone_and_in_a_vector(levels):
    one, many = gymnasium.make(gym.ID), gymnasium.make_vec(gym.ID, num_envs=B)
    for seed in (7, 8, 9):
        one.reset(seed=seed)
    many.reset(seed=7)
    many.reset(seed=[9, 8, 7])
    alone, counted, chosen = np.reshape(levels, (3, B)).tolist()
    assert counted == alone
    assert chosen == alone[::-1]


def test_a_vector_goes_on_with_other_levels_than_its_first_ones(levels):
    many = gymnasium.make_vec(gym.ID, num_envs=B)
    many.reset(seed=7)
    many.reset()
    assert len(set(levels)) == 2 * B
    many.reset(seed=7)
    many.reset()
    assert levels[: 2 * B] == levels[2 * B :]


def test_a_process_that_was_forked_from_one_that_used_jax_is_refused(monkeypatch):
    monkeypatch.setattr(jax_process._Process, "forked", True)
    with pytest.raises(UserError, match="forked"):
        gymnasium.make(gym.ID).reset()
    with pytest.raises(UserError, match="forked"):
        gymnasium.make_vec(gym.ID, num_envs=B).reset()
