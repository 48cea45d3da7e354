"""PixelCopter as pure functions of a batch."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from worldmodels.environments.pixelcopter import functional, picture

B = 3
UP, NOTHING = jnp.ones(B, np.int32), jnp.zeros(B, np.int32)

reset = jax.jit(functional.reset)
step = jax.jit(functional.step)
renew = jax.jit(functional.renew)
vector = jax.jit(functional.vector)


@pytest.fixture(scope="module")
def keys():
    return jax.random.split(jax.random.key(0), B)


@pytest.fixture(scope="module")
def begun(keys):
    return reset(keys)


def same(one, other):
    jax.tree.map(np.testing.assert_array_equal, one, other)


def only(state, b):
    return jax.tree.map(lambda x: x[b], state)


def test_the_first_frame_is_that_of_the_level_that_begins(begun):
    """Not the last one of the episode before, as the original's; rows come first."""
    _, frames = begun
    assert frames.shape == (B, 48, 48)
    assert frames.dtype == np.uint8
    for frame in np.asarray(frames):
        rows, pixels = np.nonzero(frame == picture.WHITE)
        assert rows.tolist() == [23, 23, 24, 24]
        assert pixels.tolist() == [15, 16, 15, 16]
        assert (frame[[0, -1]] == picture.GREEN).all()
    assert len(np.unique(frames, axis=0)) == B


def test_up_is_up(begun):
    state, frames = begun
    for _ in range(3):
        state, frames, *_ = step(state, jnp.array([0, 1, 0]))
    top = [np.nonzero(frame == picture.WHITE)[0].min() for frame in np.asarray(frames)]
    assert top[1] < 23 <= min(top[0], top[2])
    seen = vector(state)
    assert seen.shape == (B, 7)
    assert seen[1, 0] < 24 < seen[0, 0]


def fly(state, action, steps):
    """Return the columns [steps, B, 96] and the next blocks; who dies goes on."""
    levels = []
    for _ in range(steps):
        state, *_ = step(state, action)
        levels.append((state.game.columns, state.game.block))
    return jax.tree.map(lambda *each: np.stack(each), *levels)


def test_a_level_depends_on_its_key_alone(keys, begun):
    """Not on what is done in it, nor on who plays beside."""
    up, nothing = fly(begun[0], UP, 240), fly(begun[0], NOTHING, 240)
    same(up, nothing)
    turned = fly(reset(keys[::-1])[0], NOTHING, 240)
    same(jax.tree.map(lambda x: x[:, ::-1], turned), nothing)
    columns, blocks = nothing
    changed = (np.diff(columns, axis=0) != 0).any((1, 2))
    assert np.flatnonzero(changed).tolist() == [220]  # in step 222
    # A block is passed after 50 to 87 steps, and then another one comes.
    passes = np.flatnonzero(blocks.steps[:, 0] == 0)
    assert 2 <= len(passes) <= 4
    assert (np.diff(passes) >= 50).all()
    assert (columns[-1, 0] != columns[-1, 1]).any()


def test_dying_ends_an_episode_and_costs_five(begun):
    state, total, dead = begun[0], np.zeros(B), np.zeros(B, bool)
    for _ in range(5):
        state, _, reward, terminated, truncated = step(state, UP)
        total += np.where(dead, 0, reward)
        dead |= np.asarray(terminated)
        assert not truncated.any()
    assert dead.all()
    assert (total == -5).all()


def test_the_episode_is_cut_after_so_many_steps(begun):
    state, _ = begun
    last = jnp.full(B, functional.MAX_STEPS - 2, np.int32)
    state = state._replace(game=state.game._replace(step=last))
    state, *_, cut = step(state, NOTHING)
    assert not cut.any()
    assert step(state, NOTHING)[-1].all()


def test_those_that_are_done_begin_anew(begun, keys):
    state, *_ = step(begun[0], NOTHING)
    others = jax.random.split(jax.random.key(1), B)
    after, frames = renew(state, others, jnp.array([True, False, True]))
    fresh, expected = reset(others)
    same(frames[jnp.array([0, 2])], expected[jnp.array([0, 2])])
    same(only(after.game, 1), only(state.game, 1))
    for b in (0, 2):
        same(only(after.game, b), only(fresh.game, b))
    data = jax.random.key_data
    same(data(after.level), data(jnp.stack([others[0], keys[1], others[2]])))
    unchanged, _ = renew(state, others, jnp.zeros(B, bool))
    same(unchanged.game, state.game)
