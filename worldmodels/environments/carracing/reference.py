"""gymnasium's CarRacing-v3 with a faster renderer: the environment of every score.

Physics, tracks, rewards and terminations are gymnasium's own code. Only the drawing of
the 96x96 observation is replaced, by one that yields the same bytes:

- Polygons are transformed together in numpy, with the operations and the order that
  gymnasium applies to one vertex at a time. Sine and cosine are taken from pygame.
- A polygon whose integer bounding box lies outside the surface is not drawn: gfxdraw
  rejects its edges and clips its scanlines, so it never had a pixel. The rows that the
  indicator panel covers count as outside.
- smoothscale shrinks the rows and then, from 8 bit values, the columns. Done as two
  calls, the vertical flip between them concerns a tenth of the pixels.
- The font and each score's text are made once.
- All environments of a process draw on the same surfaces, which each frame fills anew:
  a window of 3 MB stays in the processor's cache, and several do not.
"""

import math
import os
from collections.abc import Iterator
from functools import cache

os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
os.environ.setdefault("SDL_AUDIODRIVER", "dummy")
os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")

import gymnasium
import numpy as np
import pygame
from gymnasium.envs.box2d import car_racing
from gymnasium.envs.box2d.car_dynamics import SIZE, WHEEL_R, WHEEL_W, WHEEL_WHITE
from gymnasium.envs.box2d.car_racing import (
    GRASS_DIM,
    PLAYFIELD,
    SCALE,
    STATE_H,
    STATE_W,
    WINDOW_H,
    WINDOW_W,
    ZOOM,
)
from pygame import gfxdraw

from worldmodels.environments.games import V3

_PANEL_H = WINDOW_H // 8  # rows of the indicators, at the bottom of the window
_VIEW_H = WINDOW_H - _PANEL_H  # rows above them, where the world is seen
# Anti-aliasing reaches one pixel past an edge; the margin is generous.
_MARGIN = 4
# In pixels: the middle of the visible part is that far ahead of the car (which, before
# the flip, stands at WINDOW_H / 4 and has the panel above it), and its half diagonal.
_AHEAD = _PANEL_H + _VIEW_H / 2 - WINDOW_H / 4
_VIEW_RADIUS = math.hypot(WINDOW_W / 2, _VIEW_H / 2) + _MARGIN


