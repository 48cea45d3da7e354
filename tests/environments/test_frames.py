"""The frame pipeline against the resize written out in numpy."""

import numpy as np

from worldmodels.environments.frames import preprocess
from worldmodels.environments.games import CARRACING


def triangle_weights(source, target):
    """The antialiased bilinear filter, [target, source], rows summing to one."""
    scale = source / target
    centres = (np.arange(target)[:, None] + 0.5) * scale
    distance = np.abs(np.arange(source) + 0.5 - centres) / scale
    weights = np.maximum(0, 1 - distance)
    return weights / weights.sum(axis=1, keepdims=True)


def test_crop_and_antialiased_bilinear_resize():
    frame = np.random.default_rng(0).integers(0, 256, (96, 96, 3), np.uint8)
    rows, columns = triangle_weights(84, 64), triangle_weights(96, 64)
    exact = np.einsum("ys,xt,stc->yxc", rows, columns, frame[:84].astype(float))
    result = preprocess(frame, CARRACING.view)
    assert result.shape == (64, 64, 3)
    assert result.dtype == np.uint8
    # PIL rounds to 8 bits after each of its two passes: half a grey level twice.
    assert np.abs(result - exact).max() <= 1.01
    assert np.abs(result - exact).mean() <= 0.5


def test_the_indicator_bar_is_not_seen():
    frame = np.full((96, 96, 3), 100, np.uint8)
    frame[84:] = 255
    np.testing.assert_array_equal(
        preprocess(frame, CARRACING.view), np.full((64, 64, 3), 100)
    )
