"""Running moments in jitted programs, beside numpy's in float64."""

from functools import reduce

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from worldmodels.training import running_moments
from worldmodels.training.running_moments import Moments, combined, deviation, empty, of

ROWS = np.random.default_rng(0).normal(3, 2, (60, 4)).astype(np.float32)
combined, of = jax.jit(combined), jax.jit(of)


@pytest.mark.parametrize("cuts", [(), (1,), (1, 2, 59), (20, 20, 40)])
def test_groups_of_any_size_and_order_have_the_moments_of_all_rows(cuts):
    groups = [of(jnp.asarray(part)) for part in np.split(ROWS, cuts)]
    for ordered in (groups, groups[::-1]):
        found = reduce(combined, ordered, empty((4,)))
        assert int(found.count) == 60
        np.testing.assert_allclose(found.mean, ROWS.mean(axis=0), rtol=1e-6)
        np.testing.assert_allclose(
            deviation(found), ROWS.std(axis=0, ddof=1), rtol=1e-6
        )


def test_one_row_and_none_have_no_deviation():
    for rows in (ROWS[:1], ROWS[:0]):
        np.testing.assert_array_equal(deviation(of(jnp.asarray(rows))), np.zeros(4))


def test_a_large_mean_hides_no_deviation():
    """A mean of squares less a squared mean gives 0 here."""
    rows = (1e4 + np.random.default_rng(1).normal(size=1000)).astype(np.float32)
    halves = [of(jnp.asarray(part)) for part in np.split(rows, 2)]
    truth = rows.astype(np.float64).std(ddof=1)
    np.testing.assert_allclose(deviation(combined(*halves)), truth, rtol=1e-4)


def test_a_count_passes_2_to_the_24_and_products_of_counts_overflow_nothing():
    many = 2**24
    large = Moments(jnp.int32(many), jnp.float32(1), jnp.float32(4 * (many - 1)))
    one = of(jnp.ones(1, np.float32))
    assert int(combined(large, one).count) == many + 1
    twice = combined(large, large._replace(mean=jnp.float32(3)))
    assert int(twice.count) == 2 * many
    np.testing.assert_allclose(twice.mean, 2, rtol=1e-6)
    # Within each half the variance is 4, and each half is 1 from the mean.
    np.testing.assert_allclose(deviation(twice), np.sqrt(5), rtol=1e-6)


def test_bytes_are_taken_as_numbers():
    frames = np.array([[0, 255], [255, 255]], np.uint8)
    found = running_moments.of(jnp.asarray(frames))
    np.testing.assert_allclose(found.mean, [127.5, 255])
    np.testing.assert_allclose(deviation(found), [255 / np.sqrt(2), 0], rtol=1e-6)
