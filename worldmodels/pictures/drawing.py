"""Films drawn step by step: what is real, seen and dreamt, above what was done.

Below the views stands the action: of numbers a bar each, of a choice the chosen one.
Names and bounds are the game's.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from worldmodels.environments.games import Action, Game
from worldmodels.pictures import grids

_MARGIN = 8
_CAPTION = 22  # pixels above each view
_NAME, _NUMBER, _SCORE = 50, 46, 100  # pixels beside a bar, and beside all bars
_ROWS = 3  # of bars, at least: the score stands beside them
_INK, _FAINT, _PAPER = (32, 36, 44), (222, 225, 230), (255, 255, 255)
# Of one bar after the other; from the first again where there are more.
PALETTE = (
    (46, 94, 170), (47, 133, 90), (190, 62, 54),
    (183, 121, 31), (111, 76, 155), (14, 116, 144),
)  # fmt: skip


@dataclass(frozen=True)
class DriveFilm:
    """One episode in the game, ready to be drawn; T steps.

    `reconstruction` is what V makes of each frame. `dream` is what M predicted it to be
    one step before, where that is shown; `dream[0]` has no step before it and is black.
    """

    frames: np.ndarray  # [T, H, W, 3] uint8, as the agent saw them
    reconstruction: np.ndarray  # [T, H, W, 3] uint8
    dream: np.ndarray | None  # [T, H, W, 3] uint8
    actions: np.ndarray  # [T, A]
    rewards: np.ndarray  # [T]
    game: Game

    @property
    def total_reward(self) -> float:
        """The episode's return."""
        return float(self.rewards.sum())

    @property
    def views(self) -> dict[str, np.ndarray]:
        """What is seen side by side, each [T, H, W, 3]."""
        dreamt = {} if self.dream is None else {"M dreamt": self.dream}
        return {
            "real frame": self.frames,
            "V reconstructs": self.reconstruction,
        } | dreamt


@dataclass(frozen=True)
class DreamFilm:
    """One dream, ready to be drawn; T steps."""

    frames: np.ndarray  # [T, H, W, 3] uint8, as V decodes them
    actions: np.ndarray  # [T, A]
    rewards: np.ndarray  # [T], as M predicts them; NaN: it does not
    game: Game
    real: np.ndarray | None = None  # [T, H, W, 3] uint8, of the game, same actions

    @property
    def views(self) -> dict[str, np.ndarray]:
        """What is seen side by side, each [T, H, W, 3]."""
        real = {} if self.real is None else {"real frame": self.real}
        return real | {"M dreams": self.frames}


Film = DriveFilm | DreamFilm


def draw(
    film: Film, scale: int = 4, every: int = 1, first: int = 0, footer: int = 0
) -> Iterator[np.ndarray]:
    """Yield each `every`-th step from `first` on as a picture uint8 [H, W, 3].

    The views stand side by side, each pixel `scale` wide; below them the action and the
    score up to this step. `footer` rows below are left free, for a player's controls. H
    and W are even.
    """
    running = np.cumsum(film.rewards)
    for t in range(first, len(film.actions), every):
        views = {name: grids.enlarge(v[t], scale) for name, v in film.views.items()}
        canvas = _Canvas.of(film.game, views, footer)
        canvas.draw_views(views)
        canvas.draw_action(film.game, film.actions[t])
        canvas.draw_score(film.game.score, float(running[t]), t + 1)
        yield np.asarray(canvas.image)


def beside(
    films: Sequence[Film], every: int = 1, first: int = 0, footer: int = 0
) -> Iterator[np.ndarray]:
    """Yield the pictures of films next to each other, in step; the rest as in `draw`.

    A film that has ended stays at its last picture, faded, until all have ended.
    """
    drawn = [draw(film, every=every, first=first, footer=footer) for film in films]
    last: list[np.ndarray] = []
    for found in itertools.zip_longest(*drawn):
        ended = [picture is None for picture in found]
        last = [last[n] if ended[n] else found[n] for n in range(len(films))]
        yield np.concatenate(
            [_faded(p) if over else p for p, over in zip(last, ended, strict=True)], 1
        )


def _faded(picture: np.ndarray) -> np.ndarray:
    return picture // 2 + 128


