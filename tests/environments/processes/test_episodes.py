"""Episodes: alignment, and results that depend on the episode and on nothing else."""

import os
import signal

import numpy as np
import pytest

from worldmodels.environments import EnvironmentSpec
from worldmodels.environments.carracing import reference
from worldmodels.environments.frames import preprocess
from worldmodels.environments.games import CARRACING
from worldmodels.environments.processes.episodes import Episode, run
from worldmodels.environments.processes.pool import EnvironmentPool
from worldmodels.rollout.in_gymnasium import RandomSlots
from worldmodels.runtime.errors import UserError

SPEC = EnvironmentSpec(CARRACING.name, max_steps=20)
EPISODES = [Episode(seed, steps) for seed, steps in enumerate([20, 9, 14, 20, 5])]


def drive(episodes=EPISODES, slots=2, workers=1, policy=None, **kwargs):
    """Run episodes with frames; return the results in the order of the episodes."""
    with EnvironmentPool(SPEC, slots=slots, workers=workers, **kwargs) as pool:
        policy = policy or RandomSlots("brownian", slots, CARRACING)
        results = list(run(pool, policy, episodes, record=True))
    return sorted(results, key=lambda result: result.index)


@pytest.fixture(scope="module")
def expected():
    return drive()


def assert_equal(results, expected):
    assert len(results) == len(expected)
    for result, other in zip(results, expected, strict=True):
        assert result.episode == other.episode
        assert result.terminated == other.terminated
        np.testing.assert_array_equal(result.actions, other.actions)
        np.testing.assert_array_equal(result.rewards, other.rewards)
        np.testing.assert_array_equal(result.frames, other.frames)


def test_frame_is_seen_then_action_chosen_then_reward_follows(expected):
    """Replaying the actions meets the same frames before, and rewards after, each."""
    for result in (expected[0], expected[4]):
        environment = reference.make()
        frame, _ = environment.reset(seed=result.episode.seed)
        for t in range(result.length):
            np.testing.assert_array_equal(
                result.frames[t], preprocess(frame, CARRACING.view)
            )
            frame, reward, *_ = environment.step(result.actions[t])
            assert result.rewards[t] == np.float32(reward)
        assert result.total_reward == pytest.approx(result.rewards.sum(dtype=float))


def test_lengths_and_limits(expected):
    assert [result.length for result in expected] == [20, 9, 14, 20, 5]
    for result in expected:
        assert result.frames.shape == (result.length, 64, 64, 3)
        assert result.actions.shape == (result.length, 3)
        assert not result.terminated
    assert drive([Episode(0, 999)])[0].length == SPEC.max_steps


def test_seed_zero_is_a_seed_like_any_other(expected):
    assert_equal(drive(EPISODES[:1]), expected[:1])
    assert (expected[0].frames != drive([Episode(1, 20)])[0].frames).any()


def test_the_number_of_workers_changes_nothing(expected):
    assert_equal(drive(workers=2), expected)


def test_the_number_of_slots_changes_nothing_for_a_random_policy(expected):
    assert_equal(drive(slots=3, workers=2), expected)


def test_splitting_the_list_changes_nothing(expected):
    assert_equal(drive(EPISODES[:3]) + drive(EPISODES[3:]), expected)


class Saboteur:
    """A policy that also sends a signal to a worker, at one moment."""

    def __init__(self, slots, fault):
        self.policy, self.fault = RandomSlots("brownian", slots, CARRACING), fault
        self.calls, self.pool = 0, None

    def start(self, slot, episode):
        self.policy.start(slot, episode)

    def act(self, frames, active):
        self.calls += 1
        if self.calls == 12:
            os.kill(self.pool.pids[0], self.fault)
        return self.policy.act(frames, active)


@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP])
def test_a_fault_in_the_middle_changes_nothing(expected, fault):
    policy = Saboteur(2, fault)
    with EnvironmentPool(SPEC, slots=2, workers=2, deadline=3) as policy.pool:
        before = policy.pool.pids
        results = list(run(policy.pool, policy, EPISODES, record=True))
        assert policy.pool.pids[0] != before[0]
    assert_equal(sorted(results, key=lambda result: result.index), expected)


def test_results_come_as_they_finish():
    """Slot 0 runs episodes 0, 2, 4 and slot 1 runs 1, 3; one step more to start."""
    with EnvironmentPool(SPEC, slots=2, workers=1) as pool:
        results = list(run(pool, RandomSlots("white", 2, CARRACING), EPISODES))
    # Slot 0: 20, 20+1+14, 35+1+5; slot 1: 9, 9+1+20.
    assert [result.index for result in results] == [1, 0, 3, 2, 4]
    assert all(result.frames is None for result in results)


class Constant:
    """Always the same action, counting the starts."""

    def __init__(self, action):
        self.action = action

    def start(self, slot, episode):
        pass

    def act(self, frames, active):
        return np.tile(np.float32(self.action), (len(frames), 1))


def test_an_action_that_is_not_finite_names_its_episode():
    with pytest.raises(UserError, match=r"action \[.*nan.*\] in step 0 .* seed 77;"):
        drive([Episode(77, 5)], policy=Constant([0, np.nan, 0]))


def test_a_reward_that_is_not_finite_names_its_episode():
    class Broken(EnvironmentPool):
        def advance(self, actions, active, seeds):
            step = super().advance(actions, active, seeds)
            step.rewards[active] = np.nan
            return step

    with Broken(SPEC, slots=1, workers=1) as pool:
        results = run(pool, Constant([0, 0, 0]), [Episode(78, 5)])
        with pytest.raises(UserError, match=r"reward nan in step 0 of episode seed 78"):
            list(results)


def test_no_episodes_and_empty_episodes():
    assert drive([]) == []
    with pytest.raises(UserError, match="less than one step"):
        drive([Episode(0, 0)])
