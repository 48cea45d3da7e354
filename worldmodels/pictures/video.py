"""Films as files: pictures encoded as mp4 or gif."""

import contextlib
import itertools
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from PIL import Image

from worldmodels.pictures import grids
from worldmodels.runtime.errors import UserError
from worldmodels.runtime.exit_status import how_it_ended
from worldmodels.stores import places
from worldmodels.stores.disk import refuse_full_disk

SUFFIXES = (".mp4", ".gif")

_PALETTE_FRAMES = 8
# As good as the default preset at 26, in a third of its time: a test drive of 500
# pictures has a signal-to-noise ratio of 44.9 dB with both, and 760 kB instead of 667.
_QUALITY = ("-preset", "veryfast", "-subq", "1", "-crf", "24")


def write(
    path: str | Path,
    frames: Iterator[np.ndarray],
    frames_per_second: float,
    max_bytes_per_second: int | None = None,
) -> None:
    """Encode pictures uint8 [H, W, 3] into a .mp4 (H.264) or .gif file.

    The file appears when it is complete, or not at all.

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
    """Refuse a film that could not be written, before it is drawn.

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
    options = ["-c:v", "libx264", "-pix_fmt", "yuv420p", *_QUALITY]
    if max_bytes_per_second:
        kilobits = max(1, max_bytes_per_second * 8 // 1000)
        options += ["-maxrate", f"{kilobits}k", "-bufsize", f"{2 * kilobits}k"]
        # With several threads a bound rate is shared by chance: no film is made twice.
        options += ["-threads", "1"]
    options += ["-movflags", "+faststart", f"file:{fresh}"]
    with _ffmpeg(["-y", "-loglevel", "error", *source, *options], path) as process:
        with contextlib.suppress(BrokenPipeError):
            for frame in itertools.chain([first], frames):
                process.stdin.write(np.ascontiguousarray(frame).data)
        _, complaint = process.communicate()
    if process.returncode:
        reason = " ".join(complaint.decode(errors="replace").split())
        reason = reason or f"ffmpeg {how_it_ended(process.returncode)}"
        raise UserError(f"{path} could not be encoded: {reason}")


def _ffmpeg(arguments: Sequence[str], path: Path) -> subprocess.Popen:
    try:
        command = [imageio_ffmpeg.get_ffmpeg_exe(), *arguments]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdin=pipe, stderr=pipe)
    except (OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"{path} cannot be encoded, as no ffmpeg can be started ({reason}); set "
            "IMAGEIO_FFMPEG_EXE to the path of one that can"
        ) from error


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
