"""The two policies that play Pommerman."""

import jax
import numpy as np
import pytest
from support.pommerman_made import DOWN, LAY, LEFT, RIGHT, STOP, UP, Made
from support.pommerman_states import pack, to_state

from worldmodels.environments.pommerman import functional, policies

GAMES = 64


def preferred(made: Made) -> np.ndarray:
    """Return the logits of agent 0's six actions."""
    logits = jax.jit(policies.preferences)(to_state(pack([made.state])))
    return np.asarray(logits)[:, 0, 0]


def test_in_the_open_moves_are_a_little_better_than_to_stop_and_than_a_bomb():
    logits = preferred(Made().agent(0, (5, 5)))
    np.testing.assert_allclose(logits, [0, 0.3, 0.3, 0.3, 0.3, -0.8], atol=1e-6)


def test_walls_the_edge_and_bombs_block():
    made = Made().agent(0, (0, 5)).show(1, (0, 4)).show(2, (1, 5))
    logits = preferred(made)
    assert (logits[[UP, DOWN, LEFT]] < -29).all()
    assert logits[RIGHT] == pytest.approx(0.3)
    beside = preferred(Made().agent(0, (5, 5)).bomb((5, 6)))
    assert beside[RIGHT] < -29
    assert beside[LEFT] == pytest.approx(0.3)


def test_what_burns_soon_is_shunned_more_than_what_burns_later():
    def above(life):  # of a bomb that reaches (4, 5), not (5, 5)
        made = Made().agent(0, (5, 5)).bomb((4, 7), life=life, blast=3)
        return preferred(made)

    assert above(9)[UP] == pytest.approx(0.3 - 3)
    assert above(3)[UP] == pytest.approx(0.3 - 23)
    assert above(9)[STOP] == 0


def test_no_bomb_is_laid_in_reach_of_another():
    logits = preferred(Made().agent(0, (5, 5)).bomb((5, 7), blast=3))
    assert logits[LAY] == pytest.approx(-0.8 - 3 - 10)
    assert logits[STOP] == pytest.approx(-3)


def test_a_bomb_that_a_bomb_sets_off_burns_as_soon():
    made = Made().agent(0, (5, 5)).bomb((1, 5), life=2, blast=3).bomb((3, 5), blast=2)
    assert preferred(made)[UP] == pytest.approx(0.3 - 23)


def test_flames_that_die_next_are_free():
    assert preferred(Made().agent(0, (5, 5)).flames((4, 5), 0))[UP] > 0
    assert preferred(Made().agent(0, (5, 5)).flames((4, 5), 1))[UP] < -19


def lengths(policy, steps: int) -> np.ndarray:
    """Play games to their end; return how long each lasted, `steps` at most."""
    keys = jax.random.split(jax.random.key(1), GAMES)
    state, _ = functional.reset(keys)

    def play(state, time):
        now = jax.vmap(jax.random.fold_in, in_axes=(0, None))(keys, time)
        state, _, _, over, _ = functional.step(state, policy(now, state))
        return state, over

    def run(state):
        return jax.lax.scan(play, state, np.arange(steps))

    _, over = jax.jit(run)(state)
    return np.where(over.any(0), np.argmax(over, 0) + 1, steps)


@pytest.mark.slow
def test_cautious_agents_live_five_times_as_long():
    uniform, cautious = lengths(policies.uniform, 150), lengths(policies.cautious, 150)
    assert 20 < uniform.mean() < 30
    assert uniform.max() < 100
    assert cautious.mean() > 5 * uniform.mean() * 0.9
    assert (cautious == 150).mean() > 0.5


def test_all_actions_are_drawn_as_likely_and_by_each_games_key_alone():
    keys = jax.random.split(jax.random.key(0), 3000)
    draw = jax.jit(policies.uniform)
    drawn = np.asarray(draw(keys, None))
    assert drawn.shape == (3000, 4)
    shares = np.bincount(drawn.ravel(), minlength=6) / drawn.size
    assert np.abs(shares - 1 / 6).max() < 4.5 * np.sqrt(5 / 36 / drawn.size)
    np.testing.assert_array_equal(draw(keys[::-1], None)[::-1], drawn)
