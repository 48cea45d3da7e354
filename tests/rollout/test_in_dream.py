"""A population's dreams in one program against a plain loop over each dream."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType
from support import small_dream
from support.small_dream import CONTROLLER

from worldmodels.environments.games import CARRACING
from worldmodels.models import memory
from worldmodels.models.controller import Controller
from worldmodels.models.dream import Dream
from worldmodels.models.memory import Memory
from worldmodels.rollout import in_dream, in_simulator
from worldmodels.rollout.grouping import returns
from worldmodels.rollout.in_dream import Controlled, Recorded
from worldmodels.runtime.randomness import (
    Purpose,
    episode_keys,
    episode_seeds,
    seed_words,
    step_keys,
)

STEPS = 40
SEEDS = episode_seeds(Purpose.TRAINING, 0, 0, 0, 4)


@pytest.fixture(autouse=True, scope="module")
def _small_groups():
    """Several groups a device, and the living moving up often."""
    patch = pytest.MonkeyPatch()
    patch.setattr(in_dream, "DREAMERS_A_CORE", 4)
    patch.setattr(in_dream, "_SEGMENT", 3)
    yield
    patch.undo()


@pytest.fixture(scope="module")
def mesh():
    return in_simulator.devices()


@pytest.fixture(scope="module")
def world():
    return small_dream.mortal()


@pytest.fixture(scope="module")
def population():
    return small_dream.population(3)


def scored(mesh, world, population, seeds, steps):
    play = partial(in_dream.play, mesh, world, CONTROLLER)
    return returns(play, population, seeds, steps, seed_by_seed=True)


@pytest.fixture(scope="module")
def scores(mesh, world, population):
    return scored(mesh, world, population, SEEDS, STEPS)


dream_step = jax.jit(lambda world, *args: world.step(*args))
act = jax.jit(CONTROLLER.act)
ACTOR = Controlled(CONTROLLER, small_dream.MODEL)


def loop(world: Dream, controller: np.ndarray, seed: int, steps: int, act=act):
    """Dream one dream step by step; return its rewards, actions and z."""
    words = seed_words(np.array([seed]))
    state = world.reset(episode_keys(words, "dream")[0])
    rewards, actions, seen = [], [], []
    for t in range(steps):
        # C reads z and what M remembers before it; M reads z and that very action.
        remembered = memory.features(world.model, state.memory)
        actions.append(act(controller, state.z, remembered))
        seen.append(state.z)
        _, key = jax.random.split(step_keys(words, jnp.array([t]))[0])
        state, reward, died = dream_step(world, state, actions[-1], key)
        rewards.append(float(reward))
        if died:
            break
    return rewards, np.array(actions), np.array(seen)


def test_a_population_dreams_as_a_loop_over_its_dreams(scores, world, population):
    expected = [
        [sum(loop(world, controller, seed, STEPS)[0]) for seed in SEEDS]
        for controller in population
    ]
    np.testing.assert_array_equal(scores, expected)
    # Some die in the first steps, some later, some not at all.
    assert scores.min() < 6
    assert scores.max() == STEPS
    assert len(np.unique(scores)) > 3


@pytest.mark.slow
def test_dreamers_with_a_dnc_have_a_memory_each(mesh):
    slots = (("slots", 3), ("word_size", 2), ("read_heads", 2))
    model = small_dream.MODEL.clone(cell="dnc", cell_options=slots)
    world = replace(small_dream.mortal(), model=model, params=small_dream.lethal(model))
    linear = Controller(4, model.size.features, CARRACING, inputs="z_c_h_r")
    rng = np.random.default_rng(0)
    some = rng.normal(size=(2, linear.parameter_count)).astype(np.float32)
    play = partial(in_dream.play, mesh, world, linear)
    found = returns(play, some, SEEDS, STEPS, seed_by_seed=True)
    expected = [
        [sum(loop(world, one, seed, STEPS, jax.jit(linear.act))[0]) for seed in SEEDS]
        for one in some
    ]
    np.testing.assert_array_equal(found, expected)
    assert len(np.unique(found)) > 2


def test_a_dream_is_the_same_beside_other_dreams(mesh, world, population, scores):
    for candidate in range(3):
        alone = scored(mesh, world, population[[candidate]], SEEDS, STEPS)
        np.testing.assert_array_equal(alone, scores[[candidate]])


def test_candidates_meet_the_same_luck(mesh, world, population, scores):
    """Equal candidates have equal dreams of a seed, and unequal ones of two seeds."""
    twins = scored(mesh, world, population[[1, 1, 1]], SEEDS, STEPS)
    np.testing.assert_array_equal(twins, scores[[1, 1, 1]])
    assert len(np.unique(twins[0])) > 1


def test_devices_share_the_dreamers(mesh, world, population, scores):
    assert mesh.size == 2  # see conftest.py
    one = jax.make_mesh((1,), ("cars",), axis_types=(AxisType.Auto,))
    alone = scored(one, world, population, SEEDS, STEPS)
    np.testing.assert_array_equal(alone, scores)


def test_rows_that_fill_up_a_device_change_nothing(mesh, world, population, scores):
    """Three dreams on two devices, of seeds of more than 32 bits."""
    assert SEEDS.min() > 2**32
    found = scored(mesh, world, population[[1]], SEEDS[:3], STEPS)
    np.testing.assert_array_equal(found, scores[[1], :3])


def test_candidates_may_have_dreams_of_their_own(mesh, world, population, scores):
    seeds = np.stack([SEEDS, SEEDS[::-1], np.roll(SEEDS, 1)])
    own = scored(mesh, world, population, seeds, STEPS)
    np.testing.assert_array_equal(own[0], scores[0])
    np.testing.assert_array_equal(own[1], scores[1, ::-1])
    np.testing.assert_array_equal(own[2], np.roll(scores[2], 1))


def test_nobody_outlives_the_last_step(mesh, world, population, scores):
    """Of 7 steps, where the living move up every 3."""
    short = scored(mesh, world, population, SEEDS, 7)
    np.testing.assert_array_equal(short, np.minimum(scores, 7))


def test_an_action_that_is_not_finite_is_never_scored(mesh, world, population, scores):
    broken = population.copy()
    broken[1, 0] = np.nan
    found = scored(mesh, world, broken, SEEDS, STEPS)
    assert np.isnan(found[1]).all()
    np.testing.assert_array_equal(found[[0, 2]], scores[[0, 2]])


def test_a_record_is_the_dream_that_was_scored(world, population, scores):
    words, steps = seed_words(SEEDS), 10
    for candidate in range(3):
        record = in_dream.record(world, ACTOR, population[candidate], words[2], steps)
        rewards, actions, seen = loop(world, population[candidate], SEEDS[2], steps)
        lived = len(rewards)
        assert record.alive.sum() == lived
        np.testing.assert_allclose(record.action[:lived], actions, atol=1e-5)
        np.testing.assert_allclose(record.z[:lived], seen, atol=1e-5)
        np.testing.assert_array_equal(record.reward[:lived], rewards)


def test_recorded_actions_are_done_again(world):
    actions = np.random.default_rng(2).uniform(0, 1, (6, 3)).astype(np.float32)
    record = in_dream.record(world, Recorded(), actions, seed_words(SEEDS)[0], 6)
    np.testing.assert_array_equal(record.action, actions)


def test_carracings_dream_pays_what_m_predicts(mesh, population):
    """Without a death head everybody dreams to the last step."""
    model = Memory(latent_size=4, hidden_size=8, mixtures=3, reward_head=True)
    world = Dream(model, small_dream.weights(model), small_dream.starts())
    found = scored(mesh, world, population[:2], SEEDS[:2], 10)
    for candidate in range(2):
        for rollout in range(2):
            rewards, _, _ = loop(world, population[candidate], SEEDS[rollout], 10)
            assert len(rewards) == 10
            assert found[candidate, rollout] == pytest.approx(sum(rewards), rel=1e-4)


def test_the_temperature_is_the_dreams(mesh, world, population, scores):
    cold = replace(world, temperature=0.0)
    found = scored(mesh, cold, population, SEEDS, STEPS)
    assert np.isfinite(found).all()
    assert not np.array_equal(found, scores)
    expected = sum(loop(cold, population[0], SEEDS[0], STEPS)[0])
    assert found[0, 0] == expected
