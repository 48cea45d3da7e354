"""Where the columns and blocks of PixelCopter are, by step: baked once, on the host.

Their positions depend on the number of steps alone. The original takes a step's width
off a float64 again and again, and cuts it to a whole number. The rounding error shows:
after 25 steps a position should be whole and is a little less. So the same is done
here in float64, and programs look the whole numbers up.
"""

from typing import NamedTuple

import numpy as np

SIDE = 48  # pixels of the picture's sides
SPEED = 0.0004 * SIDE * (1000 / 30)  # pixels a step, as the original multiplies them
WIDE = 4  # pixels, of columns and blocks

PLAYER = 16  # x of the player
PIXELS = slice(PLAYER - 1, PLAYER + 1)  # the player's, from left to right

BATCH = 48  # columns that are added at a time
FEW = 13  # columns that are left when the next batch is added
FIRST = np.arange(BATCH) * WIDE + WIDE // 2  # x where the first batch begins
NEXT = FIRST + SIDE  # x where a later one begins
NONE = -1  # in place of a slot

BLOCK_STARTS = np.arange(SIDE, SIDE * 3 // 2)  # x where a block may begin
BLOCK_STEPS = 119  # after which all have left


class Columns(NamedTuple):
    """Two batches of columns are alive at most: slots 0 to 47 hold the older one."""

    slots: np.ndarray  # int32 [S, 2, 48]: the first and the last that cover a pixel
    left: np.ndarray  # int32 [S], columns that leave in this step
    added: np.ndarray  # bool [S], whether a batch is added at the end of the step


class Blocks(NamedTuple):
    """Blocks by the steps since they were added and by where they began."""

    left: np.ndarray  # int32 [120, 24], the leftmost pixel
    ahead: np.ndarray  # float32 [120, 24], pixels from the player's x
    passed: np.ndarray  # bool [120, 24], whether it is at or behind the player's x


def positions(starts: np.ndarray, steps: int) -> np.ndarray:
    """Return x float64 [steps + 1, ...] of what begins at `starts`, step by step."""
    x = np.empty((steps + 1, *starts.shape))
    x[0] = starts
    for step in range(steps):
        x[step + 1] = x[step] - SPEED
    return x


def leftmost(x: np.ndarray) -> np.ndarray:
    """Return the first pixel of columns or blocks around x, cut as the original's."""
    return np.trunc(x).astype(np.int32) - WIDE // 2


def _blocks() -> Blocks:
    x = positions(BLOCK_STARTS, BLOCK_STEPS)
    return Blocks(leftmost(x), (x - PLAYER).astype(np.float32), x <= PLAYER)


def _columns() -> tuple[Columns, list[int]]:
    """Return the table by step, and the steps at whose ends batches are added.

    The table ends where the third batch is added: from the second on all is as one
    batch before.
    """
    x = np.concatenate([np.full(BATCH, float(-SIDE)), FIRST])
    rows, added = [(_covering(x), 0, False)], []
    while len(added) < 3:
        before, x = x, x - SPEED
        left = ((before > -WIDE) & (x <= -WIDE)).sum()
        few = (x > -WIDE).sum() <= FEW
        if few:
            x = np.concatenate([x[BATCH:], NEXT])
            added.append(len(rows))
        rows.append((_covering(x), left, few))
    slots, left, few = (np.array(each) for each in zip(*rows[:-1], strict=True))
    return Columns(slots, left.astype(np.int32), few), added


def _covering(x: np.ndarray) -> np.ndarray:
    """Return the first and the last of the columns around x that cover each pixel."""
    pixel, left = np.arange(SIDE)[:, None], leftmost(x)
    covers = (left <= pixel) & (pixel < left + WIDE)
    last = len(x) - 1 - covers[:, ::-1].argmax(1)
    found = np.stack([covers.argmax(1), last])
    # Cut to whole numbers, neighbours may leave a pixel between them.
    return np.where(covers.any(1), found, NONE).astype(np.int32)


BLOCKS = _blocks()
COLUMNS, ADDED = _columns()
