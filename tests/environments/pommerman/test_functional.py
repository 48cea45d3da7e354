"""Pommerman alone, as pure functions."""

import jax
import numpy as np
import pytest
from support.pommerman_made import LAY, STOP, Made
from support.pommerman_states import pack, stepped

from worldmodels.environments.pommerman import functional
from worldmodels.environments.pommerman.state import MAX_STEPS

B = 11


def told(made: Made, steps: int = 0) -> tuple:
    """Return rewards and ends of a step in which nobody acts."""
    ours = stepped(pack([made.state]), np.zeros((1, 4), int), steps)
    return tuple(
        ours[name][0].tolist() for name in ("rewards", "terminated", "truncated")
    )


def test_rewards_and_ends():
    two = Made().agent(1, (1, 1)).agent(2, (5, 5))
    assert told(two) == ([-1, 0, 0, -1], False, False)
    assert told(two, MAX_STEPS - 2) == ([-1, 0, 0, -1], False, False)
    assert told(two, MAX_STEPS - 1) == ([-1, -1, -1, -1], False, True)
    one = Made().agent(1, (1, 1))
    assert told(one) == ([-1, 1, -1, -1], True, False)
    assert told(one, MAX_STEPS - 1) == ([-1, 1, -1, -1], True, True)
    assert told(Made()) == ([-1, -1, -1, -1], True, False)


def test_one_key_is_a_batch_of_one(key):
    state, seen = jax.eval_shape(functional.reset, key)
    assert seen.shape == (1, 372)
    assert state.board.shape == (11, 11, 1)


@pytest.mark.slow
def test_games_that_are_done_begin_anew_and_the_others_go_on(key):
    keys = jax.random.split(key, B)
    state, seen = jax.jit(functional.reset)(keys)
    acts = np.full((B, 4), LAY)
    acts[0] = STOP
    state, seen, *_ = jax.jit(functional.step)(state, acts)
    done = np.arange(B) % 5 != 0  # nine of them: more than are drawn at a time
    fresh = jax.random.split(jax.random.key(1), B)
    renewed, after = jax.jit(functional.renew)(state, fresh, done)
    new, begun = jax.jit(functional.reset)(fresh)
    np.testing.assert_array_equal(after, np.where(done[:, None], begun, seen))

    def expect(old, new, got):
        np.testing.assert_array_equal(got, np.where(done, new, old))

    jax.tree.map(expect, state, new, renewed)
    assert renewed.step.tolist() == [0 if each else 1 for each in done]


@pytest.mark.slow
def test_where_no_game_is_done_none_begins(key):
    state, seen = functional.reset(jax.random.split(key, 3))
    after, same = functional.renew(state, jax.random.split(key, 3), np.zeros(3, bool))
    jax.tree.map(np.testing.assert_array_equal, state, after)
    np.testing.assert_array_equal(seen, same)


@pytest.mark.slow
def test_each_agent_has_its_own_view(key):
    state, seen = functional.reset(jax.random.split(key, 2))
    np.testing.assert_array_equal(functional.observe(state), seen)
    views = [functional.observe(state, agent)[0] for agent in range(4)]
    corners = [view[363:365].tolist() for view in views]
    assert corners == [[1, 1], [9, 1], [9, 9], [1, 9]]
    assert views[3][368:].tolist() == [9, 10, 11, 12]
