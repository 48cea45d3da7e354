"""Films drawn step by step: what is real, seen and dreamt, above what was done.

Below the views stands the action: of numbers a bar each, of a choice the chosen one.
Names and bounds are the game's.
"""

import importlib.util
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from worldmodels.environments.games import Action, Game

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
    running, views = np.cumsum(film.rewards), film.views
    height, side = (scale * pixels for pixels in film.frames.shape[1:3])
    panel = _Panel.of(film.game, side, _even(len(views) * (side + _MARGIN) + _MARGIN))
    top = _CAPTION + height + _MARGIN
    still = _still(views, side, (_even(top + panel.height + footer), panel.image.width))
    for t in range(first, len(film.actions), every):
        picture = still.copy()
        for column, view in enumerate(views.values()):
            left = _MARGIN + column * (side + _MARGIN)
            _put_enlarged(picture[_CAPTION:], left, view[t], scale)
        drawn = panel.drawn(film.actions[t], float(running[t]), t + 1)
        picture[top : top + panel.height] = drawn
        yield picture


def _still(names: Iterable[str], side: int, size: tuple[int, int]) -> np.ndarray:
    """Return what stays the same above the panel: white paper with the views' names."""
    image = Image.new("RGB", size[::-1], _PAPER)
    pen = ImageDraw.Draw(image)
    for column, name in enumerate(names):
        place = _MARGIN + column * (side + _MARGIN), _CAPTION - 5
        pen.text(place, name, _INK, _font(13), anchor="ls")
    return np.asarray(image)


def labelled(views: Sequence[np.ndarray], names: Sequence[str]) -> np.ndarray:
    """Return square views uint8 [S, S, 3] side by side, each below its name."""
    side = len(views[0])
    width = _even(len(views) * (side + _MARGIN) + _MARGIN)
    picture = _still(names, side, (_even(_CAPTION + side + _MARGIN), width)).copy()
    for column, view in enumerate(views):
        _put_enlarged(picture[_CAPTION:], _MARGIN + column * (side + _MARGIN), view, 1)
    return picture


