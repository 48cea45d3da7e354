"""Boards of Pommerman: what every one of 1,000 has, and how the rest is distributed."""

import jax
import numpy as np
import pytest
from support.pommerman_states import from_state, part, recorded

from worldmodels.environments.pommerman import board

COUNT = 1000
START = jax.jit(board.start)
HOMES = {(1, 1): 10, (9, 1): 11, (9, 9): 12, (1, 9): 13}


@pytest.fixture(scope="module")
def drawn():
    return from_state(START(jax.random.split(jax.random.key(0), COUNT)))


@pytest.fixture(scope="module")
def original():
    """The boards with which the recorded games begin."""
    starts = np.cumsum([0, *recorded()["games/length"][:-1].astype(int) + 1])
    return {name: array[starts] for name, array in part("games").items()}


def cut_off(cells: np.ndarray) -> np.ndarray:
    """Return of boards [B, 11, 11] how many passages cannot be reached from (9, 9)."""
    reached = np.zeros(cells.shape, bool)
    reached[:, 9, 9] = True
    for _ in range(121):
        wide = np.pad(reached, ((0, 0), (1, 1), (1, 1)))
        upright = wide[:, :-2, 1:-1] | wide[:, 2:, 1:-1]
        level = wide[:, 1:-1, :-2] | wide[:, 1:-1, 2:]
        reached |= (upright | level) & (cells != 1)
    return ((cells == 0) & ~reached).sum((1, 2))


@pytest.mark.parametrize("boards", ["drawn", "original"])
def test_what_every_board_has(boards, request):
    games = request.getfixturevalue(boards)
    cells, items = games["board"], games["items"]
    walls = np.where(cells >= 10, 0, cells)
    assert (walls == walls.transpose(0, 2, 1)).all()
    assert ((cells == 1).sum((1, 2)) == 36).all()
    assert ((cells == 2).sum((1, 2)) == 36).all()
    assert ((items > 0).sum((1, 2)) == 20).all()
    assert (cells[items > 0] == 2).all()
    assert set(np.unique(items)) == {0, 6, 7, 8}
    for home, kind in HOMES.items():
        assert (cells[:, *home] == kind).all()
    assert cut_off(cells).max() <= 4


def test_what_is_the_same_on_all_boards_is_the_originals(drawn, original):
    same = [(games["board"] == games["board"][0]).all(0) for games in (drawn, original)]
    np.testing.assert_array_equal(*same)
    first = (games["board"][0][same[0]] for games in (drawn, original))
    np.testing.assert_array_equal(*first)
    assert same[0].sum() == 121 - 80  # 40 pairs of cells are drawn


def test_agents_begin_as_the_originals(drawn, original):
    np.testing.assert_array_equal(drawn["agents"][:100], original["agents"])
    assert not drawn["bombs"].any()
    assert not drawn["flames"].any()


def plain(rng: np.random.Generator) -> np.ndarray:
    """Draw a board pair by pair, [11, 11], whatever can be reached on it."""
    free = {(1, 2), (1, 3), (1, 7), (1, 8), (2, 9), (3, 9), (7, 9), (8, 9), (1, 9)}
    wood = [(1, 4), (1, 5), (1, 6), (4, 9), (5, 9), (6, 9)]
    pairs = [(r, c) for r in range(11) for c in range(r + 1, 11)]
    pairs = [pair for pair in pairs if pair not in free and pair not in wood]
    cells = np.zeros((11, 11), np.int8)
    for kind, count in ((1, 18), (2, 12)):
        for _ in range(count):
            r, c = pairs.pop(rng.integers(len(pairs)))
            cells[r, c] = cells[c, r] = kind
    for r, c in wood:
        cells[r, c] = cells[c, r] = 2
    for home, kind in HOMES.items():
        cells[home] = kind
    return cells


def test_walls_are_as_likely_everywhere_as_in_boards_drawn_pair_by_pair(drawn):
    rng = np.random.default_rng(0)
    boards = np.stack([plain(rng) for _ in range(2 * COUNT)])
    boards = boards[cut_off(boards) <= 4]
    assert len(boards) >= COUNT
    expected = np.stack([(boards == kind).mean(0) for kind in (1, 2)])
    found = np.stack([(drawn["board"] == kind).mean(0) for kind in (1, 2)])
    # Two means of 1,000: the largest of 160 differences is below 4.5 deviations.
    deviation = np.sqrt(np.maximum(expected * (1 - expected), 1e-3) * 2 / COUNT)
    assert (np.abs(found - expected) / deviation).max() < 4.5


def test_items_are_uniform(drawn):
    cells, items = drawn["board"], drawn["items"]
    wood = cells == 2
    hidden = (items > 0).sum(0)[wood.sum(0) > 0] / wood.sum(0)[wood.sum(0) > 0]
    deviation = np.sqrt(20 / 36 * 16 / 36 / wood.sum(0)[wood.sum(0) > 0])
    assert (np.abs(hidden - 20 / 36) / deviation).max() < 4.5
    kinds = np.bincount(items[items > 0], minlength=9)[6:]
    assert np.abs(kinds / kinds.sum() - 1 / 3).max() < 4.5 * np.sqrt(2 / 9 / 20_000)


def test_a_key_decides_its_board_alone(drawn):
    again = from_state(START(jax.random.split(jax.random.key(0), COUNT)[::-1]))
    for name in ("board", "items"):
        np.testing.assert_array_equal(again[name][::-1], drawn[name])


def test_boards_of_which_too_much_is_cut_off_are_counted():
    cells = np.zeros((11, 11), np.int8)
    cells[:, 5] = 1
    assert board.unreachable(cells) == cut_off(cells[None])[0] == 55
