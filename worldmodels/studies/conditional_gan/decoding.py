"""Picture files to arrays of one size; what cannot be decoded says why."""

import struct
from pathlib import Path

import numpy as np
from PIL import Image

MOST_PIXELS = (
    89_478_485  # of one picture; Pillow warns of more, which are a trap or a scan
)
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, struct.error)


class Undecodable(Exception):
    """A picture that is broken or too large; says why."""


def decoded(file: Path, size: tuple[int, int], fit: str) -> np.ndarray:
    """Return a picture uint8 [H, W, 3] of the height and width that are asked for.

    Args:
        fit: "crop": its centre in that shape; "whole": all of it.

    Raises:
        Undecodable: when the file is broken or has too many pixels.
    """
    try:
        with Image.open(file) as image:
            width, height = image.size
            if width * height > MOST_PIXELS:
                raise Undecodable(f"it has {width} x {height} pixels")
            return _fitted(image, size, fit)
    except Image.DecompressionBombError as error:
        raise Undecodable("it has too many pixels") from error
    except _BROKEN as error:
        raise Undecodable(" ".join(str(error).split())) from error


def _fitted(image: Image.Image, size: tuple[int, int], fit: str) -> np.ndarray:
    height, width = size
    box = _box(image.size, size, fit)
    # A JPEG is decoded at an eighth, a quarter or a half where that is enough.
    finer = min(1.0, 2 * height / (box[3] - box[1]), 2 * width / (box[2] - box[0]))
    image.draft("RGB", tuple(round(side * finer) for side in image.size))
    whole = image.convert("RGB")
    filter = Image.Resampling.LANCZOS
    box = _box(whole.size, size, fit)
    return np.asarray(whole.resize((width, height), filter, box))


def _box(
    whole: tuple[int, int], size: tuple[int, int], fit: str
) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom of what is shown of a picture."""
    if fit == "whole":
        return 0, 0, *whole
    scale = min(whole[0] / size[1], whole[1] / size[0])
    wide, tall = size[1] * scale, size[0] * scale
    left, top = (whole[0] - wide) / 2, (whole[1] - tall) / 2
    return left, top, left + wide, top + tall
