"""Films as the page holds them: in real time, next to each other, and small."""

import tempfile
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from worldmodels.pictures import drawing, grids, video
from worldmodels.pictures.drawing import Film
from worldmodels.report.background import Background
from worldmodels.report.page import Picture

_EVERY = 2  # steps between two pictures of a film, which still plays in real time
_CONTROLS = 64  # rows at the bottom that a browser's player covers
_MIN_BYTES_PER_SECOND = 4000


@dataclass(frozen=True)
class PendingPicture:
    """A film that is being made."""

    made: Future[Picture]

    def html(self) -> str:
        """Return a <figure>; wait for the film.

        Raises:
            UserError: when it could not be encoded.
        """
        return self.made.result().html()


def begin(
    background: Background,
    films: Sequence[Film],
    alt: str,
    caption: str,
    max_bytes: int,
) -> PendingPicture:
    """Let films of one game be made, in step, as one mp4 of about `max_bytes` at most.

    One thread draws it and one of ffmpeg's encodes it: how many are made at a time
    changes no byte of it.
    """
    return PendingPicture(
        background.begin(_picture, background, films, alt, caption, max_bytes)
    )


def _picture(
    background: Background,
    films: Sequence[Film],
    alt: str,
    caption: str,
    max_bytes: int,
) -> Picture:
    frames_per_second = films[0].game.frames_per_second
    steps = [len(film.actions) for film in films]
    rate = max(int(max_bytes * frames_per_second / max(steps)), _MIN_BYTES_PER_SECOND)
    images = drawing.beside(films, every=_EVERY, footer=_CONTROLS)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        drawn = background.until_left(images)
        video.write(path, drawn, frames_per_second / _EVERY, rate)
        data = path.read_bytes()
    poster = next(drawing.beside(films, first=min(steps) // 2, footer=_CONTROLS))
    return Picture(data, "video/mp4", alt, caption, poster=grids.png(poster))