@dataclass(frozen=True)
class _Canvas:
    """An empty picture and the places of its parts, in pixels."""

    image: Image.Image
    top: int  # of the bars
    row: int  # height of one bar with the gap below
    width: int  # of a bar with its name and number

    @classmethod
    def of(cls, game: Game, views: Mapping[str, np.ndarray], footer: int) -> "_Canvas":
        height, side = next(iter(views.values())).shape[:2]
        top, row = _CAPTION + height + _MARGIN, max(20, side // 11)
        rows = max(_ROWS, 0 if game.discrete else len(game.actions))
        width = _even(len(views) * (side + _MARGIN) + _MARGIN)
        size = width, _even(top + rows * row + _MARGIN + footer)
        # And the score beside them.
        bars = min(2 * (width - _MARGIN) // 3, width - 2 * _MARGIN - _SCORE) - _MARGIN
        return cls(Image.new("RGB", size, _PAPER), top, row, bars)

    @property
    def pen(self) -> ImageDraw.ImageDraw:
        return ImageDraw.Draw(self.image)

    def draw_views(self, views: Mapping[str, np.ndarray]) -> None:
        for column, (name, view) in enumerate(views.items()):
            left = _MARGIN + column * (view.shape[1] + _MARGIN)
            self.pen.text((left, _CAPTION - 5), name, _INK, _font(13), anchor="ls")
            self.image.paste(Image.fromarray(view), (left, _CAPTION))

    def draw_score(self, name: str, total: float, step: int) -> None:
        right, pen = self.image.width - _MARGIN, self.pen
        pen.text((right, self.top), name, _INK, _font(13), anchor="ra")
        number = "?" if np.isnan(total) else f"{total:.1f}"
        pen.text((right, self.top + 16), number, _INK, _font(24), anchor="ra")
        pen.text((right, self.top + 46), f"step {step}", _INK, _font(11), anchor="ra")

    def draw_action(self, game: Game, action: np.ndarray) -> None:
        """Draw an action [A]: a bar for each number, or the choice that it is."""
        if game.discrete:
            self._draw_choice([a.name for a in game.actions], int(np.argmax(action)))
            return
        names = [_shortened(a.name, self.width // 3) for a in game.actions]
        left = max(_NAME, *(int(_font(13).getlength(n)) + _MARGIN for n in names))
        for row, number in enumerate(game.actions):
            middle = self.top + row * self.row + self.row // 2
            self.pen.text((_MARGIN, middle), names[row], _INK, _font(13), anchor="lm")
            colour = PALETTE[row % len(PALETTE)]
            self._draw_bar(row, _MARGIN + left, number, float(action[row]), colour)

    def _draw_bar(
        self,
        row: int,
        left: int,
        number: Action,
        value: float,
        colour: tuple[int, int, int],
    ) -> None:
        top, pen = self.top + row * self.row, self.pen
        right, (upper, lower) = _MARGIN + self.width - _NUMBER, self._edges(row)
        pen.rectangle((left, upper, right, lower), fill=_FAINT)
        # From zero, which lies within the bar, to either side.
        unit = (right - left) / (number.high - number.low)
        begin = min(max(0.0, number.low), number.high)
        zero = left + int((begin - number.low) * unit)
        ends = sorted((zero, zero + round((value - begin) * unit)))
        pen.rectangle((ends[0], upper, ends[1], lower), fill=colour)
        pen.line((zero, upper - 1, zero, lower + 1), fill=_INK)
        digits = 2 if max(abs(number.low), abs(number.high)) < 100 else 0
        sign = "+" if number.low < 0 else ""
        place = right + 44, top + self.row // 2
        pen.text(place, f"{value:{sign}.{digits}f}", _INK, _font(13), anchor="rm")

    def _draw_choice(self, names: Sequence[str], chosen: int) -> None:
        """Draw a cell for each choice, the chosen one filled, and its name below."""
        pen, (upper, lower) = self.pen, self._edges(0)
        left, right = _MARGIN, _MARGIN + self.width
        cells = np.linspace(left, right, len(names) + 1).round().astype(int).tolist()
        for n, (begin, end) in enumerate(itertools.pairwise(cells)):
            fill = PALETTE[0] if n == chosen else _FAINT
            pen.rectangle((begin, upper, end - 2, lower), fill=fill)
        name, number = names[chosen], str(chosen)
        text = name if name == number else f"{number}: {name}"
        middle = self.top + self.row + self.row // 2
        text = _shortened(text, self.width)
        pen.text((_MARGIN, middle), text, _INK, _font(13), anchor="lm")

    def _edges(self, row: int) -> tuple[int, int]:
        """Return the first and the last pixel row of a bar."""
        top = self.top + row * self.row
        return top + 3, top + self.row - 4


def _shortened(text: str, width: int) -> str:
    """Return as much of a text as fits into `width` pixels."""
    if _font(13).getlength(text) <= width:
        return text
    while text and _font(13).getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"


def _even(size: int) -> int:
    # yuv420p halves both sizes.
    return size + size % 2


@lru_cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    # Matplotlib brings this font along: no system font is needed.
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return ImageFont.truetype(folder / "DejaVuSans.ttf", size)
