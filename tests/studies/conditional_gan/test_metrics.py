"""Each measure against scipy, a loop, or what can be said without a computer."""

import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist, pdist
from scipy.stats import wasserstein_distance

from worldmodels.studies.conditional_gan import metrics


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_told_labels_are_counted_one_by_one_and_all_at_once():
    asked = np.array([[1, 0], [1, 1], [0, 0], [0, 1]])
    found = np.array([[1, 0], [1, 0], [0, 0], [1, 1]])
    told = metrics.told(found, asked)
    np.testing.assert_allclose(told.each, [3 / 4, 3 / 4])
    assert told.all == 2 / 4


def test_chance_is_the_mean_over_all_pairs(rng):
    asked, found = rng.random((40, 3)) < 0.3, rng.random((40, 3)) < 0.7
    equal = found[:, None] == asked[None]
    told = metrics.told(found, asked)
    np.testing.assert_allclose(told.chance, equal.mean(axis=(0, 1)))
    assert told.chance_all == pytest.approx(equal.all(axis=-1).mean())


def test_the_frechet_distance_is_that_of_the_root_of_the_product(rng):
    one = rng.standard_normal((200, 4)) @ rng.standard_normal((4, 4)) + 1
    other = rng.standard_normal((150, 4)) @ rng.standard_normal((4, 4))
    a, b = np.cov(one.T), np.cov(other.T)
    expected = ((one.mean(0) - other.mean(0)) ** 2).sum()
    expected += np.trace(a + b - 2 * sqrtm(a @ b).real)
    assert metrics.frechet(one, other) == pytest.approx(expected, rel=1e-9)
    assert metrics.frechet(one, one) == pytest.approx(0, abs=1e-9)


def test_the_frechet_distance_of_features_that_are_constant(rng):
    """Of independent features it is the sum of squared differences of both moments."""
    one, other = (np.zeros((5000, 3), np.float32) for _ in range(2))
    one[:, 0], other[:, 0] = 2 * rng.standard_normal((2, 5000))
    other[:, 0] = 1 + 3 * other[:, 0] / 2
    other[:, 2] = 0.5
    means = (one.mean(0) - other.mean(0)).astype(np.float64)
    deviations = one.std(0, ddof=1) - other.std(0, ddof=1)
    expected = (means**2).sum() + (deviations**2).sum()
    assert metrics.frechet(one, other) == pytest.approx(expected, rel=1e-4)


def test_pairs_have_equal_labels_and_each_row_has_one(rng):
    labels = rng.integers(0, 2, (60, 3))
    labels[0] = 7  # alone with it
    pairs = metrics.pairs(labels, rng)
    assert sorted(pairs[:, 0]) == list(range(1, 60))
    assert (pairs[:, 0] != pairs[:, 1]).all()
    np.testing.assert_array_equal(labels[pairs[:, 0]], labels[pairs[:, 1]])
    # Where all are different, any are paired: a mean of nothing would be no number.
    alone = metrics.pairs(np.eye(3), rng)
    assert sorted(alone[:, 0]) == [0, 1, 2]
    assert (alone[:, 0] != alone[:, 1]).all()


def test_the_mean_distance_of_pairs_is_scipys(rng):
    rows = rng.integers(0, 255, (5, 2, 2, 3)).astype(np.uint8)
    pairs = np.array(np.triu_indices(5, 1)).T
    expected = pdist(rows.reshape(5, -1).astype(float)).mean()
    assert metrics.mean_distance(rows, pairs) == pytest.approx(expected, rel=1e-5)


def test_the_nearest_is_found_among_all_parts(rng):
    pictures = rng.integers(0, 255, (7, 4, 4, 3)).astype(np.uint8)
    others = rng.integers(0, 255, (20, 4, 4, 3)).astype(np.uint8)
    others[13] = pictures[2]
    found = metrics.nearest(pictures, [others[:6], others[6:12], others[12:]])
    apart = cdist(pictures.reshape(7, -1), others.reshape(20, -1)) / np.sqrt(48)
    np.testing.assert_array_equal(found.row, apart.argmin(axis=1))
    np.testing.assert_allclose(found.distance, apart.min(axis=1), atol=0.1)
    assert found.row[2] == 13


def test_a_pyramid_adds_up_to_its_pictures(rng):
    pictures = rng.integers(0, 255, (2, 64, 53, 3)).astype(np.uint8)
    levels = metrics.pyramid(pictures)
    assert [level.shape[1:3] for level in levels] == [(64, 53), (32, 27)]
    again = levels[0] + metrics.larger(levels[1], levels[0].shape)
    np.testing.assert_allclose(again, pictures, atol=1e-3)
    grey = np.full((1, 32, 32, 3), 90, np.uint8)
    fine, coarse = metrics.pyramid(grey)
    np.testing.assert_allclose(coarse, 90, atol=1e-3)
    np.testing.assert_allclose(fine, 0, atol=1e-3)


def test_patches_are_cut_from_their_pictures(rng):
    pictures = rng.integers(0, 255, (3, 9, 11, 3)).astype(np.float32)
    patches = metrics.cut(pictures, rng)
    assert patches.shape == (3 * 32, 147)
    windows = np.lib.stride_tricks.sliding_window_view(pictures, (7, 7), axis=(1, 2))
    windows = np.moveaxis(windows, 3, 5).reshape(3, -1, 147)
    for number, patch in enumerate(patches):
        assert (windows[number // 32] == patch).all(axis=1).any()


def test_patches_are_standardised_by_colour(rng):
    patches = rng.standard_normal((50, 147)) * np.tile([3, 5, 0], 49) + 7
    colours = metrics.standardised(patches).reshape(50, 49, 3)
    np.testing.assert_allclose(colours.mean(axis=(0, 1)), 0, atol=1e-9)
    np.testing.assert_allclose(colours.std(axis=(0, 1)), [1, 1, 0], atol=1e-9)


def test_the_sliced_distance_is_the_mean_of_scipys_along_directions(rng):
    one, other = rng.standard_normal((60, 5)), rng.exponential(size=(60, 5))
    along = metrics.directions(5, rng)
    np.testing.assert_allclose((along**2).sum(axis=0), 1, rtol=1e-5)
    expected = [wasserstein_distance(one @ d, other @ d) for d in along.T]
    found = metrics.sliced(one, other, along)
    assert found == pytest.approx(np.mean(expected), rel=1e-5)


def test_the_sliced_distance_sees_what_is_coarser(rng):
    sharp, others = rng.integers(0, 255, (2, 40, 32, 32, 3)).astype(np.uint8)
    coarse = np.kron(others[:, ::8, ::8], np.ones((1, 8, 8, 1), np.uint8))
    alike = metrics.sliced_wasserstein(sharp, others, rng)
    blocks = metrics.sliced_wasserstein(sharp, coarse, rng)
    assert list(alike) == [32, 16]
    assert all(blocks[side] > 1.5 * alike[side] for side in alike)
    # One colour for all is as far as can be, and no division by zero.
    flat = metrics.sliced_wasserstein(sharp, np.full_like(sharp, 9), rng)
    assert all(flat[side] > blocks[side] for side in alike)
