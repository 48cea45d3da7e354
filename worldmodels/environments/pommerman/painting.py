"""A board as a picture, from 14 tiles of 16 x 16 pixels."""

import numpy as np

from worldmodels.environments.pommerman.state import (
    AGENT,
    AGENTS,
    BOMB,
    EXTRA_BOMB,
    FLAMES,
    FOG,
    KICK,
    RANGE,
    RIGID,
    SIZE,
    WOOD,
)

TILE = 16  # pixels
_GROUND, _INK = (226, 230, 222), (40, 42, 48)
_COLORS = {  # of a whole tile, but for a margin that shows the grid
    RIGID: (92, 98, 110),
    WOOD: (181, 136, 84),
    FLAMES: (242, 140, 40),
    FOG: (150, 155, 160),
}
_ITEMS = {EXTRA_BOMB: _INK, RANGE: (214, 60, 40), KICK: (40, 110, 200)}
_AGENTS = ((222, 58, 62), (40, 150, 90), (58, 96, 214), (190, 80, 200))


def paint(board: np.ndarray) -> np.ndarray:
    """Return the pictures, uint8 [..., 176, 176, 3], of boards, int8 [..., 11, 11]."""
    tiles = np.moveaxis(_TILES[board], -3, -4)  # rows, pixel rows, columns, ...
    return tiles.reshape(*board.shape[:-2], SIZE * TILE, SIZE * TILE, 3)


def _tiles() -> np.ndarray:
    """Draw what a cell can show, uint8 [14, 16, 16, 3]."""
    y, x = np.mgrid[:TILE, :TILE] - (TILE - 1) / 2
    far, wide = np.hypot(x, y), np.maximum(abs(x), abs(y))
    tiles = np.full((AGENT + AGENTS, TILE, TILE, 3), _GROUND, np.uint8)
    tiles[:, wide > TILE / 2 - 1] = (208, 212, 204)
    for kind, color in _COLORS.items():
        tiles[kind, wide < TILE / 2 - 1] = color
    tiles[FLAMES, far < 4] = (255, 226, 120)
    tiles[BOMB, far < 6] = _INK
    tiles[BOMB, np.hypot(x - 2, y + 2) < 1.5] = (240, 240, 240)
    for kind, color in _ITEMS.items():
        tiles[kind, (abs(x) + abs(y) < 6) & (abs(x) + abs(y) > 3)] = color
    for i, color in enumerate(_AGENTS):
        tiles[AGENT + i, far < 7] = color
        tiles[AGENT + i, (abs(abs(x) - 2.5) < 1) & (abs(y + 1) < 1.6)] = 255
    return tiles


_TILES = _tiles()
