"""Drives as videos: what is real, seen and dreamt, beside what the driver does."""

import contextlib
import itertools
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import imageio_ffmpeg
import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from worldmodels.environments.games import Action, Game
from worldmodels.pictures import grids
from worldmodels.runtime.errors import UserError
from worldmodels.runtime.exit_status import how_it_ended
from worldmodels.stores import places
from worldmodels.stores.disk import refuse_full_disk

SUFFIXES = (".mp4", ".gif")

_PALETTE_FRAMES = 8
_MARGIN = 8
_CAPTION = 22  # pixels above each view
_NAME, _NUMBER, _SCORE = 50, 46, 100  # pixels beside a bar, and beside all bars
_INK, _FAINT, _PAPER = (32, 36, 44), (222, 225, 230), (255, 255, 255)
_COLOURS = ((46, 94, 170), (47, 133, 90), (190, 62, 54))  # of an action's numbers


@dataclass(frozen=True)
class Drive:
    """One drive, ready to be drawn; T steps.

    `reconstruction` is what V makes of each frame, `dream` what M predicted it to be
    one step before, where that is to be seen; `dream[0]` has no step before it and is
    black.
    """

    frames: np.ndarray  # [T, H, W, 3] uint8, as the agent saw them
    reconstruction: np.ndarray  # [T, H, W, 3] uint8
    dream: np.ndarray | None  # [T, H, W, 3] uint8
    actions: np.ndarray  # [T, A]
    rewards: np.ndarray  # [T]
    game: Game

    @property
    def total_reward(self) -> float:
        """The drive's return."""
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
class Dream:
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


Film = Drive | Dream


def draw(
    film: Film, scale: int = 4, every: int = 1, first: int = 0, footer: int = 0
) -> Iterator[np.ndarray]:
    """Yield each `every`-th step from `first` on as a picture uint8 [H, W, 3].

    The views side by side, each pixel `scale` wide; below them a bar for each number
    of the action and the score up to this step. `footer` rows below are left free, for
    a player's controls. H and W are even.
    """
    running = np.cumsum(film.rewards)
    for t in range(first, len(film.actions), every):
        shown = {name: grids.enlarge(v[t], scale) for name, v in film.views.items()}
        total = float(running[t])
        yield _draw_step(film.game, shown, film.actions[t], t, total, footer)


