"""The layout of populations on seeds, and of rows on devices, against plain loops."""

from types import SimpleNamespace

import numpy as np
import pytest

from worldmodels.rollout.grouping import Rows, Shares, filled, returns, shares

POPULATION = np.array([[3.0, 1.0], [5.0, 2.0], [7.0, 4.0]])  # P 3, D 2
COMMON = np.array([10, 20])  # R 2
OWN = np.array([[10, 20], [30, 40], [50, 2**53 + 1]])  # beyond a float's whole numbers


def played(candidate, seed, steps):
    """Return a number that no other candidate, seed and steps have."""
    return candidate[0] * int(seed) + candidate[1] * steps


def play(population, rows: Rows, steps):
    return np.array([played(population[c], s, steps) for c, s in zip(*rows)])  # noqa: B905


@pytest.mark.parametrize("seeds", [COMMON, OWN])
@pytest.mark.parametrize("seed_by_seed", [False, True])
def test_returns_are_those_of_a_loop_over_candidates_and_seeds(seeds, seed_by_seed):
    expected = np.zeros((3, 2))
    for candidate in range(3):
        for n in range(2):
            seed = seeds[n] if seeds.ndim == 1 else seeds[candidate, n]
            expected[candidate, n] = played(POPULATION[candidate], seed, 9)
    found = returns(play, POPULATION, seeds, 9, seed_by_seed=seed_by_seed)
    np.testing.assert_array_equal(found, expected)
    assert len(np.unique(expected)) == 6


def test_the_order_of_the_rows_is_the_one_asked_for():
    orders = []

    def seen(population, rows, steps):
        orders.append([rows.candidate.tolist(), rows.seed.tolist()])
        return rows.seed

    for seed_by_seed in (False, True):
        returns(seen, POPULATION, COMMON, 1, seed_by_seed=seed_by_seed)
    assert orders == [
        [[0, 0, 1, 1, 2, 2], [10, 20, 10, 20, 10, 20]],
        [[0, 1, 2, 0, 1, 2], [10, 10, 10, 20, 20, 20]],
    ]


def mesh(devices: int, platform: str) -> SimpleNamespace:
    """What `shares` asks of a mesh."""
    device = SimpleNamespace(platform=platform)
    return SimpleNamespace(size=devices, devices=np.array([device] * devices))


@pytest.mark.parametrize("count", [1, 2, 7, 32, 33, 64, 65, 1000])
@pytest.mark.parametrize("devices", [1, 2, 3])
def test_each_row_has_a_place_and_no_core_takes_more_than_it_should(count, devices):
    spread = shares(count, mesh(devices, "cpu"), 32)
    assert spread.size <= 32
    assert spread.rows == devices * spread.groups * spread.size >= count
    # No share could do with a group less, and at most a row a group is filled up.
    a_share = -(-count // devices)
    assert (spread.groups - 1) * 32 < a_share <= spread.share < a_share + spread.groups


def test_a_graphics_processor_takes_all_rows_at_once():
    assert shares(1000, mesh(2, "gpu"), 32) == Shares(2, 1, 500)


def test_missing_rows_repeat_the_first():
    rows = {"a": np.array([[1, 2], [3, 4]]), "b": np.array([5, 6], np.uint32)}
    found = filled(rows, 4)
    np.testing.assert_array_equal(found["a"], [[1, 2], [3, 4], [1, 2], [1, 2]])
    np.testing.assert_array_equal(found["b"], [5, 6, 5, 5])
    assert found["b"].dtype == np.uint32
    assert filled(rows, 2) is rows
