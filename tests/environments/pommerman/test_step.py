"""Pommerman's step beside the original's and plain Python's, and a board a quirk."""

import jax
import numpy as np
import pytest
from support import pommerman_rules, pommerman_states
from support.pommerman_made import DOWN, LAY, LEFT, RIGHT, UP, Made
from support.pommerman_states import (
    RECORDED,
    crowded,
    differences,
    moves,
    pack,
    part,
    recorded,
    stepped,
)

from worldmodels.environments.pommerman import state as states
from worldmodels.environments.pommerman import step as rules


def transitions() -> tuple[dict, dict]:
    """Return the states of the recorded games before and after each step."""
    last = np.cumsum(recorded()["games/length"].astype(int) + 1) - 1
    kept = np.arange(len(recorded()["games/board"]))
    before, after = (np.setdiff1d(kept, gone) for gone in (last, [0, *last[:-1] + 1]))
    games = part("games")
    return tuple({k: v[which] for k, v in games.items()} for which in (before, after))


def test_recorded_games_are_the_originals():
    before, after = transitions()
    assert len(recorded()["games/length"]) == 100
    assert len(before["board"]) > 8000
    ours = stepped(before, recorded()["games/actions"])
    assert not differences(ours, after)
    np.testing.assert_array_equal(ours["rewards"], recorded()["games/rewards"])
    np.testing.assert_array_equal(ours["terminated"], recorded()["games/over"])


def test_recorded_crowded_states_are_the_originals():
    before, after = part("before"), part("after")
    assert len(before["board"]) == 2000
    assert not differences(stepped(before, recorded()["actions"]), after)


def test_the_recording_is_small_and_of_bytes():
    assert RECORDED.stat().st_size < 2_000_000
    kinds = {array.dtype for name, array in recorded().items() if "length" not in name}
    assert kinds == {np.dtype(np.int8)}


def compared(seed: int, count: int) -> dict:
    """Return where the simulator and the rules in plain Python differ."""
    rng = np.random.default_rng(seed)
    before, actions = [crowded(rng) for _ in range(count)], moves(rng, count)
    pairs = zip(before, actions.tolist(), strict=True)
    expected = [pommerman_rules.step(state, each) for state, each in pairs]
    return differences(stepped(pack(before), actions), pack(expected))


def test_random_states_are_those_of_the_rules_in_plain_python():
    assert not compared(seed=1, count=5000)


@pytest.mark.slow
def test_many_random_states_are_those_of_the_rules_in_plain_python():
    assert not compared(seed=2, count=15_000)


def test_the_rules_in_plain_python_are_the_originals():
    before = [crowded(np.random.default_rng(seed)) for seed in range(500)]
    pairs = zip(before, recorded()["actions"].tolist(), strict=False)
    after = pack([pommerman_rules.step(state, each) for state, each in pairs])
    original = {name: array[:500] for name, array in part("after").items()}
    given = {name: array[:500] for name, array in part("before").items()}
    assert not differences(pack(before), given)  # the same states were recorded
    assert not differences(after, original)


def test_a_fresh_flame_is_seen_three_times_and_then_shows_what_it_hid():
    made = Made().flames((5, 5), 2, hides=7)
    seen = []
    for _ in range(4):
        seen.append(int(made.state["board"][5, 5]))
        after = made.step()
        made = Made()
        lives = [life for life in range(3) if after.flames[5, 5] >> life & 1]
        made.flames((5, 5), *lives, hides=int(after.items[5, 5]))
        made.show(int(after.board[5, 5]), (5, 5))
    assert seen == [4, 4, 4, 7]


def test_an_item_revealed_under_a_younger_flame_is_lost():
    after = Made().flames((5, 5), 0, 1, hides=6).step()
    assert after.board[5, 5] == 4
    assert after.items[5, 5] == 0
    assert after.flames[5, 5] == 1  # the younger one, of life 0 now
    assert Made().flames((5, 5), 0).step().board[5, 5] == 0


