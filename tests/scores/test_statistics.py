"""Statistics of returns: means, and intervals that hold what they say."""

import numpy as np
import pytest
from scipy import stats

from worldmodels.runtime.errors import UserError
from worldmodels.scores.statistics import over_seeds, summarise


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
