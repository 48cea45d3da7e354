"""The simulator alone, as pure functions."""

from operator import itemgetter

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from worldmodels.environments.carracing import functional, rendering, simulator, tracks
from worldmodels.runtime.errors import UserError

B = 3
STEPS = 12
AHEAD = jnp.array([[0, 0.5, 0], [-0.3, 1, 0], [0.3, 0.2, 0.1]], jnp.float32)

reset = jax.jit(functional.reset)
step = jax.jit(functional.step)
renew = jax.jit(functional.renew)


@pytest.fixture(scope="module")
def keys():
    return jax.random.split(jax.random.key(0), B)


@pytest.fixture(scope="module")
def begun(keys):
    return reset(keys)


@pytest.fixture(scope="module")
def driven(begun):
    """State, frames, rewards, terminated, truncated after each of STEPS steps."""
    state, outcomes = begun[0], []
    for _ in range(STEPS):
        outcomes.append(step(state, AHEAD))
        state = outcomes[-1][0]
    return outcomes


def same(one, other):
    jax.tree.map(np.testing.assert_array_equal, one, other)


def only(states, b):
    """Return all that belongs to environment b: its track's data and its car."""
    car = states.car._replace(visited=states.car.visited.T)
    return jax.tree.map(lambda x: x[b], states.world), jax.tree.map(
        lambda x: x[..., b], car
    )


def test_it_is_the_simulator(begun, driven):
    state, frames = begun
    assert frames.shape == (B, 64, 64, 3)
    assert frames.dtype == np.uint8

    @jax.jit
    def expect(car):
        packed = simulator.observe(state.world, car)
        return rendering.unpack(packed), simulator.step(state.world, car, AHEAD)

    car = state.car
    for _, after, reward, terminated, truncated in driven:
        expected, (car, expected_reward, _) = expect(car)
        # Fused otherwise, a pixel at an edge may look up the texel beside its own.
        assert (frames != expected).mean() < 0.001
        np.testing.assert_allclose(reward, expected_reward, atol=1e-4)
        assert not terminated.any()
        assert not truncated.any()
        frames = after
    assert sum(outcome[2] for outcome in driven)[0] > 5


def test_a_scan_is_a_loop(begun, driven):
    @jax.jit
    def drive(state):
        def body(state, _):
            state, *outcome = functional.step(state, AHEAD)
            return state, outcome

        return jax.lax.scan(body, state, length=STEPS)

    state, (frames, rewards, terminated, truncated) = drive(begun[0])
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, atol=1e-4),
        state.car,
        driven[-1][0].car,
    )
    looped = [np.stack(each) for each in list(zip(*driven, strict=True))[1:]]
    assert (frames != looped[0]).mean() < 0.001
    np.testing.assert_allclose(rewards, looped[1], atol=1e-4)
    same((terminated, truncated), tuple(looped[2:]))


def test_each_key_has_a_track_of_its_own(keys, begun):
    state, frames = begun
    same(state.car.track, np.arange(B))
    assert len(np.unique(frames, axis=0)) == B
    drawn = jax.jit(jax.vmap(tracks.from_key))(keys)
    np.testing.assert_allclose(state.world.start, drawn.start, atol=1e-3)
    same(state.world.count, drawn.count)
    again, _ = reset(keys[::-1])
    for b in range(B):
        same(only(again, b)[0], only(state, B - 1 - b)[0])


def test_one_key_is_a_batch_of_one(key):
    state, frames = jax.eval_shape(functional.reset, key)
    assert frames.shape == (1, 64, 64, 3)
    assert state.world.count.shape == state.car.step.shape == (1,)


def test_cars_may_share_a_world(begun):
    state, frames = begun
    track = jnp.array([2, 0, 2, 2, 1])
    shared, seen = jax.jit(functional.start)(state.world, track)
    same(seen, frames[track])
    np.testing.assert_allclose(shared.car.car.x, state.car.car.x[track], atol=1e-5)


