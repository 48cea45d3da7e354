"""The running mean and standard deviation equal numpy's over all rows at once."""

import numpy as np
import pytest

from worldmodels.training import running_statistics
from worldmodels.training.running_statistics import RunningStatistics


def rows(count: int = 60) -> np.ndarray:
    """Far from zero, where sums of squares lose their digits; one never changes."""
    rng = np.random.default_rng(0)
    values = rng.normal(1e6, [1e-2, 1.0, 1e3], size=(count, 3))
    values[:, 0] = 1e6
    return values.reshape(count, 3)


def together(parts) -> RunningStatistics:
    found = running_statistics.empty((3,))
    for part in parts:
        found = running_statistics.combined(found, running_statistics.of(part))
    return found


@pytest.mark.parametrize(
    "cuts",
    [
        [],
        [30],
        [1, 2, 3],
        [0, 0, 7, 7, 59],  # empty groups and single rows
        list(range(1, 60)),
    ],
)
def test_any_split_gives_numpys_numbers(cuts):
    values = rows()
    found = together(np.split(values, cuts))
    assert found.count == 60
    np.testing.assert_allclose(found.mean, values.mean(axis=0), rtol=1e-15)
    np.testing.assert_allclose(found.std[1:], values.std(axis=0, ddof=1)[1:], rtol=1e-9)
    assert found.std[0] == 0


def test_the_order_of_groups_does_not_matter():
    parts = np.split(rows(), [5, 6, 30])
    one, other = together(parts), together(parts[::-1])
    np.testing.assert_allclose(one.variance, other.variance, rtol=1e-9)


def test_two_groups_by_hand():
    # 1, 3 (mean 2, variance 2) and 5, 6, 7 (mean 6, variance 1): mean 22/5 = 4.4;
    # (1*2 + 2*1 + 2*2.4^2 + 3*1.6^2) / 4 = (2 + 2 + 11.52 + 7.68) / 4 = 5.8
    parts = [np.array([[1.0], [3.0]]), np.array([[5.0], [6.0], [7.0]])]
    one, other = map(running_statistics.of, parts)
    both = running_statistics.combined(one, other)
    np.testing.assert_allclose(both.mean, [4.4])
    np.testing.assert_allclose(both.variance, [5.8])


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_rows_have_no_variance(count):
    found = running_statistics.of(rows()[:count])
    assert found.count == count
    assert np.isnan(found.std).all()


def test_every_place_of_an_array_has_its_own():
    values = np.random.default_rng(1).normal(size=(9, 4, 5))
    found = running_statistics.of(values)
    np.testing.assert_allclose(found.std, values.std(axis=0, ddof=1))


def test_normalised_rows():
    values = rows().astype(np.float32)
    found = running_statistics.of(values).normalised(values)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[:, 0], 0)  # it never changes
    np.testing.assert_allclose(found.std(axis=0, ddof=1)[2], 1, rtol=1e-4)


@pytest.mark.parametrize("value", [0.1, -1e6 / 3])
@pytest.mark.parametrize("cuts", [[], [1, 2, 7]])
def test_what_rounding_alone_changes_does_not_change(value, cuts):
    """The mean of equal numbers is seldom that number to the last digit."""
    values = np.full((23, 3), value)
    found = together(np.split(values, cuts)).normalised(
        np.append(values, [[9.0] * 3], axis=0)
    )
    np.testing.assert_allclose(found[:-1], 0, atol=1e-9)
    np.testing.assert_allclose(found[-1], 9 - value)