def beside(
    films: Sequence[Film], every: int = 1, first: int = 0, footer: int = 0
) -> Iterator[np.ndarray]:
    """Yield the pictures of films next to each other, in step; the rest as in `draw`.

    A film that has ended stays where it was, faded, until all have.
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


def _draw_step(
    game: Game, views: dict, action: np.ndarray, t: int, total: float, footer: int
) -> np.ndarray:
    height, side = next(iter(views.values())).shape[:2]
    bars_top = _CAPTION + height + _MARGIN
    size = (
        _even(len(views) * (side + _MARGIN) + _MARGIN),
        _even(
            bars_top + max(3, len(game.actions)) * _row_height(side) + _MARGIN + footer
        ),
    )
    canvas = Image.new("RGB", size, _PAPER)
    pen = ImageDraw.Draw(canvas)
    for column, (name, view) in enumerate(views.items()):
        left = _MARGIN + column * (side + _MARGIN)
        pen.text((left, _CAPTION - 5), name, _INK, _font(13), anchor="ls")
        canvas.paste(Image.fromarray(view), (left, _CAPTION))
    # And the score beside them.
    bars_width = min(2 * (size[0] - _MARGIN) // 3, size[0] - 2 * _MARGIN - _SCORE)
    bars_width -= _MARGIN
    for row, (number, value) in enumerate(zip(game.actions, action, strict=True)):
        box = bars_top + row * _row_height(side), bars_width, _row_height(side)
        _draw_bar(pen, *box, number, float(value), _COLOURS[row % len(_COLOURS)])
    right = size[0] - _MARGIN
    pen.text((right, bars_top), game.score, _INK, _font(13), anchor="ra")
    told = "?" if np.isnan(total) else f"{total:.1f}"
    pen.text((right, bars_top + 16), told, _INK, _font(24), anchor="ra")
    pen.text((right, bars_top + 46), f"step {t + 1}", _INK, _font(11), anchor="ra")
    return np.asarray(canvas)


def _draw_bar(
    pen: ImageDraw.ImageDraw,
    top: int,
    width: int,
    height: int,
    number: Action,
    value: float,
    colour: tuple[int, int, int],
) -> None:
    left, right = _MARGIN + _NAME, _MARGIN + width - _NUMBER
    middle = top + height // 2
    box = (top + 3, top + height - 4)
    pen.text((_MARGIN, middle), number.name, _INK, _font(13), anchor="lm")
    pen.rectangle((left, box[0], right, box[1]), fill=_FAINT)
    # Steering grows from the middle to either side, the pedals from the left.
    unit = (right - left) / (number.high - number.low)
    zero = left + int(-number.low * unit)
    ends = sorted((zero, zero + round(value * unit)))
    pen.rectangle((ends[0], box[0], ends[1], box[1]), fill=colour)
    pen.line((zero, box[0] - 1, zero, box[1] + 1), fill=_INK)
    told = f"{value:+.2f}" if number.low < 0 else f"{value:.2f}"
    pen.text((right + 44, middle), told, _INK, _font(13), anchor="rm")


def _row_height(side: int) -> int:
    return max(20, side // 11)


def _even(size: int) -> int:
    # yuv420p halves both sizes.
    return size + size % 2


@lru_cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    # Matplotlib brings this font along: no system font is needed.
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return ImageFont.truetype(folder / "DejaVuSans.ttf", size)


def write(
    path: str | Path,
    frames: Iterator[np.ndarray],
    frames_per_second: float,
    max_bytes_per_second: int | None = None,
) -> None:
    """Encode pictures uint8 [H, W, 3] into a .mp4 (H.264) or .gif file, or into none.

    Args:
        max_bytes_per_second: bound on an mp4's rate, for a file that must stay small.

    Raises:
        UserError: for another suffix, a place that may not be replaced or written, or
            a full disk.
    """
    path = Path(path)
    prepare(path)
    with refuse_full_disk(path), places.new_file(path) as fresh:
        if path.suffix.lower() == ".gif":
            _write_gif(fresh, frames, frames_per_second)
        else:
            _write_mp4(fresh, path, frames, frames_per_second, max_bytes_per_second)


def prepare(path: Path) -> None:
    """Refuse a film, before it is drawn, that could not be written.

    Raises:
        UserError: for another suffix, or a place that may not be replaced or written.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(f"{path} must end in .mp4 or .gif")
    places.check_file(path)


def _write_mp4(
    fresh: Path,
    path: Path,
    frames: Iterator[np.ndarray],
    frames_per_second: float,
    max_bytes_per_second: int | None,
) -> None:
    # ffmpeg is started here and not by imageio_ffmpeg, which forks: JAX's threads do
    # not survive that.
    first = next(frames := iter(frames))
    size = f"{first.shape[1]}x{first.shape[0]}"
    source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size]
    source += ["-r", str(frames_per_second), "-i", "-"]
    options = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "26"]
    if max_bytes_per_second:
        kilobits = max(1, max_bytes_per_second * 8 // 1000)
        options += ["-maxrate", f"{kilobits}k", "-bufsize", f"{2 * kilobits}k"]
        # Several threads share out a bound rate by who is first: no film twice.
        options += ["-threads", "1"]
    ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error", *source]
    command = [*ffmpeg, *options, "-movflags", "+faststart", f"file:{fresh}"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        with contextlib.suppress(BrokenPipeError):
            for frame in itertools.chain([first], frames):
                process.stdin.write(np.ascontiguousarray(frame).data)
        _, complaint = process.communicate()
    if process.returncode:
        reason = " ".join(complaint.decode(errors="replace").split())
        reason = reason or f"ffmpeg {how_it_ended(process.returncode)}"
        raise UserError(f"{path} could not be encoded: {reason}")


def _write_gif(
    path: Path, frames: Iterator[np.ndarray], frames_per_second: float
) -> None:
    # One palette for all frames, from some of them: a palette a frame flickers.
    pictured = list(frames)
    shown = grids.spread(len(pictured), _PALETTE_FRAMES)
    some = Image.fromarray(np.concatenate([pictured[t] for t in shown]))
    palette = some.quantize(255, method=Image.Quantize.MEDIANCUT)
    images = [
        Image.fromarray(picture).quantize(palette=palette, dither=Image.Dither.NONE)
        for picture in pictured
    ]
    # Readers round shorter delays than 20 ms up to 100 ms.
    delay = max(20, round(1000 / frames_per_second))
    images[0].save(
        path, save_all=True, append_images=images[1:], duration=delay, loop=0
    )
