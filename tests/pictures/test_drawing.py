"""Films drawn: the views pixel for pixel, and below them what was done."""

from dataclasses import replace
from itertools import combinations, pairwise

import numpy as np
import pytest
from support.films import ARM, LANDER, drive_film

from worldmodels.pictures import drawing, grids


def count_colour(picture: np.ndarray, colour: tuple[int, int, int]) -> int:
    return int((picture == colour).all(axis=-1).sum())


def test_bars_grow_with_the_action():
    """Steering left and right mirror each other; the pedals' bars are proportional."""
    areas = {}
    for name, column in (("steer", 0), ("gas", 1), ("brake", 2)):
        for value in (-1.0, -0.5, 0.5, 1.0):
            drive = drive_film(1)
            drive.actions[0, column] = value
            (picture,) = drawing.draw(drive, scale=8)
            areas[name, value] = count_colour(picture, drawing.PALETTE[column])
    for name in ("steer", "gas", "brake"):
        ratio = areas[name, 1.0] / areas[name, 0.5]
        assert ratio == pytest.approx(2, rel=0.1)
    assert areas["steer", -1.0] == pytest.approx(areas["steer", 1.0], rel=0.05)
    assert areas["gas", 1.0] == pytest.approx(2 * areas["steer", 1.0], rel=0.1)


def test_views_are_drawn_pixel_for_pixel_beside_each_other():
    drive = drive_film(3)
    picture = list(drawing.draw(drive, scale=4))[2]
    side, gap, top = 64, 8, 22
    for column, view in enumerate((drive.frames, drive.reconstruction, drive.dream)):
        left = gap + column * (side + gap)
        shown = picture[top : top + side, left : left + side]
        assert np.array_equal(shown, grids.enlarge(view[2], 4))
    assert picture.shape[0] % 2 == picture.shape[1] % 2 == 0


def test_films_beside_each_other_are_in_step_and_the_ended_one_fades():
    long = drive_film(6)
    views = ("frames", "reconstruction", "dream")
    larger = {name: grids.enlarge(getattr(long, name), 2) for name in views}
    long = replace(long, **larger)
    short = replace(long, dream=None, actions=np.full((4, 3), 0.5))
    left, right = list(drawing.draw(long, every=2)), list(drawing.draw(short, every=2))
    drawn = list(drawing.beside([long, short], every=2))
    assert (len(left), len(right), len(drawn)) == (3, 2, 3)
    width = left[0].shape[1]
    assert right[0].shape[1] < width  # two views, not three
    for n in range(2):
        assert np.array_equal(drawn[n][:, :width], left[n])
        assert np.array_equal(drawn[n][:, width:], right[n])
    assert np.array_equal(drawn[2][:, :width], left[2])
    faded = right[1] + (255 - right[1].astype(int)) / 2
    assert np.abs(drawn[2][:, width:] - faded).max() <= 1


def bar(game, row: int, value: float) -> np.ndarray:
    """Return the columns that a bar fills, drawn for one number of an action."""
    film = drive_film(1, game)
    film.actions[0] = [min(max(0, a.low), a.high) for a in game.actions]  # empty bars
    film.actions[0, row] = value
    (picture,) = drawing.draw(film, scale=8)
    return np.flatnonzero((picture == drawing.PALETTE[row]).all(axis=-1).any(axis=0))


def test_any_number_of_actions_has_bars_between_its_own_bounds():
    """Each fills its bar at an end of its bounds, and half of it half way there."""
    assert len(set(drawing.PALETTE)) == len(ARM.actions) == 6
    for row, action in enumerate(ARM.actions):
        zero = min(max(0, action.low), action.high)
        wide, half = (
            np.ptp(bar(ARM, row, zero + share * (action.high - zero)))
            for share in (1, 0.5)
        )
        assert wide / half == pytest.approx(2, rel=0.1)
    left, right = (bar(ARM, 4, value) for value in (-300, 100))
    assert np.ptp(left) == pytest.approx(3 * np.ptp(right), rel=0.1)
    assert left.max() <= right.min() + 1
    tall, short = (
        next(drawing.draw(drive_film(1, game), scale=8)).shape[0]
        for game in (ARM, LANDER)
    )
    assert tall - short == 3 * 20


def test_more_bars_than_colours_begin_with_the_first_again():
    game = replace(ARM, actions=ARM.actions * 2)
    film = drive_film(1, game)
    film.actions[0, [1, 7]] = 1
    (picture,) = drawing.draw(film, scale=8)
    twice = count_colour(picture, drawing.PALETTE[1])
    film.actions[0, 7] = 0
    (picture,) = drawing.draw(film, scale=8)
    assert twice == pytest.approx(
        2 * count_colour(picture, drawing.PALETTE[1]), rel=0.1
    )


def test_a_choice_is_one_filled_cell_with_its_name():
    film = drive_film(4, LANDER)
    film.actions[:] = np.eye(4)
    pictures = list(drawing.draw(film, scale=8))
    cells = [
        np.flatnonzero((p == drawing.PALETTE[0]).all(axis=-1).any(axis=0))
        for p in pictures
    ]
    for before, after in pairwise(cells):
        assert before.max() < after.min()
    widths = [np.ptp(cell) for cell in cells]
    assert max(widths) - min(widths) <= 1
    # Below the cells stands which one it is: the names differ, and so do the pictures.
    below = [p[22 + 128 + 8 + 20 : 22 + 128 + 8 + 40, :200] for p in pictures]
    assert not any(np.array_equal(a, b) for a, b in combinations(below, 2))


def test_a_name_is_cut_where_it_leaves_no_room():
    assert drawing._shortened("left", 100) == "left"
    short = drawing._shortened("the lifting of the base", 80)
    assert short.endswith("…")
    assert short[:-1] == "the lifting of the base"[: len(short) - 1]
    assert 60 < drawing._font(13).getlength(short) <= 80
