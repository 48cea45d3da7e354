"""Films as the page holds them: in real time, next to each other, and small."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from worldmodels.pictures import drawing, grids, video
from worldmodels.pictures.drawing import Film
from worldmodels.report.page import Picture

_EVERY = 2  # steps between two pictures of a film, which still plays in real time
_CONTROLS = 64  # rows at the bottom that a browser's player covers
_MIN_BYTES_PER_SECOND = 4000


def picture(films: Sequence[Film], alt: str, caption: str, max_bytes: int) -> Picture:
    """Return films of one game, in step, as one mp4 of about `max_bytes` at most."""
    frames_per_second = films[0].game.frames_per_second
    steps = [len(film.actions) for film in films]
    rate = max(int(max_bytes * frames_per_second / max(steps)), _MIN_BYTES_PER_SECOND)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        images = drawing.beside(films, every=_EVERY, footer=_CONTROLS)
        video.write(path, images, frames_per_second / _EVERY, rate)
        data = path.read_bytes()
    poster = next(drawing.beside(films, first=min(steps) // 2, footer=_CONTROLS))
    return Picture(data, "video/mp4", alt, caption, poster=grids.png(poster))