class CarRacing(car_racing.CarRacing):
    """CarRacing-v3, continuous, default colours; identical frames in less time."""

    def __init__(self, render_mode: str | None = None):
        super().__init__(render_mode=render_mode)
        pygame.font.init()
        self._font = pygame.font.Font(pygame.font.get_default_font(), 42)
        self._texts: dict[str, pygame.Surface] = {}
        self._drawn_car = None
        self._canvas = _canvas()

    def _create_track(self) -> bool:
        """Create the track and the arrays that it is drawn from."""
        if not super()._create_track():
            return False
        quads = np.concatenate([_GRASS, np.array([quad for quad, _ in self.road_poly])])
        centres = quads.mean(axis=1)
        self._quads = quads
        self._centre_x, self._centre_y = np.ascontiguousarray(centres.T)
        self._radius = np.linalg.norm(quads - centres[:, None], axis=2).max(axis=1)
        return True

    def _render(self, mode: str):
        if mode != "state_pixels":
            return super()._render(mode)
        self._draw_world()
        self._draw_panel()
        return self._observation()

    def _draw_world(self) -> None:
        """Draw the unflipped world, as the first half of gymnasium's `_render`."""
        hull = self.car.hull
        angle = -hull.angle
        zoom = 0.1 * SCALE * max(1 - self.t, 0) + ZOOM * SCALE * min(self.t, 1)
        x, y = hull.position
        shift = pygame.math.Vector2((-x * zoom, -y * zoom)).rotate_rad(angle)
        cos, sin = pygame.math.Vector2(1, 0).rotate_rad(angle)
        camera = _Camera(
            zoom, cos, sin, WINDOW_W / 2 + shift[0], WINDOW_H / 4 + shift[1]
        )
        # The middle of what is seen, in the world: (0, _AHEAD) pixels, rotated back.
        middle = x + sin * _AHEAD / zoom, y + cos * _AHEAD / zoom
        self._draw_background(camera, middle)
        self._draw_quads(camera, middle)
        self._draw_car(camera)

    def _draw_background(self, camera: "_Camera", middle: tuple[float, float]) -> None:
        color, canvas = self.bg_color.tolist(), self._canvas
        if max(map(abs, middle)) + _VIEW_RADIUS / camera.zoom < PLAYFIELD:
            # The playfield's edges are out of sight. numpy's stores leave the pixels in
            # the cache for what follows; those of pygame's fill bypass it: 0.2 ms.
            canvas.view_pixels.fill(canvas.world.map_rgb(color))
            return
        canvas.view_pixels.fill(0)
        corners = camera.pixels(_FIELD).tolist()
        gfxdraw.aapolygon(canvas.world, corners, color)
        gfxdraw.filled_polygon(canvas.world, corners, color)

    def _draw_quads(self, camera: "_Camera", middle: tuple[float, float]) -> None:
        """Draw grass patches, road tiles and kerbs that reach the visible rows."""
        dx = self._centre_x - middle[0]
        dy = self._centre_y - middle[1]
        reach = self._radius + _VIEW_RADIUS / camera.zoom
        near = np.flatnonzero(dx * dx + dy * dy < reach * reach)
        corners = camera.pixels(self._quads[near])
        low, high = corners.min(axis=1), corners.max(axis=1)
        seen = (low[:, 0] < WINDOW_W + _MARGIN) & (low[:, 1] < WINDOW_H + _MARGIN)
        seen &= (high[:, 0] > -_MARGIN) & (high[:, 1] > _PANEL_H - _MARGIN)
        surface, road_poly = self._canvas.world, self.road_poly
        grass = self.grass_color.tolist()
        for index, quad in zip(
            near[seen].tolist(), corners[seen].tolist(), strict=True
        ):
            road = index - len(_GRASS)
            color = grass if road < 0 else [int(c) for c in road_poly[road][1]]
            gfxdraw.aapolygon(surface, quad, color)
            gfxdraw.filled_polygon(surface, quad, color)

    def _draw_car(self, camera: "_Camera") -> None:
        """Draw as `Car.draw`, whose shapes never change."""
        if self._drawn_car is not self.car:
            self._drawn_car = self.car
            self._parts = [(body, *outlines(body)) for body in self.car.drawlist]
        draw, surface = pygame.draw.polygon, self._canvas.world
        for body, color, shapes in self._parts:
            transform = body.transform
            for outline in shapes:
                draw(surface, color, camera.points(transform, outline))
            if "phase" in body.__dict__:
                light = stripe(body.phase)
                if light:
                    draw(surface, WHEEL_WHITE, camera.points(transform, light))

    def _draw_panel(self) -> None:
        """Draw indicators and score; they stay within the panel's rows.

        The highest possible bars are a speed of 100 (Box2D's limit) and a wheel at
        300 rad/s (engine power against grass friction): 3 of the 4 units of height.
        """
        self.surf = self._canvas.panel
        self._render_indicators(WINDOW_W, WINDOW_H)
        score = f"{self.reward:04.0f}"
        if score not in self._texts:
            self._texts[score] = self._font.render(
                score, True, (255, 255, 255), (0, 0, 0)
            )
        text = self._texts[score]
        rect = text.get_rect()
        rect.center = (60, WINDOW_H - WINDOW_H * 2.5 / 40.0)
        self._canvas.panel.blit(text, rect)

    def _observation(self) -> np.ndarray:
        """Shrink to uint8 [96, 96, 3]: rows, flip, then columns."""
        shrink, canvas = pygame.transform.smoothscale, self._canvas
        shrink(canvas.view, (STATE_W, _VIEW_H), canvas.narrow_view)
        shrink(canvas.panel_rows, (STATE_W, _PANEL_H), canvas.narrow_panel)
        canvas.narrow_pixels[:_VIEW_H] = canvas.narrow_view_pixels[::-1]
        shrink(canvas.narrow, (STATE_W, STATE_H), canvas.small)
        bgrx = canvas.small_pixels.view(np.uint8).reshape(STATE_H, STATE_W, 4)
        frame = np.empty((STATE_H, STATE_W, 3), np.uint8)
        for channel in range(3):  # a quarter of the time of one reversing copy
            frame[:, :, channel] = bgrx[:, :, 2 - channel]
        return frame