def test_the_episode_is_cut_after_so_many_steps(begun):
    state = begun[0]._replace(car=begun[0].car._replace(step=jnp.array([998, 999, 0])))
    *_, terminated, truncated = step(state, AHEAD)
    assert truncated.tolist() == [False, True, False]
    assert not terminated.any()


def test_leaving_the_playfield_terminates(begun):
    car = begun[0].car.car
    away = jnp.array([0, 0, 400.0])
    car = car._replace(x=car.x + away, wheel_x=car.wheel_x + away)
    state = begun[0]._replace(car=begun[0].car._replace(car=car))
    _, _, reward, terminated, truncated = step(state, AHEAD)
    assert terminated.tolist() == [False, False, True]
    assert not truncated.any()
    assert reward[2] == -100


def test_an_action_that_is_no_number_earns_nothing_ever_after(begun):
    """A diverged policy must not seem to stand still; infinity is a bound."""
    broken = AHEAD.at[1, 0].set(jnp.nan).at[2, 1].set(jnp.inf)
    state, _, reward, *_ = step(begun[0], broken)
    assert np.isnan(reward).tolist() == [False, True, False]
    _, _, reward, *_ = step(state, AHEAD)
    assert np.isnan(reward).tolist() == [False, True, False]


@pytest.mark.slow
def test_those_that_are_done_begin_anew(driven):
    state, frames = driven[-1][:2]
    keys = jax.random.split(jax.random.key(1), B)
    after, seen = renew(state, keys, jnp.array([True, False, True]))
    fresh, expected = reset(keys)
    same(only(after, 1), only(state, 1))
    for b in (0, 2):
        same(only(after, b)[0], only(fresh, b)[0])
        jax.tree.map(
            lambda x, y: np.testing.assert_allclose(x, y, atol=1e-4),
            only(after, b)[1],
            only(fresh, b)[1],
        )
    assert after.car.step.tolist() == [0, STEPS, 0]
    wanted = jnp.stack([expected[0], frames[1], expected[2]])
    assert (seen != wanted).mean() < 0.001


@pytest.mark.slow
def test_the_track_that_is_replaced_is_that_of_the_one_that_is_done(begun, keys):
    """Wherever in the world it lies: nobody's changes below a car that drives."""
    state, _ = jax.jit(functional.start)(begun[0].world, jnp.array([2, 0, 1]))
    after, _ = renew(state, keys[::-1], jnp.array([True, False, False]))
    fresh, _ = reset(keys[::-1])
    for b, (made, place) in enumerate([(state, 0), (state, 1), (fresh, 0)]):
        now, expected = (
            jax.tree.map(itemgetter(n), each.world)
            for n, each in ((b, after), (place, made))
        )
        same(now, expected)


@pytest.mark.slow
def test_where_none_is_done_nothing_changes(driven, keys):
    state, frames = driven[-1][:2]
    after, seen = renew(state, keys, jnp.zeros(B, bool))
    same(after, state)
    assert (seen != frames).mean() < 0.001


def test_shared_tracks_are_not_replaced(begun, keys):
    shared = begun[0]._replace(car=jax.tree.map(lambda x: x[..., :2], begun[0].car))
    with pytest.raises(ValueError, match="share no tracks"):
        functional.renew(shared, keys[:2], jnp.ones(2, bool))


@pytest.mark.slow
def test_all_is_the_same_where_jax_counts_in_double_precision(keys):
    """Tracks, cars and what they earn: `dtype: float64` is V's, M's and C's alone."""

    def shapes():
        def drive(keys):
            state, _ = functional.reset(keys)
            state, *outcome = functional.step(state, AHEAD)
            return functional.renew(state, keys, outcome[2]), outcome

        return jax.eval_shape(drive, keys)

    expected = shapes()
    with jax.enable_x64(True):
        assert shapes() == expected


def test_old_style_keys_are_refused():
    with pytest.raises(UserError, match="typed"):
        functional.reset(jax.random.PRNGKey(0))


def test_no_more_tracks_than_rendering_counts():
    keys = jax.eval_shape(lambda: jax.random.split(jax.random.key(0), 3050))
    with pytest.raises(UserError, match="at most"):
        jax.eval_shape(functional.reset, keys)
