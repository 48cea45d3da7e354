"""Our pictures are those of dSprites, but for about half a pixel."""

import hashlib
import os

import numpy as np
import pytest
from PIL import Image, ImageSequence
from support.commands import REPOSITORY

from worldmodels.studies.dsprites import factors, sprites

# Published frames: 320 of the real data set, three shapes that turn, grow and move.
FRAMES = os.environ.get("DSPRITES_GIF", REPOSITORY / "../shared/data/dsprites.gif")
# Of every 1,009th picture, as bits.
DIGEST = "0d3a5b30795890c841ab7ecc424176e3530551551ae36496d17d2116a1c45bf5"


def one(shape=0, scale=5, orientation=0, x=16, y=16) -> np.ndarray:
    return sprites.render(np.array([shape, scale, orientation, x, y]))


def measured(picture: np.ndarray) -> np.ndarray:
    """Return x and y of the lit pixels' middle, and their count."""
    lit = np.argwhere(picture)
    return np.array([*lit.mean(axis=0)[::-1], len(lit)])


def closest(frame: np.ndarray, templates: np.ndarray, known: np.ndarray) -> int:
    """Return how many pixels of a real frame differ from the picture that fits best.

    Args:
        templates: classes [N, 5] of sprites at the upper left.
        known: what is `measured` of them, [N, 3].
    """
    away = measured(frame) - known
    alike = np.abs(away[:, 2]) <= 10
    candidates = templates[alike].copy()
    candidates[:, 3:] = np.round(away[alike, :2] * 31 / 32).clip(0, 31)
    first = (sprites.render(candidates) != frame).sum(axis=(1, 2))
    best = candidates[np.argsort(first, kind="stable")[:3]]
    steps = [(0, 0, 0, i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    near = (best[:, None] + np.array(steps)).reshape(-1, 5)
    near[:, 3:] = near[:, 3:].clip(0, 31)
    return int((sprites.render(near) != frame).sum(axis=(1, 2)).min())


def test_real_frames_are_found_among_ours():
    if not os.path.exists(FRAMES):
        pytest.skip("needs real frames; set DSPRITES_GIF to a file of them")
    with Image.open(FRAMES) as film:
        frames = [np.array(f.convert("L")) > 127 for f in ImageSequence.Iterator(film)]
    assert len(frames) == 320
    each = {frame.tobytes(): frame for frame in frames}
    every = np.stack(
        np.meshgrid(range(3), range(6), range(40), [0], [0], indexing="ij"), axis=-1
    ).reshape(-1, 5)
    known = np.array([measured(picture) for picture in sprites.render(every)])
    wrong = {key: closest(frame, every, known) for key, frame in each.items()}
    counts = [wrong[frame.tobytes()] for frame in frames]
    assert np.mean(counts) <= 0.5
    assert max(counts) <= 4


def test_pictures_stay_as_they_are():
    pictures = sprites.render(factors.classes(np.arange(0, factors.COUNT, 1009)))
    assert hashlib.sha256(np.packbits(pictures)).hexdigest() == DIGEST


@pytest.mark.parametrize("classes", [(0, 2, 7, 3, 30), (1, 5, 31, 0, 31)])
def test_a_pixel_is_lit_where_its_middle_is_inside(classes):
    """Pixel by pixel, with the corners of the square and the ellipse's equation."""
    shape, scale, orientation, x, y = classes
    size, angle = 0.5 + scale / 10, 2 * np.pi * orientation / 39
    expected = np.zeros((64, 64), np.uint8)
    for row in range(64):
        for column in range(64):
            dx = column + 0.5 - 16 - 32 * x / 31
            dy = row + 0.5 - 16 - 32 * y / 31
            u = (dx * np.cos(angle) - dy * np.sin(angle)) / size
            v = (dx * np.sin(angle) + dy * np.cos(angle)) / size
            if shape == 0:
                inside = max(abs(u), abs(v)) <= 9.6
            else:
                inside = np.hypot(u / 12.75, v / 7.25) <= 1
            expected[row, column] = inside
    np.testing.assert_array_equal(sprites.render(np.array(classes)), expected)


def test_areas_at_full_size():
    areas = [one(shape).sum(dtype=int) for shape in range(3)]
    np.testing.assert_allclose(areas, [368, 288, 225], atol=8)


def test_a_heart_stands_on_its_tip():
    heart = one(2)
    rows, columns = heart.sum(axis=1), heart.sum(axis=0)
    filled = np.flatnonzero(rows)
    assert rows[filled[-1]] < rows[filled[0]]  # the tip is narrower than the lobes
    np.testing.assert_allclose(
        np.flatnonzero(columns).mean() + 0.5, 16 + 32 * 16 / 31, atol=0.5
    )


def test_both_ends_of_a_turn_are_one_picture():
    for shape in range(3):
        np.testing.assert_array_equal(one(shape, 3, 0), one(shape, 3, 39))


def test_x_goes_right_and_y_goes_down():
    corner = [np.argwhere(one(x=x, y=y)).mean(axis=0) for x, y in ((31, 0), (0, 31))]
    np.testing.assert_allclose(corner, [[15.5, 47.5], [47.5, 15.5]], atol=0.6)


def test_many_are_each_as_alone():
    index = np.random.default_rng(0).integers(factors.COUNT, size=(4, 3))
    many = sprites.render(factors.classes(index))
    assert many.shape == (4, 3, 64, 64)
    for place in np.ndindex(4, 3):
        alone = sprites.render(factors.classes(index[place]))
        np.testing.assert_array_equal(many[place], alone)


def test_the_last_factor_changes_fastest():
    given = factors.classes(np.arange(40))
    np.testing.assert_array_equal(given[31:34, 3:], [[0, 31], [1, 0], [1, 1]])
    last = np.array([2, 5, 39, 31, 31])
    assert factors.index(last) == factors.COUNT - 1 == 737279
    index = np.random.default_rng(0).integers(factors.COUNT, size=50)
    np.testing.assert_array_equal(factors.index(factors.classes(index)), index)


def test_a_turn_is_told_as_far_as_its_shape_shows_it():
    # a square after a quarter of a turn (39 steps are a whole one) is as before
    quarter = factors.VALUES[2][13] * 3 / 4
    np.testing.assert_allclose(quarter, np.pi / 2)
    first, half = np.array([1, 0, 0, 0, 0]), np.array([1, 0, 39, 0, 0])
    np.testing.assert_allclose(factors.turned(first), [1, 0])
    np.testing.assert_allclose(factors.turned(half), [1, 0], atol=1e-12)
    heart = np.array([2, 0, 13, 0, 0])  # a third of a turn
    np.testing.assert_allclose(factors.turned(heart), [-0.5, np.sqrt(0.75)])
    ellipse = np.array([1, 0, 13, 0, 0])  # twice as far
    np.testing.assert_allclose(factors.turned(ellipse), [-0.5, -np.sqrt(0.75)])


def test_chance_by_counting():
    """The figures of guessing that the literature on this test rounds."""
    known = factors.chance()
    found = [known.shape, *known.squared]
    np.testing.assert_allclose(
        found, [0.6667, 0.02917, 3.4586, 0.08871, 0.08871], atol=5e-5
    )
    # Over all pictures: no constant does better than this one.
    classes = factors.classes(np.arange(0, factors.COUNT, 1024))
    turned = factors.turned(classes)
    assert len(np.unique(classes[:, :3], axis=0)) == 720
    np.testing.assert_allclose(known.constant, turned.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(known.turned, turned.var(axis=0).sum())
