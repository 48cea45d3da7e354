"""Step film: the end of an episode with its bonus and values beside it, as a GIF."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from worldmodels.environments.pixelcopter import picture as copter_picture
from worldmodels.pictures import grids, video
from worldmodels.stores.artifact import Artifact, open_artifact
from worldmodels.studies.curiosity.agent import EXTRINSIC, INTRINSIC
from worldmodels.studies.curiosity.settings import Curiosity
from worldmodels.studies.curiosity.steps import STUDY

_STEPS, _EVERY, _PER_SECOND = 300, 2, 15  # the last steps, at the game's own speed
_HELD = 12  # times that the last picture is shown
_SIDE, _WIDE, _HEADER = 240, 300, 22  # pixels
_INK, _SOFT, _LINE, _PAPER = (32, 36, 44), (120, 126, 138), (225, 228, 233), (255,) * 3
_ROWS = (  # name of what is drawn, and its colour
    ("bonus", (194, 65, 12)),
    ("extrinsic value", (46, 94, 170)),
    ("intrinsic value", (183, 121, 31)),
)


def run(*, settings: Curiosity, episode: Path, out: Path, log: Path | None) -> None:
    """Write the film of an episode to `out`, which ends in .gif.

    Raises:
        UserError: for another ending, a store that is no episode, or a full disk.
    """
    del settings, log  # it takes seconds
    video.prepare(out)
    store = open_artifact(episode, STUDY.kind("episode"))
    video.write(out, frames(store), _PER_SECOND)


def frames(store: Artifact) -> Iterator[np.ndarray]:
    """Yield the pictures of the last steps of an episode, uint8 [H, W, 3]."""
    pictures, values = store.read("picture"), store.read("values")
    lines = (store.read("bonus"), values[:, EXTRINSIC], values[:, INTRINSIC])
    start = max(0, len(pictures) - _STEPS)
    won = np.cumsum(store.read("reward"))
    title = f"{store.config['arm'].replace('_', ' ')}"
    panel = [scaled(np.asarray(line, np.float64)[start:]) for line in lines]
    shown = range(start + (len(pictures) - 1 - start) % _EVERY, len(pictures), _EVERY)
    drawn = None
    for step in shown:
        drawn = _drawn(pictures[step], panel, step - start, title, step + 1, won[step])
        yield drawn
    for _ in range(_HELD):
        yield drawn


def scaled(line: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Return a line [T] in [0, 1], its least value and its largest."""
    low, high = float(line.min()), float(line.max())
    return (line - low) / ((high - low) or 1.0), low, high


def _drawn(
    picture: np.ndarray,
    panel: list[tuple[np.ndarray, float, float]],
    now: int,
    title: str,
    step: int,
    won: float,
) -> np.ndarray:
    image = Image.new("RGB", (_SIDE + _WIDE, _SIDE + _HEADER), _PAPER)
    if picture.ndim == 2:
        picture = copter_picture.colored(picture)
    large = grids.enlarge(picture, max(1, _SIDE // len(picture)))[:_SIDE, :_SIDE]
    image.paste(Image.fromarray(large), (0, _HEADER))
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(12)
    pen.text((6, 4), title, _INK, font)
    told = f"step {step}, return {won:.0f}"
    pen.text((_SIDE + _WIDE - 6, 4), told, _INK, font, anchor="ra")
    tall = _SIDE // len(panel)
    for row, ((name, colour), line) in enumerate(zip(_ROWS, panel, strict=True)):
        top = _HEADER + row * tall
        _line(pen, font, (_SIDE + 8, top), (_WIDE - 14, tall), name, colour, line, now)
    return np.asarray(image)


def _line(pen, font, corner, size, name, colour, line, now) -> None:
    """Draw what a line was up to now; its whole range is that of the film."""
    values, low, high = line
    (left, top), (wide, tall) = corner, size
    pen.text((left, top + 2), name, colour, font)
    range_ = f"{low:.2g} to {high:.2g}"
    pen.text((left + wide, top + 2), range_, _SOFT, font, anchor="ra")
    base, height = top + tall - 4, tall - 24
    pen.line([(left, base), (left + wide, base)], fill=_LINE)
    x = left + wide * np.arange(now + 1) / max(len(values) - 1, 1)
    y = base - height * values[: now + 1]
    points = [*zip(x.tolist(), y.tolist(), strict=True)]
    if len(points) > 1:
        pen.line(points, fill=colour, width=1)
    end_x, end_y = points[-1]
    pen.ellipse((end_x - 2, end_y - 2, end_x + 2, end_y + 2), fill=colour)
