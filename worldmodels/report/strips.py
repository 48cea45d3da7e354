"""Small frames laid out for the page: strips, grids and contact sheets as PNG."""

import numpy as np

from worldmodels.pictures import grids
from worldmodels.training.excerpts import COLUMNS


def picture(rows: np.ndarray) -> bytes:
    """Return rows of frames uint8 [R, C, H, W, 3] as a PNG, as wide as COLUMNS."""
    empty = [(0, 0), (0, COLUMNS - rows.shape[1]), (0, 0), (0, 0), (0, 0)]
    return _png(grids.grid(np.pad(rows, empty, constant_values=255)))


def contact_sheet(episodes: list[np.ndarray]) -> bytes:
    """Return a PNG of one row an episode, each uint8 [T, H, W, 3]."""
    return _png(grids.contact_sheet(episodes, COLUMNS))


def _png(picture: np.ndarray) -> bytes:
    # Twice as large as needed: crisp on dense screens, and flat areas cost nothing.
    return grids.png(grids.enlarge(picture, 2))