def test_a_bomb_is_laid_once_a_cell_and_only_with_ammo():
    after = Made().agent(1, (2, 2), LAY, blast=5, ammo=2).step()
    assert after.ammo[1] == 1
    assert after.lives == {(2, 2): 9}  # 10, less one tick
    assert after.board[2, 2] == 11  # its agent hides it
    assert Made().agent(1, (2, 2), LAY, ammo=0).step().bombs == {}
    twice = Made().agent(1, (2, 2), LAY).bomb((2, 2), life=4).step()
    assert twice.ammo[1] == 1
    assert twice.lives == {(2, 2): 3}


@pytest.mark.parametrize(
    ("kind", "goes"), [(0, True), (1, False), (2, False), (8, True)]
)
def test_walls_stop_agents_and_items_do_not(kind, goes):
    after = Made().show(kind, (3, 4)).agent(0, (3, 3), RIGHT).step()
    assert after.cells[0] == ((3, 4) if goes else (3, 3))
    assert after.kick[0] == (kind == 8)


def test_the_edge_stops_agents_and_bombs():
    after = Made().agent(0, (0, 3), UP).bomb((5, 10), RIGHT).step()
    assert after.cells[0] == (0, 3)
    assert after.bombs == {(5, 10): 0}


@pytest.mark.parametrize("kind", [1, 2, 6, 7, 8])
def test_walls_and_items_stop_bombs(kind):
    assert Made().bomb((5, 5), UP).show(kind, (4, 5)).step().bombs == {(5, 5): 0}
    assert Made().bomb((5, 5), UP).step().bombs == {(4, 5): UP}


def test_two_agents_over_one_border_stay():
    after = Made().agent(0, (4, 4), RIGHT).agent(1, (4, 5), LEFT).step()
    assert after.cells[:2] == [(4, 4), (4, 5)]


def test_a_bomb_that_meets_an_agent_over_one_border_stays_and_the_agent_goes_on():
    made = Made().agent(0, (4, 4), RIGHT, kick=True).bomb((4, 5), LEFT)
    after = made.step()
    # It stays, and so lies where the agent goes: a kick.
    assert after.cells[0] == (4, 5)
    assert after.bombs == {(4, 6): RIGHT}
    blocked = Made().agent(0, (4, 4), RIGHT).bomb((4, 5), LEFT).step()
    assert blocked.cells[0] == (4, 4)
    assert blocked.bombs == {(4, 5): 0}


def test_a_bomb_under_an_agent_that_leaves_it_in_its_direction_stays():
    after = Made().agent(0, (4, 4), RIGHT).bomb((4, 4), RIGHT).step()
    assert after.cells[0] == (4, 5)
    assert after.bombs == {(4, 4): 0}


def test_two_bombs_over_one_border_stay():
    after = Made().bomb((4, 4), RIGHT).bomb((4, 5), LEFT).step()
    assert after.bombs == {(4, 4): 0, (4, 5): 0}


def test_two_agents_onto_one_square_and_a_third_behind_stay():
    made = Made().agent(0, (4, 4), RIGHT).agent(1, (4, 6), LEFT).agent(2, (4, 3), RIGHT)
    assert made.step().cells[:3] == [(4, 4), (4, 6), (4, 3)]


def test_agents_in_a_row_go_on_behind_each_other():
    made = Made().agent(0, (4, 4), RIGHT).agent(1, (4, 5), RIGHT)
    assert made.step().cells[:2] == [(4, 5), (4, 6)]


def test_a_kick_sends_a_bomb_one_cell_further_and_it_rolls_on():
    after = Made().agent(0, (5, 5), UP, kick=True).bomb((4, 5)).step()
    assert after.cells[0] == (4, 5)
    assert after.bombs == {(3, 5): UP}
    assert after.board[3, 5] == 3


@pytest.mark.parametrize("kind", [1, 2, 6])
def test_a_kick_that_is_blocked_moves_nobody(kind):
    made = Made().agent(0, (5, 5), UP, kick=True).bomb((4, 5)).show(kind, (3, 5))
    after = made.step()
    assert after.cells[0] == (5, 5)
    assert after.bombs == {(4, 5): 0}


def test_an_agent_that_cannot_kick_does_not_move():
    after = Made().agent(0, (5, 5), UP).bomb((4, 5)).step()
    assert after.cells[0] == (5, 5)
    assert after.bombs == {(4, 5): 0}


