"""Statistics of returns: means, and intervals that hold what they say."""

import numpy as np
import pytest
from scipy import stats

from worldmodels.runtime.errors import UserError
from worldmodels.scores.statistics import (
    of_trainings,
    over_seeds,
    seeds_needed,
    summarise,
)


def test_interval_is_that_of_a_normal_mean():
    """For many normal draws the bootstrap must agree with mean +- 1.96 std/sqrt(n)."""
    returns = np.random.default_rng(0).normal(500, 100, 400)
    found = summarise(returns)
    error = 1.96 * returns.std(ddof=1) / np.sqrt(400)
    assert found.count == 400
    assert found.mean == pytest.approx(returns.mean())
    assert found.std == pytest.approx(returns.std(ddof=1))
    assert found.low == pytest.approx(returns.mean() - error, abs=1.5)
    assert found.high == pytest.approx(returns.mean() + error, abs=1.5)


def test_interval_covers_the_mean_as_often_as_it_says():
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(40):
        found = summarise(rng.exponential(10, 30))
        covered += found.low <= 10 <= found.high
    assert 33 <= covered <= 40  # 38 expected; 3.4 standard deviations below is 33


def test_interval_is_reproducible_and_defined_for_equal_returns():
    returns = np.array([1.0, 5.0, 2.0, 8.0])
    assert summarise(returns) == summarise(returns)
    same = summarise(np.full(5, 3.5, np.float32))
    assert (same.mean, same.std, same.low, same.high) == (3.5, 0.0, 3.5, 3.5)


@pytest.mark.parametrize("count", [2, 5, 32, 101])
def test_interval_is_scipys(count):
    returns = 100 * np.random.default_rng(count).exponential(size=count) - 30
    found = summarise(returns, seed=7)
    interval = stats.bootstrap(
        (returns,), np.mean, method="BCa", rng=np.random.default_rng(7)
    ).confidence_interval
    assert (found.low, found.high) == pytest.approx(tuple(interval), rel=1e-12)


def test_interval_over_seeds_is_students():
    means = np.array([710.0, 745.5, 690.25])
    found = over_seeds(means)
    expected = stats.t.interval(0.95, 2, means.mean(), stats.sem(means))
    assert found.interval == pytest.approx(tuple(expected), rel=1e-12)


@pytest.mark.parametrize("bad", [[1.0], [], [1.0, np.nan], [[1.0, 2.0]]])
def test_interval_refuses_what_has_none(bad):
    with pytest.raises(UserError, match="at least two finite returns"):
        summarise(np.array(bad))


def needed_by(differences: np.ndarray) -> int | None:
    return seeds_needed(differences.mean(), differences.std(ddof=1))


def power(effect: float, count: int) -> float:
    """Return the power of the paired t-test by scipy's noncentral distribution."""
    bound = stats.t.ppf(0.975, count - 1)
    return stats.nct.sf(bound, count - 1, effect * np.sqrt(count))


@pytest.mark.parametrize("effect", [0.1, 0.25, 0.6, 1.3, 4.0, -0.6])
def test_so_many_seeds_and_no_fewer_have_the_power(effect):
    shape = np.array([-1.0, 0.0, 1.0])  # mean 0, standard deviation 1
    needed = needed_by(50 * (effect + shape))
    assert power(abs(effect), needed) >= 0.8 > power(abs(effect), needed - 1)


def test_so_many_seeds_show_it_as_often_as_is_said():
    """By trial: Student's intervals of so many normal differences, and of fewer."""
    differences = np.array([30.0, -10.0, 70.0, 10.0])  # 25 beside a deviation of 34.2
    mean, std = differences.mean(), differences.std(ddof=1)
    needed, trials = needed_by(differences), 4000
    shown = {}
    for count in (needed, needed - 2):
        drawn = np.random.default_rng(2).normal(mean, std, (trials, count))
        half = stats.t.ppf(0.975, count - 1) * stats.sem(drawn, axis=1)
        shown[count] = np.mean(drawn.mean(axis=1) > half)
    # 4 standard deviations of a share of so many trials are 0.025.
    assert 0.775 < shown[needed] < 0.85
    assert shown[needed - 2] < 0.8


def test_what_no_number_of_seeds_shows():
    assert needed_by(np.array([1.0, -1.0])) is None
    assert needed_by(np.array([0.0, 0.0])) is None
    assert needed_by(np.array([10.0, -9.0])) is None  # 3,645 would
    assert needed_by(np.array([3.0, 3.0])) == 2


def test_the_score_of_several_trainings_counts_each_once():
    returns = np.array([[10.0, 20.0], [30.0, 50.0], [0.0, 100.0]])
    found = of_trainings(returns)
    low, high = stats.t.interval(0.95, 2, 35, stats.sem([15, 40, 50]))
    assert (found.count, found.mean) == (2, 35)
    assert found.std == pytest.approx((np.sqrt(50) + np.sqrt(200) + np.sqrt(5000)) / 3)
    assert (found.low, found.high) == pytest.approx((low, high))
    assert of_trainings(returns[:1]) == summarise(returns[0])
