"""The jitted drive of a population against a plain loop over the same cars."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType
from support.small_agent import untrained

from worldmodels.environments.carracing import rendering, simulator
from worldmodels.environments.games import CARRACING
from worldmodels.models.agent import Agent, AgentPolicy
from worldmodels.models.controller import Controller
from worldmodels.models.memory import Memory
from worldmodels.models.vision import VAE
from worldmodels.rollout import grouping, in_simulator
from worldmodels.rollout.in_simulator import Cars
from worldmodels.runtime.errors import UserError
from worldmodels.runtime.randomness import (
    Purpose,
    episode_seeds,
    seed_words,
    step_keys,
)

# As many cars and tracks as a generation of commands.py: one compiled program for both.
STEPS, CANDIDATES, TRACKS = 12, 4, 2
SEEDS = episode_seeds(Purpose.TRAINING, 0, 0, 0, TRACKS)


@pytest.fixture(scope="module")
def agent():
    vae = VAE(latent_size=4, channels=(4, 4, 8, 8), decoder_channels=(8, 4, 4))
    rnn = Memory(latent_size=4, action_size=3, hidden_size=8, mixtures=2)
    return Agent(vae, rnn, Controller(4, rnn.size.features, CARRACING))


@pytest.fixture(scope="module")
def weights(agent):
    return untrained(agent)


@pytest.fixture(scope="module")
def population(agent):
    shape = (CANDIDATES, agent.controller.parameter_count)
    return np.asarray(jax.random.normal(jax.random.key(2), shape))


@pytest.fixture(scope="module")
def world():
    return in_simulator.fresh(SEEDS)


@pytest.fixture(scope="module")
def mesh():
    return in_simulator.devices()


def scored(mesh, agent, weights, population, seeds, steps):
    play = partial(in_simulator.play, mesh, agent, weights, in_simulator.fresh)
    return grouping.returns(play, population, seeds, steps)


@jax.jit  # op by op, each of some thousand operations would be compiled by itself
def step(policy, world, carry, car, words, t):
    """Drive one car for one step; return carry, car, action, reward and its end."""
    frames = rendering.unpack(simulator.observe(world, car))
    carry, action = policy.act(carry, frames, step_keys(words, t))
    carry = policy.remember(carry, action)
    car, reward, terminated = simulator.step(world, car, action)
    return carry, car, action, reward, terminated


def loop(agent, weights, controller, world, track, seed, steps):
    """Drive one car step by step; return its rewards and actions."""
    policy = AgentPolicy(agent, weights)
    carry = policy.initial(jnp.asarray(controller)[None])
    car = simulator.reset(world, jnp.array([track]))
    words = seed_words(np.array([seed]))
    rewards, actions = [], []
    for t in range(steps):
        carry, car, action, reward, terminated = step(
            policy, world, carry, car, words, jnp.array([t])
        )
        rewards.append(float(reward[0]))
        actions.append(np.asarray(action[0]))
        if terminated[0]:
            break
    return rewards, actions


def test_a_population_drives_as_a_loop_over_its_cars(
    mesh, agent, weights, population, world
):
    returns = scored(mesh, agent, weights, population, SEEDS, STEPS)
    expected = [
        [
            sum(loop(agent, weights, controller, world, track, seed, STEPS)[0])
            for track, seed in enumerate(SEEDS)
        ]
        for controller in population
    ]
    assert returns.shape == (CANDIDATES, TRACKS)
    np.testing.assert_allclose(returns, expected, atol=1e-3)
    assert len(np.unique(returns)) > 1


def test_cars_that_begin_anywhere_drive_the_same_laps_from_elsewhere(world):
    elsewhere = in_simulator.fresh(SEEDS, "anywhere")
    np.testing.assert_array_equal(elsewhere.count, world.count)
    np.testing.assert_array_equal(elsewhere.texture.texels, world.texture.texels)
    distance = np.linalg.norm(elsewhere.start[:, 1:] - world.start[:, 1:], axis=1)
    assert (distance > 10).all()
    car = simulator.reset(elsewhere, np.arange(TRACKS, dtype=np.int32))
    assert (np.asarray(car.visited_count) > 0).all()  # its wheels are on the road


@pytest.mark.slow
def test_devices_share_the_cars(mesh, agent, weights, population):
    assert mesh.size == 2  # see conftest.py; 8 cars: 4 each
    one = jax.make_mesh((1,), ("cars",), axis_types=(AxisType.Auto,))
    alone = scored(one, agent, weights, population, SEEDS, STEPS)
    shared = scored(mesh, agent, weights, population, SEEDS, STEPS)
    np.testing.assert_allclose(shared, alone, atol=1e-3)


def test_candidates_may_have_tracks_of_their_own(mesh, agent, weights, population):
    """Seven, so one car fills up; of the shapes that are compiled already."""
    drive = partial(scored, mesh, agent, weights)
    candidate = np.array([0, 1, 2, 3, 3, 1, 0])
    track = np.array([0, 1, 1, 0, 1, 0, 1])
    own = drive(population[candidate], SEEDS[track, None], STEPS)
    everywhere = drive(population, SEEDS, STEPS)
    np.testing.assert_allclose(own[:, 0], everywhere[candidate, track], atol=1e-3)
    assert len(np.unique(own)) > 1


def test_a_device_has_the_tracks_of_its_cars_alone(mesh, world, population):
    """Where each car has its own: of three on two devices the last fills up."""
    three = jax.tree.map(lambda x: jnp.concatenate([x, x[:1] + 0]), world)
    cars = Cars(
        track=jnp.arange(3, dtype=jnp.int32),
        seed=seed_words(np.arange(3)),
        limit=jnp.array([5, 6, 7]),
        carry=jnp.zeros((3, 1)),
    )
    own, divided, filled = in_simulator._divided(mesh, three, cars, 2)
    assert own
    assert divided.start.shape == (4, 3)
    np.testing.assert_array_equal(filled.track, [0, 1, 0, 1])
    np.testing.assert_array_equal(filled.limit, [5, 6, 7, 0])
    shared = cars._replace(track=jnp.array([0, 1, 1]))
    own, all_of_them, filled = in_simulator._divided(mesh, world, shared, 2)
    assert not own
    assert all_of_them is world
    np.testing.assert_array_equal(filled.track, [0, 1, 1, 0])


@pytest.mark.slow
def test_tracks_that_are_divided_are_driven_as_before(mesh, agent, weights, population):
    seeds = episode_seeds(Purpose.SELECTION, 0, 0, 0, 5)
    one = jax.make_mesh((1,), ("cars",), axis_types=(AxisType.Auto,))
    drive = [agent, weights, population[:1], seeds[::-1], STEPS]
    alone, divided = (scored(m, *drive) for m in (one, mesh))
    np.testing.assert_allclose(divided, alone, atol=1e-3)
    assert len(np.unique(alone)) > 1


@pytest.mark.slow
def test_records_are_what_the_loop_saw(mesh, agent, weights, population, world):
    policy = AgentPolicy(agent, weights)
    cars = Cars(
        track=jnp.array([0, 1, 0]),
        seed=seed_words(SEEDS[[0, 1, 0]]),
        limit=jnp.array([STEPS, STEPS, 5]),
        carry=policy.initial(jnp.asarray(population[:3])),
    )
    record = in_simulator.record(mesh, policy, world, cars, STEPS)
    assert record.frame.shape == (STEPS, 3, 64, 64)
    for car, (track, steps) in enumerate([(0, STEPS), (1, STEPS), (0, 5)]):
        rewards, actions = loop(
            agent, weights, population[car], world, track, SEEDS[track], steps
        )
        assert record.driving[:, car].sum() == steps
        np.testing.assert_allclose(record.action[:steps, car], actions, atol=1e-4)
        np.testing.assert_allclose(record.reward[:steps, car], rewards, atol=1e-4)


def test_an_action_that_is_not_finite_is_never_scored(mesh, agent, weights, population):
    broken = population.copy()
    broken[1, 0] = np.nan
    returns = scored(mesh, agent, weights, broken, SEEDS, STEPS)
    assert np.isnan(returns[1]).all()
    assert np.isfinite(returns[[0, 2, 3]]).all()


def test_episodes_end_where_they_are_told(mesh, agent, weights, population):
    """Every step costs 0.1 and the first pays the tiles that the car stands on."""
    kwargs = dict(mesh=mesh, agent=agent, weights=weights, population=population * 0)
    short = scored(seeds=SEEDS, steps=3, **kwargs)
    long = scored(seeds=SEEDS, steps=4, **kwargs)
    np.testing.assert_allclose(short - long, 0.1, atol=1e-4)


def test_tracks_without_room_are_refused_by_their_seeds(world):
    broken = world.tiles._replace(complete=jnp.array([True, False]))
    with pytest.raises(UserError, match=f"episode seeds {SEEDS[1]}: choose"):
        in_simulator.check_complete(world._replace(tiles=broken), SEEDS)
