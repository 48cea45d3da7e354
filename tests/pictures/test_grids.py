"""Grids of frames: every frame in its place, pixel for pixel."""

import numpy as np
from PIL import Image

from worldmodels.pictures import grids


def test_grid_puts_each_frame_in_its_place():
    frames = np.arange(6, dtype=np.uint8).reshape(2, 3, 1, 1, 1) + np.zeros(
        (2, 3, 4, 5, 3), np.uint8
    )
    picture = grids.grid(frames, scale=2)
    assert picture.shape == (2 * (4 + 2 + 4), 2 * (5 + 2 + 5 + 2 + 5), 3)
    for row in range(2):
        for column in range(3):
            top, left = 2 * 6 * row, 2 * 7 * column
            part = picture[top : top + 8, left : left + 10]
            assert (part == 3 * row + column).all()
    assert (picture[8:12] == 255).all()
    assert (picture[:, 10:14] == 255).all()


def test_contact_sheet_spreads_frames_and_leaves_the_rest_white():
    long = np.arange(9, dtype=np.uint8)[:, None, None, None] + np.zeros(
        (9, 4, 4, 3), np.uint8
    )
    sheet = grids.contact_sheet([long, long[:2]], columns=3)
    assert sheet[0, [0, 6, 12], 0].tolist() == [0, 4, 8]
    assert sheet[6, [0, 6, 12], 0].tolist() == [0, 1, 255]


def test_png_keeps_every_pixel(tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (7, 9, 3)).astype(np.uint8)
    path = tmp_path / "p.png"
    path.write_bytes(grids.png(picture))
    assert np.array_equal(np.asarray(Image.open(path)), picture)
