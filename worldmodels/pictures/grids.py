"""Small frames put together into pictures: grids, strips, contact sheets."""

import io

import numpy as np
from PIL import Image

GAP = 2  # pixels between frames, before scaling
PAPER = (255, 255, 255)


def grid(frames: np.ndarray, scale: int = 1, row_gap: int = GAP) -> np.ndarray:
    """Return frames uint8 [R, C, H, W, 3] laid out in R rows and C columns.

    Each pixel becomes `scale` by `scale` pixels; white lines part the frames.
    """
    rows, columns, height, width, _ = frames.shape
    size = (rows * (height + row_gap) - row_gap, columns * (width + GAP) - GAP, 3)
    picture = np.full(size, PAPER, np.uint8)
    for row in range(rows):
        top = row * (height + row_gap)
        for column in range(columns):
            left = column * (width + GAP)
            picture[top : top + height, left : left + width] = frames[row, column]
    return enlarge(picture, scale)


def enlarge(picture: np.ndarray, scale: int) -> np.ndarray:
    """Return a picture [..., H, W, 3] with each pixel drawn `scale` times as wide."""
    return picture.repeat(scale, axis=-3).repeat(scale, axis=-2)


def spread(length: int, count: int) -> np.ndarray:
    """Return up to `count` positions spread evenly over 0 .. length - 1."""
    return np.unique(np.linspace(0, length - 1, min(count, length)).round().astype(int))


def contact_sheet(episodes: list[np.ndarray], columns: int = 12) -> np.ndarray:
    """Return one row an episode: frames uint8 [T, H, W, 3] spread over its time.

    Rows of episodes shorter than `columns` frames are filled with white.
    """
    shape = episodes[0].shape[1:]
    rows = np.full((len(episodes), columns, *shape), PAPER[0], np.uint8)
    for row, frames in zip(rows, episodes, strict=True):
        shown = spread(len(frames), columns)
        row[: len(shown)] = frames[shown]
    return grid(rows)


def png(picture: np.ndarray) -> bytes:
    """Return a picture uint8 [H, W, 3] as a PNG file."""
    file = io.BytesIO()
    # Zlib's best level takes eight times as long for five percent fewer bytes.
    Image.fromarray(picture).save(file, format="PNG")
    return file.getvalue()
