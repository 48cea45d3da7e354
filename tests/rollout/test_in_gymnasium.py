"""Policies in slots: an episode depends on its seed, and starts with a new carry."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.small_agent import AGENT, untrained

from worldmodels.environments.games import CARRACING
from worldmodels.environments.processes.episodes import Episode
from worldmodels.models.agent import AgentPolicy
from worldmodels.rollout.in_gymnasium import AgentSlots, RandomSlots, SlotPolicy
from worldmodels.rollout.policies import Noisy, random_policy
from worldmodels.runtime.randomness import episode_keys, seed_words, step_keys

FRAMES = np.random.default_rng(0).integers(0, 256, (42, 64, 64, 3), np.uint8)
NAMES = ("network", "brownian", "white", "held")
SEED = 3 * 2**52 + 7  # a test track's: beyond 32 bits


def actions_of(policy, slots, slot, seed, steps, candidate=0):
    """Drive one slot alone on FRAMES; float32 [steps, 3]."""
    policy.start(slot, Episode(seed, steps, candidate))
    active = np.arange(slots) == slot
    seen = [np.broadcast_to(frame, (slots, 64, 64, 3)) for frame in FRAMES[:steps]]
    return np.array([policy.act(frames, active)[slot] for frames in seen])


@pytest.mark.usefixtures("optimised")
@pytest.mark.parametrize("name", NAMES)
def test_an_episode_is_the_same_in_any_slot_beside_any_others(name):
    """Bit for bit, among any number of slots."""
    alone = actions_of(RandomSlots(name, 1, CARRACING), 1, 0, SEED, 30)
    policy = RandomSlots(name, 3, CARRACING)
    for slot, seed in [(0, 8), (2, 9)]:
        policy.start(slot, Episode(seed, 30))
    policy.act(FRAMES[:3], np.array([True, False, True]))
    policy.start(1, Episode(SEED, 30))
    beside = []
    for frame in FRAMES[:30]:
        frames = np.stack([FRAMES[40], frame, FRAMES[41]])
        beside.append(policy.act(frames, np.ones(3, bool))[1])
    np.testing.assert_array_equal(beside, alone)


@pytest.mark.parametrize("name", NAMES)
def test_an_episode_can_be_driven_again_in_its_slot(name):
    policy = RandomSlots(name, 2, CARRACING)
    first = actions_of(policy, 2, 1, SEED, 5)
    other = actions_of(policy, 2, 1, SEED + 1, 5)
    np.testing.assert_array_equal(actions_of(policy, 2, 1, SEED, 5), first)
    assert (other != first).any(axis=0).all()


@pytest.mark.parametrize("name", NAMES)
def test_both_words_of_the_seed_count(name):
    low, high = (
        actions_of(RandomSlots(name, 1, CARRACING), 1, 0, seed, 2)
        for seed in (7, 2**32 + 7)
    )
    assert (low != high).any(axis=0).all()


@pytest.mark.parametrize("name", NAMES)
def test_slots_drive_as_the_pure_policy_in_a_loop(name):
    """The same episode wherever it is driven: keys by the seed's words and the step."""
    policy, words = random_policy(name, CARRACING), seed_words(np.array([SEED]))

    def step(carry, seen):
        time, frame = seen
        keys = step_keys(words, time[None])
        carry, actions = policy.act(carry, frame[None], keys)
        return policy.remember(carry, actions), actions[0]

    begin = policy.initial(episode_keys(words, "policy"))
    _, expected = jax.lax.scan(step, begin, (jnp.arange(20), FRAMES[:20]))
    actions = actions_of(RandomSlots(name, 1, CARRACING), 1, 0, SEED, 20)
    np.testing.assert_allclose(actions, expected, atol=1e-5)


def test_slots_are_three_programs(caplog):
    """To begin an episode, to give it a slot, to act; a start waits for each."""
    with jax.log_compiles():
        actions_of(RandomSlots("brownian", 7, CARRACING), 7, 2, SEED, 2)
    assert caplog.text.count("Finished XLA compilation") == 3


@pytest.fixture(scope="module")
def weights():
    return untrained(AGENT)


@pytest.fixture(scope="module")
def population():
    size = AGENT.controller.parameter_count
    return np.random.default_rng(0).normal(size=(2, size)).astype(np.float32)


def by_hand(policy, carry, steps):
    """Drive one episode step by step; the actions [steps, 3] that were applied."""
    words, actions = seed_words(np.array([SEED])), []
    for t in range(steps):
        keys = step_keys(words, jnp.array([t]))
        carry, action = policy.act(carry, FRAMES[t : t + 1], keys)
        carry = policy.remember(carry, action)
        actions.append(action[0])
    return np.array(actions)


def test_agents_drive_as_the_pure_policy_by_hand(weights, population):
    """Candidate 1 in slot 2, and again after another."""
    policy = AgentPolicy(AGENT, weights)
    expected = by_hand(policy, policy.initial(jnp.asarray(population[1:])), 6)
    slots = AgentSlots(AGENT, weights, population, 3)
    actions = actions_of(slots, 3, 2, SEED, 6, candidate=1)
    np.testing.assert_allclose(actions, expected, atol=1e-5)
    assert (actions != actions_of(slots, 3, 2, SEED, 6, candidate=0)).any()
    again = actions_of(slots, 3, 2, SEED, 6, candidate=1)
    np.testing.assert_array_equal(again, actions)


def test_an_agent_remembers_its_noise(weights, population):
    """M reads what was applied: C alone would not follow its noise of steps before."""
    policy = AgentPolicy(AGENT, weights)
    noisy = Noisy(policy, 0.2, CARRACING)
    carry = policy.initial(jnp.asarray(population[:1]))
    slots = SlotPolicy(noisy, lambda episode: carry, 2)
    actions = actions_of(slots, 2, 1, SEED, 6)
    np.testing.assert_allclose(actions, by_hand(noisy, carry, 6), atol=1e-5)

    class Forgetful(Noisy):
        """Remembers another action than the applied one."""

        def remember(self, carry, actions):
            return super().remember(carry, actions * 0)

    other = by_hand(Forgetful(policy, 0.2, CARRACING), carry, 6)
    np.testing.assert_allclose(actions[0], other[0], atol=1e-5)
    assert np.abs(actions[1:] - other[1:]).max() > 0.01