def test_an_agent_that_stands_stops_a_bomb():
    after = Made().agent(0, (5, 5)).bomb((4, 5), DOWN).step()
    assert after.cells[0] == (5, 5)
    assert after.bombs == {(4, 5): 0}


def test_a_boomerang_is_kicked_to_where_it_came_from():
    made = Made().agent(0, (5, 6), LEFT, kick=True).bomb((5, 4), RIGHT)
    after = made.step()  # both want (5, 5); the bomb is sent back to (5, 4)
    assert after.cells[0] == (5, 5)
    assert after.bombs == {(5, 4): LEFT}  # kicked: it keeps the new direction


def test_a_boomerang_is_undone_where_another_bomb_takes_its_place():
    made = Made().agent(0, (5, 6), LEFT, kick=True).bomb((5, 4), RIGHT)
    after = made.bomb((4, 4), DOWN).step()
    assert after.cells[0] == (5, 6)
    assert after.bombs == {(5, 4): 0, (4, 4): 0}


def test_a_kick_into_a_square_that_a_bomb_leaves_in_the_same_step():
    made = Made().agent(0, (5, 5), UP, kick=True).bomb((4, 5)).bomb((3, 5), LEFT)
    after = made.step()
    assert after.cells[0] == (4, 5)
    assert after.bombs == {(3, 5): UP, (3, 4): LEFT}


def test_a_kick_into_a_square_that_a_bomb_would_leave_is_undone():
    made = Made().agent(0, (5, 5), UP, kick=True).bomb((4, 5)).bomb((3, 5), LEFT)
    after = made.agent(1, (3, 4)).step()  # who stops the other bomb
    assert after.cells[:2] == [(5, 5), (3, 4)]
    assert after.bombs == {(4, 5): 0, (3, 5): 0}


def test_two_bombs_kicked_into_one_square_stay_and_so_do_their_kickers():
    made = Made().agent(0, (5, 2), RIGHT, kick=True).bomb((5, 3))
    after = made.agent(1, (5, 6), LEFT, kick=True).bomb((5, 5)).step()
    assert after.cells[:2] == [(5, 2), (5, 6)]
    assert after.bombs == {(5, 3): 0, (5, 5): 0}


def clashing_kicks():
    """Two bombs kicked into one square, the first of them while it rolls."""
    made = Made().bomb((5, 4), RIGHT).agent(0, (6, 5), UP, kick=True)
    return made.bomb((4, 4)).agent(1, (4, 3), RIGHT, kick=True)


def test_a_rolling_bomb_whose_kick_is_undone_takes_its_place_from_a_bomb():
    after = clashing_kicks().bomb((5, 3), RIGHT).step()
    assert after.bombs == {(5, 4): 0, (4, 4): 0, (5, 3): 0}
    assert after.cells[:2] == [(6, 5), (4, 3)]


def test_a_rolling_bomb_whose_kick_is_undone_takes_its_place_from_an_agent():
    after = clashing_kicks().agent(2, (6, 4), UP).step()
    assert after.bombs == {(5, 4): 0, (4, 4): 0}
    assert after.cells[:3] == [(6, 5), (4, 3), (6, 4)]


def test_a_bomb_stops_for_an_agent_that_could_not_leave():
    made = Made().bomb((4, 4), RIGHT).agent(0, (4, 5), DOWN).agent(1, (5, 5))
    after = made.step()
    assert after.cells[:2] == [(4, 5), (5, 5)]
    assert after.bombs == {(4, 4): 0}


def test_items_count_up_to_ten():
    made = Made().show(6, (1, 2)).show(7, (3, 2)).show(6, (5, 2)).show(7, (7, 2))
    made.agent(0, (1, 1), RIGHT).agent(1, (3, 1), RIGHT)
    made.agent(2, (5, 1), RIGHT, ammo=10).agent(3, (7, 1), RIGHT, blast=10)
    after = made.step()
    assert after.ammo == [2, 1, 10, 1]
    assert after.blast == [2, 3, 2, 10]
    assert after.board[1, 2] == 10


