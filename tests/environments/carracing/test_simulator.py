"""Whole episodes of the simulator against gymnasium's, under the same actions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import drives

from worldmodels.environments.carracing import reference, rendering, simulator
from worldmodels.environments.frames import preprocess
from worldmodels.environments.games import CARRACING

SEEDS = range(8)
AHEAD = np.array([0, 0.5, 0], np.float32)

reset = jax.jit(simulator.reset)
step = jax.jit(simulator.step)


@pytest.fixture(scope="module")
def world():
    return jax.jit(simulator.build)(drives.make_tracks(SEEDS))


@jax.jit
def drive(world, track, actions):
    """Return states [T, B], rewards and terminations [T, B] under actions [T, B, 3]."""

    def advance(state, action):
        state, reward, terminated = simulator.step(world, state, action)
        return state, (state, reward, terminated)

    return jax.lax.scan(advance, simulator.reset(world, track), actions)[1]


@pytest.fixture(scope="module")
def replayed(recorded, world):
    """Each recorded drive, cut at its length: gymnasium's, and ours."""
    theirs = list(recorded.values())
    actions = np.zeros((1000, len(theirs), 3), np.float32)
    for b, each in enumerate(theirs):
        actions[: len(each.actions), b] = each.actions
    track = np.array([seed for _, seed in recorded], np.int32)
    states, rewards, terminated = jax.device_get(drive(world, track, actions))

    def cut(b, length):
        car = jax.tree.map(lambda x: x[:length, ..., b].T, states.car)
        count = states.visited_count[:length, b]
        return car, rewards[:length, b], terminated[:length, b], count

    return [(each, *cut(b, len(each.rewards))) for b, each in enumerate(theirs)]


def distances(replayed, steps):
    """Return how far the hulls are apart after that many steps, or at the end."""
    return np.array(
        [
            np.hypot(car.x - theirs.cars.x[1:], car.y - theirs.cars.y[1:])[:steps][-1]
            for theirs, car, *_ in replayed
        ]
    )


def test_positions_stay_together_without_correction(replayed):
    assert np.quantile(distances(replayed, 200), 0.99) < 5e-3
    assert np.median(distances(replayed, 1000)) < 5e-3
    assert np.quantile(distances(replayed, 1000), 0.9) < 0.05


def test_returns_and_tiles_are_the_same(replayed):
    differences = [
        abs(rewards.sum(dtype=float) - theirs.rewards.sum())
        for theirs, _, rewards, _, _ in replayed
    ]
    assert np.mean(np.array(differences) < 0.1) >= 0.9
    same = [count[-1] == theirs.visited[-1] for theirs, *_, count in replayed]
    assert np.mean(same) >= 0.95


def test_episodes_end_when_gymnasiums_do(replayed):
    """Some in a lap, the others not at all: 1,000 steps are the caller's to count."""
    same = [
        np.array_equal(terminated, theirs.terminated)
        for theirs, _, _, terminated, _ in replayed
    ]
    assert np.mean(same) >= 0.95
    ends = [theirs.terminated[-1] for theirs, *_ in replayed]
    assert 3 <= sum(ends) <= len(ends) / 2


def test_the_first_step_pays_for_the_tiles_of_the_reset(replayed):
    for theirs, _, rewards, _, _ in replayed:
        assert theirs.rewards[0] > 3  # two tiles or three, less 0.1
        assert rewards[0] == pytest.approx(theirs.rewards[0], abs=1e-5)


def both(world, seed, lap_complete=0.95):
    """Return gymnasium's environment and our state of one car, driven for a while."""
    environment = drives.CarRacing(lap_complete_percent=lap_complete)
    environment.reset(seed=seed)
    state = reset(world, np.array([seed], np.int32))
    for _ in range(60):
        environment.step(AHEAD)
        state, *_ = step(world, state, AHEAD[None], lap_complete)
    return environment, state


def outcomes(world, environment, state, steps):
    """Return rewards and terminations of both."""
    theirs, ours = [], []
    for _ in range(steps):
        theirs.append(environment.step(AHEAD)[1:3])
        state, reward, terminated = step(
            world, state, AHEAD[None], environment.lap_complete_percent
        )
        ours.append((float(reward[0]), bool(terminated[0])))
    return theirs, ours


def assert_same_outcomes(theirs, ours):
    np.testing.assert_allclose(np.array(ours), np.array(theirs), atol=1e-3)