def _put_enlarged(rows: np.ndarray, left: int, view: np.ndarray, scale: int) -> None:
    """Put a view [H, W, 3] at the top of rows of a picture, `scale` times as large."""
    height, width, _ = view.shape
    # Columns first, of few rows; the rows are then copied whole.
    wide = view.repeat(scale, axis=1)
    place = rows[: height * scale].reshape(height, scale, *rows.shape[1:])
    place[:, :, left : left + width * scale] = wide[:, None]


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
class _Panel:
    """What stands below the views: the action, and the score beside it.

    `image` is what stays the same in all pictures.
    """

    game: Game
    image: Image.Image
    row: int  # height of one bar with the gap below, in pixels
    width: int  # of a bar with its name and number
    left: int  # where a bar begins, behind its name

    @classmethod
    def of(cls, game: Game, side: int, width: int) -> "_Panel":
        """Return the panel of a game below views of `side` pixels, `width` in all."""
        row, rows = max(20, side // 11), len(game.actions)
        rows = max(_ROWS, 0 if game.discrete else rows)
        # And the score beside them.
        bar = min(2 * (width - _MARGIN) // 3, width - 2 * _MARGIN - _SCORE) - _MARGIN
        names = _names(game, bar)
        left = max(_NAME, *(int(_font(13).getlength(n)) + _MARGIN for n in names))
        image = Image.new("RGB", (width, rows * row + _MARGIN), _PAPER)
        panel = cls(game, image, row, bar, _MARGIN + left)
        panel._draw_still(names)
        return panel

    @property
    def height(self) -> int:
        """Its rows of pixels."""
        return self.image.height

    @property
    def right(self) -> int:
        """Where the bars end."""
        return _MARGIN + self.width - _NUMBER

    def drawn(self, action: np.ndarray, total: float, step: int) -> np.ndarray:
        """Return the panel of a step, uint8 [H, W, 3], with its action [A]."""
        image = self.image.copy()
        pen = ImageDraw.Draw(image)
        if self.game.discrete:
            self._draw_choice(pen, int(np.argmax(action)))
        else:
            for row, number in enumerate(self.game.actions):
                self._draw_bar(pen, row, number, float(action[row]))
        right = image.width - _MARGIN
        score = "?" if np.isnan(total) else f"{total:.1f}"
        pen.text((right, 16), score, _INK, _font(24), anchor="ra")
        pen.text((right, 46), f"step {step}", _INK, _font(11), anchor="ra")
        return np.asarray(image)

    def _draw_still(self, names: Sequence[str]) -> None:
        pen = ImageDraw.Draw(self.image)
        place = self.image.width - _MARGIN, 0
        pen.text(place, self.game.score, _INK, _font(13), anchor="ra")
        if self.game.discrete:
            for cell in self._cells():
                pen.rectangle(cell, fill=_FAINT)
            return
        for row, name in enumerate(names):
            middle = row * self.row + self.row // 2
            pen.text((_MARGIN, middle), name, _INK, _font(13), anchor="lm")
            upper, lower = self._edges(row)
            pen.rectangle((self.left, upper, self.right, lower), fill=_FAINT)

    def _draw_bar(
        self, pen: ImageDraw.ImageDraw, row: int, number: Action, value: float
    ) -> None:
        """Fill a bar from zero, which lies within it, to either side."""
        upper, lower = self._edges(row)
        unit = (self.right - self.left) / (number.high - number.low)
        begin = min(max(0.0, number.low), number.high)
        zero = self.left + int((begin - number.low) * unit)
        ends = sorted((zero, zero + round((value - begin) * unit)))
        colour = PALETTE[row % len(PALETTE)]
        pen.rectangle((ends[0], upper, ends[1], lower), fill=colour)
        pen.line((zero, upper - 1, zero, lower + 1), fill=_INK)
        digits = 2 if max(abs(number.low), abs(number.high)) < 100 else 0
        sign = "+" if number.low < 0 else ""
        place = self.right + 44, row * self.row + self.row // 2
        pen.text(place, f"{value:{sign}.{digits}f}", _INK, _font(13), anchor="rm")

    def _draw_choice(self, pen: ImageDraw.ImageDraw, chosen: int) -> None:
        """Fill the cell of the chosen action, and write its name below."""
        pen.rectangle(self._cells()[chosen], fill=PALETTE[0])
        name, number = self.game.actions[chosen].name, str(chosen)
        text = name if name == number else f"{number}: {name}"
        place = _MARGIN, self.row + self.row // 2
        pen.text(place, _shortened(text, self.width), _INK, _font(13), anchor="lm")

    def _cells(self) -> list[tuple[int, int, int, int]]:
        """Return the places of a choice's cells: left, top, right and bottom."""
        upper, lower = self._edges(0)
        left, right = _MARGIN, _MARGIN + self.width
        ends = np.linspace(left, right, len(self.game.actions) + 1)
        pairs = itertools.pairwise(ends.round().astype(int).tolist())
        return [(begin, upper, end - 2, lower) for begin, end in pairs]

    def _edges(self, row: int) -> tuple[int, int]:
        """Return the first and the last pixel row of a bar."""
        return row * self.row + 3, (row + 1) * self.row - 4


def _names(game: Game, width: int) -> list[str]:
    """Return the names beside the bars, each in a third of their width."""
    return [_shortened(action.name, width // 3) for action in game.actions]


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
    # Matplotlib brings this font along: no system font is needed, and no import of it.
    found = importlib.util.find_spec("matplotlib").submodule_search_locations
    folder = Path(*found) / "mpl-data" / "fonts" / "ttf"
    return ImageFont.truetype(folder / "DejaVuSans.ttf", size)