def test_a_blast_stops_before_rigid_walls_and_at_wood_and_passes_items():
    made = Made().bomb((5, 5), life=1, blast=4).show(1, (5, 7)).show(2, (3, 5))
    after = made.show(6, (6, 5)).step()
    burnt = set(zip(*(n.tolist() for n in np.nonzero(after.flames)), strict=True))
    up, down = {(4, 5), (3, 5)}, {(6, 5), (7, 5), (8, 5)}
    assert burnt == {(5, 5), (5, 6), (5, 4), (5, 3), (5, 2)} | up | down
    assert (after.board[after.flames > 0] == 4).all()
    assert after.bombs == {}


def test_a_chain_through_three_bombs_stops_at_the_wood_between():
    made = Made().bomb((5, 1), life=1, blast=3).bomb((5, 3), blast=3, owner=1)
    made.bomb((5, 5), blast=3, owner=2).show(2, (5, 6)).bomb((5, 7), owner=3)
    after = made.step()
    assert after.bombs == {(5, 7): 0}
    assert after.ammo == [2, 2, 2, 1]
    assert after.flames[5, :8].tolist() == [4] * 7 + [0]  # the wood burns
    assert after.board[5, 6:8].tolist() == [4, 3]


def test_ammo_comes_back_to_the_dead_and_stops_at_ten():
    made = Made().bomb((5, 5), life=1, owner=3).bomb((5, 6), owner=3)
    made.bomb((1, 5), life=1, owner=2).agent(2, (9, 9), ammo=10)
    after = made.step()
    assert after.alive == [0, 0, 1, 0]
    assert after.ammo == [1, 1, 10, 3]


def test_a_bomb_that_rolls_into_flames_explodes():
    after = Made().bomb((5, 5), RIGHT).flames((5, 6), 1).step()
    assert after.bombs == {}
    assert after.flames[5, 6] == 0b101  # the old one, aged, and the fresh one
    assert after.flames[5, 5] == 0b100


def test_a_bomb_rolls_where_flames_die():
    after = Made().bomb((5, 5), RIGHT).flames((5, 6), 0).step()
    assert after.bombs == {(5, 6): RIGHT}


def test_agents_on_flames_die_where_they_stand():
    made = Made().agent(0, (5, 5), RIGHT).flames((5, 6), 2).agent(1, (1, 1))
    after = made.step()
    assert after.alive == [0, 1, 0, 0]
    assert after.cells[0] == (5, 6)
    assert after.board[5, 6] == 4


def test_the_dead_do_not_act():
    made = Made()
    made.acts = [LAY, UP, UP, UP]
    after = made.step()
    assert after.bombs == {}
    assert after.cells == [(10, 0), (10, 1), (10, 2), (10, 3)]
    assert after.board.max() == 0


def test_24_bombs_lie_roll_and_explode_together():
    made = Made()
    cells = [(2 * (i // 5), 2 * (i % 5)) for i in range(states.BOMBS)]
    for cell in cells:
        made.bomb(cell, RIGHT, life=2)
    after = made.step()
    assert after.bombs == {(r, c + 1): RIGHT for r, c in cells}
    later = Made()
    for n, (r, c) in enumerate(cells):
        later.bomb((r, c), life=1, owner=n % 4)
    assert later.step().bombs == {}
    assert later.step().ammo == [7, 7, 7, 7]  # 1 and six bombs each


def test_an_action_that_does_not_exist_is_to_stop():
    made = Made().agent(0, (5, 5), 6).agent(1, (3, 3), -1).agent(2, (7, 7), 256 + LAY)
    after = made.agent(3, (1, 1), 256 + RIGHT).step()
    assert after.cells == [(5, 5), (3, 3), (7, 7), (1, 1)]
    assert after.bombs == {}


@pytest.mark.slow
def test_one_game_alone_is_the_same():
    before = {name: array[:1] for name, array in part("before").items()}
    batch = pommerman_states.to_state(before)
    alone = jax.tree.map(lambda x: x[..., 0], batch)
    acts = recorded()["actions"][0].astype(np.int32)
    one = rules.advance(alone, acts)
    got = pommerman_states.from_state(
        jax.tree.map(lambda x: np.asarray(x)[..., None], one)
    )
    assert not differences(got, {k: v[:1] for k, v in part("after").items()})
    assert one.step == 1