def unvisit(environment, state, tiles):
    """Let all tiles of the track but those be visited, in both."""
    count = len(environment.road)
    for tile in environment.road:
        tile.road_visited = tile.idx not in tiles
    environment.tile_visited_count = count - len(tiles)
    bits = np.isin(np.arange(416), [i for i in range(count) if i not in tiles])
    words = bits.reshape(1, 13, 32).astype(np.uint32) << np.arange(32, dtype=np.uint32)
    return state._replace(
        visited=jnp.asarray(np.bitwise_or.reduce(words, axis=2)),
        visited_count=jnp.array([count - len(tiles)], jnp.int32),
    )


def teleport(environment, state, x, y):
    """Put both cars elsewhere, with the same state, Box2D's."""
    drives.move(environment.car, x, y)
    car = drives.batch([drives.snapshot(environment.car)])
    return state._replace(car=jax.tree.map(jnp.asarray, car))


def test_the_last_tile_ends_the_episode(world):
    environment, state = both(world, 2)
    at = environment.tile_visited_count
    state = unvisit(environment, state, [at + 2, at + 5])
    theirs, ours = outcomes(world, environment, state, 60)
    assert_same_outcomes(theirs, ours)
    rewards, ends = np.array(theirs).T
    assert (rewards > 0).sum() == 2
    assert ends.argmax() == np.flatnonzero(rewards > 0)[1]


@pytest.mark.parametrize(
    ("lap_complete", "left_out", "ends"),
    [(0.95, 10, True), (0.95, 20, False), (0.9, 20, True), (0.9, 40, False)],
)
def test_the_first_tile_is_the_finish_once_so_many_are_visited(
    world, lap_complete, left_out, ends
):
    """Tile 0 is visited at reset, so gymnasium's rule never applies: here it is not."""
    environment, state = both(world, 2, lap_complete)
    state = unvisit(environment, state, [0, *range(100, 100 + left_out)])
    tile = np.mean(environment.road_poly[0][0], axis=0)
    state = teleport(environment, state, *tile)
    theirs, ours = outcomes(world, environment, state, 1)
    assert_same_outcomes(theirs, ours)
    assert theirs[0][0] > 0
    assert theirs[0][1] is ends


@pytest.mark.parametrize(
    ("x", "y", "ends"),
    [
        (332.0, 0, False),
        (333.2, 0, True),
        (-333.5, 0, False),
        (-334.0, 0, True),
        (0, 333.2, True),
        (0, -334.0, True),
        (332.0, -332.0, False),
    ],
)
def test_leaving_the_playfield_ends_the_episode(world, x, y, ends):
    """Where the car is after the step counts: it moves 0.4 m, east and north."""
    environment, state = both(world, 0)
    for body in environment.car.drawlist:
        body.linearVelocity = (20.0, 20.0)
    state = teleport(environment, state, x, y)
    theirs, ours = outcomes(world, environment, state, 1)
    assert_same_outcomes(theirs, ours)
    assert theirs[0] == ((-100, True) if ends else (pytest.approx(-0.1), False))


def test_a_car_that_left_can_be_driven_on(world):
    _, state = both(world, 0)
    away = {name: getattr(state.car, name) + 1e4 for name in ("x", "wheel_x")}
    state = state._replace(car=state.car._replace(**away))
    for _ in range(100):
        state, reward, terminated = step(world, state, AHEAD[None])
        assert terminated
        assert reward == simulator.OUTSIDE_REWARD
    assert all(np.isfinite(field).all() for field in state.car)


@pytest.mark.parametrize("seed", [1, 5])
def test_what_is_observed_is_what_gymnasium_draws(world, seed):
    """How closely is the rendering's own test; here, that it is given the right car."""
    environment, state = reference.make(), reset(world, np.array([seed], np.int32))
    environment.reset(seed=seed)
    for action in np.float32([[0, 0.5, 0]] * 40 + [[0.7, 0.2, 0]] * 25):
        frame, *_ = environment.step(action)
        state, *_ = step(world, state, action[None])
    seen = rendering.unpack(jax.jit(simulator.observe)(world, state))[0]
    difference = np.abs(seen - preprocess(frame, CARRACING.view).astype(float))
    assert difference.mean() < 0.8
    assert difference[49:61, 28:36].mean() < 6  # the car itself
