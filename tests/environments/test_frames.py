"""The frame pipeline against the resize written out in numpy."""

import numpy as np
import pytest

from worldmodels.environments.frames import preprocess
from worldmodels.environments.games import CARRACING, V0, View, game_of


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


# One row of grey pixels as it is drawn, and as V of the original sees it: stretched so
# that the least is 0 and the greatest 255, then lowered by 1, where 0 becomes 255.
GREYS = [
    ([102, 204, 229], [255, 204, 254]),  # (204 - 102) 255 / 127 = 204.8: 205, 204
    ([0, 204, 229], [255, 226, 254]),  # 204 x 255 / 229 = 227.2: black is white
    ([0, 102, 255], [255, 101, 254]),  # nothing to stretch
    ([50, 51, 52], [255, 127, 254]),  # a half, 127.5, is rounded up
    ([7, 7, 7], [255, 255, 255]),  # nothing but one value: all 0
]


@pytest.mark.parametrize(("drawn", "seen"), GREYS)
def test_bytes_are_stretched_and_lowered_modulo_256(drawn, seen):
    """At a scale of 1 the resize changes nothing."""
    frame = np.resize(np.repeat(np.array(drawn, np.uint8), 3), (64, 63, 3))
    frame = np.pad(frame, ((0, 0), (0, 1), (0, 0)), mode="edge")
    result = preprocess(frame, View(stretched=True, lowered=True))
    expected = dict(zip(drawn, seen, strict=True))
    for value in drawn:
        assert (result[frame == value] == expected[value]).all(), value


def test_all_channels_are_stretched_together_and_the_crop_comes_first():
    frame = np.full((96, 96, 3), (102, 204, 102), np.uint8)
    frame[:, :48] = (102, 229, 102)
    frame[84:] = 0, 255, 0  # the indicators, which change nothing
    result = preprocess(frame, game_of("carracing", V0).view)
    np.testing.assert_array_equal(result[:, :30], np.full((64, 30, 3), (255, 254, 255)))
    np.testing.assert_array_equal(result[:, 34:], np.full((64, 30, 3), (255, 204, 255)))
