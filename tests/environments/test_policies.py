"""The random policies: bounds, their statistics, and one stream an episode."""

import numpy as np
import pytest

from worldmodels.environments.carracing import ACTION_HIGH, ACTION_LOW
from worldmodels.environments.episodes import Episode
from worldmodels.environments.policies import Network, random_policy, with_noise
from worldmodels.errors import UserError

FRAMES = np.random.default_rng(0).integers(0, 256, (300, 64, 64, 3), np.uint8)
NAMES = ("network", "brownian", "white")


def actions_of(policy, slots, slot, seed, steps):
    """Drive one slot alone on FRAMES; float32 [steps, 3]."""
    policy.start(slot, Episode(seed, steps))
    active = np.arange(slots) == slot
    seen = [np.broadcast_to(frame, (slots, 64, 64, 3)) for frame in FRAMES[:steps]]
    return np.array([policy.act(frames, active)[slot] for frames in seen])


@pytest.mark.parametrize("name", NAMES)
def test_an_episode_is_the_same_in_any_slot_beside_any_others(name):
    alone = actions_of(random_policy(name, 1), 1, 0, 7, 30)
    policy = random_policy(name, 3)
    for slot, seed in [(0, 8), (2, 9)]:
        policy.start(slot, Episode(seed, 30))
    policy.act(FRAMES[:3], np.array([True, False, True]))
    policy.start(1, Episode(7, 30))
    beside = []
    for frame in FRAMES[:30]:
        frames = np.stack([FRAMES[40], frame, FRAMES[41]])
        beside.append(policy.act(frames, np.ones(3, bool))[1])
    np.testing.assert_array_equal(beside, alone)
    assert (actions_of(random_policy(name, 1), 1, 0, 8, 30) != alone).any()


@pytest.mark.parametrize("name", NAMES)
def test_actions_lie_within_the_bounds_and_vary(name):
    actions = actions_of(random_policy(name, 1), 1, 0, 0, 200)
    assert actions.dtype == np.float32
    assert (actions >= ACTION_LOW).all()
    assert (actions <= ACTION_HIGH).all()
    assert (actions.std(axis=0) > 1e-3).all()


def test_white_is_uniform():
    actions = actions_of(random_policy("white", 1), 1, 0, 3, 300)
    # Means 0, 1/2, 1/2; standard errors of uniform numbers: width / sqrt(12 n).
    errors = (ACTION_HIGH - ACTION_LOW) / np.sqrt(12 * 300)
    assert (np.abs(actions.mean(axis=0) - [0, 0.5, 0.5]) < 4 * errors).all()
    correlation = np.corrcoef(actions[:-1, 0], actions[1:, 0])[0, 1]
    assert abs(correlation) < 4 / np.sqrt(300)


def test_brownian_steps_have_the_variance_of_a_frame():
    actions = actions_of(random_policy("brownian", 1), 1, 0, 3, 300)
    inside = (np.abs(actions[:-1, 0]) < 0.5) & (np.abs(actions[1:, 0]) < 1)
    steps = np.diff(actions[:, 0])[inside]
    assert len(steps) > 50
    assert steps.std() == pytest.approx(np.sqrt(1 / 50), rel=0.3)


def test_network_is_the_controller_on_z_and_h():
    """One step written out; then h has seen z and the applied action."""
    network = Network(np.random.default_rng(5))
    rng = np.random.default_rng(5)
    pixels, inputs = 768, 256 + 32 + 3
    vision = rng.standard_normal((32, pixels), np.float32) / np.sqrt(pixels)
    memory = rng.standard_normal((256, inputs), np.float32) / np.sqrt(inputs)
    spread = rng.uniform() * 0.01
    controller = rng.standard_cauchy((3, 32 + 256 + 1)) * spread
    noise = rng.standard_normal((2, 32), np.float32)
    h = np.zeros(256)
    for t in range(2):
        z = vision @ (FRAMES[t, ::4, ::4].ravel() / 255.0) + noise[t]
        a = np.tanh(controller @ np.concatenate([z, h, [1]]))
        expected = [a[0], (a[1] + 1) / 2, np.clip(a[2], 0, 1)]
        action = network.choose(FRAMES[t])
        np.testing.assert_allclose(action, expected, atol=2e-5)
        network.remember(action)
        h = np.tanh(memory @ np.concatenate([h, z, action]))


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(UserError, match=r"'drunk'.*network, brownian, white"):
        random_policy("drunk", 1)


class Recorder:
    """A policy that chooses the middle and keeps the noise that it is given."""

    def start(self, slot, episode):
        self.noises = []

    def act(self, frames, active, noise=None):
        self.noises.append(noise)
        middle = np.float32([0, 0.5, 0.5])
        return np.clip(middle + noise, ACTION_LOW, ACTION_HIGH)


def test_noise_has_its_std_comes_from_the_seed_and_reaches_the_policy():
    recorder = Recorder()
    actions = actions_of(with_noise(recorder, 0.1), 2, 1, 4, 300)
    noises = np.array(recorder.noises)
    assert (noises[:, 0] == 0).all()  # the idle slot
    assert noises[:, 1].std() == pytest.approx(0.1, rel=0.15)
    np.testing.assert_allclose(actions, [0, 0.5, 0.5] + noises[:, 1], atol=1e-6)
    again = actions_of(with_noise(Recorder(), 0.1), 1, 0, 4, 300)
    np.testing.assert_array_equal(again, actions)


@pytest.mark.parametrize("name", NAMES)
def test_noisy_actions_stay_within_the_bounds(name):
    actions = actions_of(with_noise(random_policy(name, 1), 1.0), 1, 0, 0, 50)
    assert (actions >= ACTION_LOW).all()
    assert (actions <= ACTION_HIGH).all()
    assert (actions == ACTION_HIGH).any()