class _Canvas:
    """What a frame is drawn on, and the steps by which it becomes small."""

    def __init__(self):
        self.world = pygame.Surface((WINDOW_W, WINDOW_H))
        self.view = self.world.subsurface((0, _PANEL_H, WINDOW_W, _VIEW_H))
        # This locks the surface for good, which forbids blits only.
        self.view_pixels = pygame.surfarray.pixels2d(self.world).T[_PANEL_H:]
        self.panel = pygame.Surface((WINDOW_W, WINDOW_H))
        self.panel_rows = self.panel.subsurface((0, _VIEW_H, WINDOW_W, _PANEL_H))
        self.narrow_view, self.narrow_view_pixels = _shared_surface(_VIEW_H)
        self.narrow, self.narrow_pixels = _shared_surface(WINDOW_H)
        self.narrow_panel = self.narrow.subsurface((0, _VIEW_H, STATE_W, _PANEL_H))
        self.small, self.small_pixels = _shared_surface(STATE_H)


@cache
def _canvas() -> _Canvas:
    """Return the canvas of this process."""
    return _Canvas()


class _Camera:
    """World to window: rotate by the angle, scale by zoom, then shift."""

    def __init__(self, zoom: float, cos: float, sin: float, x: float, y: float):
        self.zoom, self.cos, self.sin, self.x, self.y = zoom, cos, sin, x, y

    def pixels(self, points: np.ndarray) -> np.ndarray:
        """Transform [..., 2] world points to int32, truncated as gfxdraw does."""
        x, y = points[..., 0], points[..., 1]
        window = np.empty(points.shape, np.int32)
        window[..., 0] = (self.cos * x - self.sin * y) * self.zoom + self.x
        window[..., 1] = (self.sin * x + self.cos * y) * self.zoom + self.y
        return window

    def points(self, transform, points) -> list[tuple[float, float]]:
        """Transform points of a body, kept as floats as pygame.draw wants them."""
        cos, sin, zoom, shift_x, shift_y = self.cos, self.sin, self.zoom, self.x, self.y
        window = []
        for point in points:
            x, y = (transform * point).tuple  # in Box2D's single precision
            window.append(
                (
                    (cos * x - sin * y) * zoom + shift_x,
                    (sin * x + cos * y) * zoom + shift_y,
                )
            )
        return window


def outlines(body) -> tuple[list[int], list[list[tuple[float, float]]]]:
    """Return a body's colour and the vertices of its fixtures, in its own frame."""
    color = [int(c * 255) for c in body.color]
    return color, [list(fixture.shape.vertices) for fixture in body.fixtures]


def _grass() -> Iterator[list[tuple[float, float]]]:
    """Yield the quads of the grass patches in gymnasium's order."""
    for x in range(-20, 20, 2):
        for y in range(-20, 20, 2):
            left, bottom = GRASS_DIM * x + 0, GRASS_DIM * y + 0
            right, top = GRASS_DIM * x + GRASS_DIM, GRASS_DIM * y + GRASS_DIM
            yield [(right, bottom), (left, bottom), (left, top), (right, top)]


_GRASS = np.array(list(_grass()))
_FIELD = PLAYFIELD * np.array([(1, 1), (1, -1), (-1, -1), (-1, 1)])


def stripe(phase: float) -> list[tuple[float, float]]:
    """Return the white stripe of a turning wheel, empty while it is underneath."""
    s1, s2 = math.sin(phase), math.sin(phase + 1.2)
    if s1 > 0 and s2 > 0:
        return []
    c1, c2 = math.cos(phase), math.cos(phase + 1.2)
    if s1 > 0:
        c1 = np.sign(c1)
    if s2 > 0:
        c2 = np.sign(c2)
    front, back = +WHEEL_R * c1 * SIZE, +WHEEL_R * c2 * SIZE
    left, right = -WHEEL_W * SIZE, +WHEEL_W * SIZE
    return [(left, front), (right, front), (right, back), (left, back)]


def _shared_surface(height: int) -> tuple[pygame.Surface, np.ndarray]:
    """Make a surface 96 wide and the uint32 [height, 96] array that is its memory."""
    pixels = np.zeros((height, STATE_W), np.uint32)
    surface = pygame.image.frombuffer(pixels, (STATE_W, height), "BGRA")
    return surface, pixels


def make(
    max_steps: int = 1000, render_mode: str | None = None, view: str = V3
) -> gymnasium.Env:
    """Return the environment, truncated after `max_steps` as gymnasium.make does.

    Args:
        view: what is seen, one of `games.VIEWS`.
    """
    if view == V3:
        environment = CarRacing(render_mode)
    else:
        from worldmodels.environments.carracing import reference_v0  # it builds on this

        environment = reference_v0.CarRacing(render_mode)
    return gymnasium.wrappers.TimeLimit(environment, max_steps)
