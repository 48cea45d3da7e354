"""The reference environment as CarRacing-v0 showed it to the original's V.

Physics, tracks, rewards and ends of v0 and v3 read the same; the camera does not:

- The window is 1200x1000 pixels at the same zoom, v3's 1000x800: the driver sees 37 m
  to each side and 46 m ahead above the indicators, where v3's sees 31 m and 37 m.
- It turns with the car's velocity when that is above 0.5 m/s, so that a car that slides
  is drawn at its drift angle; v3's turns with the car.
- OpenGL drew straight into 96x96 pixels, without smoothing: the middle of a pixel
  decides what it shows. v3 shrinks a large picture, which also darkens it by 2.
- A grass patch has a green of 229 and every third tile a grey of 105; v3's have 230 and
  104. OpenGL rounded where pygame cuts.

The rows of the indicators, which V never saw, stay black here. Pictures for videos
(`rgb_array`) are v3's.

Source: gym 0.9's `CarRacing._render`. OpenGL's rule for a pixel on an edge may differ.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from gymnasium.envs.box2d.car_dynamics import WHEEL_WHITE
from gymnasium.envs.box2d.car_racing import PLAYFIELD, SCALE, STATE_H, STATE_W, ZOOM

from worldmodels.environments.carracing import reference

_WINDOW_W, _WINDOW_H = 1200, 1000
_ROWS = STATE_H - STATE_H // 8  # of the frame, above the indicators
_TURNING = 0.5  # m/s, above which the view turns with the velocity
_GRASS_COLOR = 102, 229, 102
_FIELD = PLAYFIELD * np.array([(1, 1), (1, -1), (-1, -1), (-1, 1)])
_CORNERS = 8  # of a part of the car, at most

Shape = tuple[Sequence[Sequence[float]], Sequence[int]]  # corners (m), and a colour


class CarRacing(reference.CarRacing):
    """CarRacing-v3 with the observation of v0."""

    def _render(self, mode: str):
        if mode != "state_pixels":
            return super()._render(mode)
        image = np.zeros((STATE_H, STATE_W, 3), np.uint8)
        seen = image[:_ROWS]
        self._paint(seen, _FIELD[None], self.bg_color[None])
        self._paint(seen, self._quads, self._colors())
        corners, colors = zip(*self._car(), strict=True)
        self._paint(seen, np.array(corners), np.array(colors))
        return image

    def _paint(self, image: np.ndarray, polygons: np.ndarray, colors: np.ndarray):
        paint(image, self._pixels(polygons), colors)

    def _pixels(self, points: np.ndarray) -> np.ndarray:
        """Return where points [..., 2] of the world (m) are: columns and rows."""
        zoom = 0.1 * SCALE * max(1 - self.t, 0) + ZOOM * SCALE * min(self.t, 1)
        angle = self._turned()
        away = points - np.array(self.car.hull.position)
        right = math.cos(angle) * away[..., 0] + math.sin(angle) * away[..., 1]
        ahead = math.cos(angle) * away[..., 1] - math.sin(angle) * away[..., 0]
        column = (_WINDOW_W / 2 + right * zoom) * STATE_W / _WINDOW_W
        row = (_WINDOW_H * 3 / 4 - ahead * zoom) * STATE_H / _WINDOW_H
        return np.stack([column, row], axis=-1)

    def _turned(self) -> float:
        """Return the direction that is up in the picture, rad as the hull's angle."""
        x, y = self.car.hull.linearVelocity
        if math.hypot(x, y) > _TURNING:
            return math.atan2(-x, y)
        return self.car.hull.angle

    def _colors(self) -> np.ndarray:
        """Return the colours of grass patches, tiles and kerbs, [Q, 3], in order."""
        road = np.array([color for _, color in self.road_poly]).round().astype(np.uint8)
        grass = np.full((len(self._quads) - len(road), 3), _GRASS_COLOR, np.uint8)
        return np.concatenate([grass, road])

    def _car(self) -> Iterator[Shape]:
        """Yield what `Car.draw` draws: each wheel with its stripe, then the hull."""
        for body in self.car.drawlist:
            color, outlines = reference.outlines(body)
            for outline in outlines:
                yield _placed(body, outline), color
            stripe = reference.stripe(body.phase) if "phase" in body.__dict__ else []
            if stripe:
                yield _placed(body, stripe), WHEEL_WHITE


def _placed(body, outline: Sequence) -> list[tuple[float, float]]:
    """Return a body's outline in the world, its last corner repeated to `_CORNERS`."""
    corners = [(body.transform * point).tuple for point in outline]
    return corners + corners[-1:] * (_CORNERS - len(corners))


def paint(image: np.ndarray, polygons: np.ndarray, colors: np.ndarray) -> None:
    """Fill the pixels whose middle lies in convex polygons, one over the other.

    Args:
        image: uint8 [H, W, 3].
        polygons: [Q, V, 2] corners: columns from the left and rows from the top.
        colors: [Q, 3].
    """
    height, width, _ = image.shape
    low, high = polygons.min(axis=1), polygons.max(axis=1)
    near = (low < (width, height)).all(axis=1) & (high > 0).all(axis=1)
    polygons, colors = polygons[near], colors[near]
    middle = np.arange(height) + 0.5
    # Edges of length V from a corner to the next, against each row: [Q, V, H].
    x, y = (polygons[..., i, None] for i in (0, 1))
    to_x, to_y = np.roll(x, -1, axis=1), np.roll(y, -1, axis=1)
    crosses = (y <= middle) != (to_y <= middle)
    slope = (to_x - x) / np.where(to_y == y, 1, to_y - y)
    at = x + (middle - y) * slope
    left = np.where(crosses, at, np.inf).min(axis=1)  # [Q, H]
    right = np.where(crosses, at, -np.inf).max(axis=1)
    first = np.clip(np.ceil(left - 0.5), 0, width).astype(int)
    end = np.clip(np.ceil(right - 0.5), 0, width).astype(int)
    count = np.maximum(end - first, 0).ravel()
    # Pixels polygon by polygon: of a pixel's colours, the last remains.
    start = (first + width * np.arange(height)).ravel() - (count.cumsum() - count)
    pixels = np.repeat(start, count) + np.arange(count.sum())
    owner = np.repeat(np.arange(len(count)) // height, count)
    image.reshape(-1, 3)[pixels] = colors[owner]
