"""PixelCopter once more, in plain Python: written from the rules, all in float64."""

import math
from collections.abc import Callable, Iterable

import numpy as np

SIDE = 48
SPEED = 0.0004 * SIDE
MILLISECONDS = 1000 / 30
BLACK, WHITE, GREEN = 0, 255, 204


def cut(x: float) -> int:
    """What pygame did until 2.1.3, and pygame-ce does: towards zero."""
    return int(x)


def rounded(x: float) -> int:
    """What pygame does since 2.3: halves away from zero."""
    return math.floor(abs(x) + 0.5) * (1 if x >= 0 else -1)


class PlainCopter:
    """One game.

    Args:
        blocks: pairs of x and y, one for each block that is added.
        columns: batches of 48 rows, one for each batch that is added.
        whole: how a coordinate becomes a pixel.
    """

    def __init__(
        self,
        blocks: Iterable[tuple[int, int]],
        columns: Iterable[Iterable[int]],
        whole: Callable[[float], int] = cut,
    ) -> None:
        self._blocks, self._batches, self.whole = iter(blocks), iter(columns), whole
        self.y, self.momentum = SIDE / 2, 0.0
        self.blocks = [[float(x) for x in next(self._blocks)]]
        self.columns: list[list[float]] = []
        self._add_columns(0)

    def _add_columns(self, start: int) -> None:
        for n, middle in enumerate(next(self._batches)):
            self.columns.append([float(start + 2 + 4 * n), float(middle)])

    def corner(self, x: float, y: float, wide: int, tall: int) -> tuple[int, int]:
        """Return the left and the top pixel of a rectangle around x, y."""
        return self.whole(x) - wide // 2, self.whole(y) - tall // 2

    def _touches(self, x: float, y: float, wide: int, tall: int) -> bool:
        left, top = self.corner(x, y, wide, tall)
        own_left, own_top = self.corner(16, self.y, 2, 2)
        beside = left < own_left + 2 and own_left < left + wide
        return beside and top < own_top + 2 and own_top < top + tall

    def step(self, up: bool) -> tuple[float, bool]:
        """Return the reward and whether the player died."""
        gain = SPEED * -0.875 if up else SPEED * 0.09
        self.momentum = (self.momentum + gain * MILLISECONDS) * 0.99
        self.y += self.momentum
        for each in (*self.blocks, *self.columns):
            each[0] -= SPEED * MILLISECONDS
        dead = any(self._touches(*block, 4, 9) for block in self.blocks)
        for x, middle in self.columns:
            if self._touches(x, middle, 4, 72):
                dead |= self.y - SIDE * 0.05 <= middle - 12
                dead |= self.y >= middle + 12
        dead |= self.y < 6 or self.y > 42
        reward = 0.0
        if len(self.blocks) == 1 and self.blocks[0][0] <= 16:
            reward += 1
            self.blocks.append([float(x) for x in next(self._blocks)])
        self.blocks = [block for block in self.blocks if block[0] > -4]
        left = [column for column in self.columns if column[0] <= -4]
        reward += len(left)
        self.columns = [column for column in self.columns if column[0] > -4]
        if len(self.columns) <= 13:
            self._add_columns(SIDE)
        return reward - 5 * dead, dead

    def picture(self) -> np.ndarray:
        """Draw it in grey, uint8 [48, 48]."""
        drawn = np.zeros((SIDE, SIDE), np.uint8)
        self._fill(drawn, WHITE, *self.corner(16, self.y, 2, 2), 2, 2)
        for block in self.blocks:
            self._fill(drawn, GREEN, *self.corner(*block, 4, 9), 4, 9)
        for column in self.columns:
            left, top = self.corner(*column, 4, 72)
            self._fill(drawn, GREEN, left, top, 4, 24)
            self._fill(drawn, GREEN, left, top + 50, 4, 22)
        return drawn

    @staticmethod
    def _fill(
        drawn: np.ndarray, shade: int, left: int, top: int, wide: int, tall: int
    ) -> None:
        rows = slice(max(top, 0), max(top + tall, 0))
        drawn[rows, max(left, 0) : max(left + wide, 0)] = shade
