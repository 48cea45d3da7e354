"""Losses against numbers by hand and against numpy."""

import numpy as np
import pytest

from worldmodels.studies.conditional_gan.losses import LOSSES

REAL, DRAWN = np.array([2.0, 0.5, -1.0]), np.array([-3.0, -0.5, 1.0])


def test_the_hinge_by_hand():
    of_discriminator, of_generator = LOSSES["hinge"]
    # max(0, 1 - x): 0, 0.5, 2; max(0, 1 + x): 0, 0.5, 2; their means: 2.5 / 3 each
    found = of_discriminator(REAL, DRAWN, np.full(3, 0.9))
    np.testing.assert_allclose(found, 5 / 3, rtol=1e-6)
    np.testing.assert_allclose(of_generator(DRAWN), 2.5 / 3, rtol=1e-6)


def test_the_cross_entropy_by_its_definition():
    of_discriminator, of_generator = LOSSES["cross_entropy"]
    targets = np.array([0.9, 0.95, 1.0])

    def chance(x):
        return 1 / (1 + np.exp(-x))

    of_real = -(
        targets * np.log(chance(REAL)) + (1 - targets) * np.log(1 - chance(REAL))
    )
    expected = of_real.mean() - np.log(1 - chance(DRAWN)).mean()
    np.testing.assert_allclose(of_discriminator(REAL, DRAWN, targets), expected, 1e-5)
    expected = -np.log(chance(DRAWN)).mean()
    np.testing.assert_allclose(of_generator(DRAWN), expected, 1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_means_that_stay_finite(name):
    of_discriminator, of_generator = LOSSES[name]
    once = of_discriminator(REAL, DRAWN, np.ones(3))
    twice = of_discriminator(np.tile(REAL, 2), np.tile(DRAWN, 2), np.ones(6))
    np.testing.assert_allclose(twice, once, rtol=1e-6)
    far = np.array([1e4, -1e4])
    assert np.isfinite(of_discriminator(far, far, np.ones(2)))
    assert np.isfinite(of_generator(far))
