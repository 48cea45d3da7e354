"""A drive in the game as a page holds it: one picture of its frames, and numbers."""

import base64
import io
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from worldmodels.rollout.replay import Recording

_COLUMNS = 32  # frames in a row of the picture


class Recorded(NamedTuple):
    """A drive of T steps, and what V made of it."""

    facts: dict[str, Any]  # JSON values, the picture of all frames among them
    actions: np.ndarray  # [T, A]
    mu: np.ndarray  # [T, Z] V's posterior of each frame
    logvar: np.ndarray  # [T, Z]


def recorded(
    by: str,
    seed: int,
    recording: Recording,
    posterior: tuple[np.ndarray, np.ndarray],
    quality: int,
) -> Recorded:
    """Return a drive as a page holds it.

    Args:
        by: who drove, "agent" or "random".
        posterior: V's mu and logvar, [T, Z] each.
        quality: of the picture, 1 to 100; 100 is exact.
    """
    facts = {
        "by": by,
        "seed": seed,
        "steps": len(recording.rewards),
        "score": float(recording.rewards.sum(dtype=np.float64)),
        "columns": _COLUMNS,
        "sheet": _data_url(sheet(recording.frames), quality),
    }
    return Recorded(facts, recording.actions, *posterior)


def sheet(frames: np.ndarray) -> np.ndarray:
    """Return frames uint8 [T, H, W, 3] side by side in rows, one picture."""
    height, width = frames.shape[1:3]
    rows = -(-len(frames) // _COLUMNS)
    filled = np.zeros((rows * _COLUMNS, height, width, 3), np.uint8)
    filled[: len(frames)] = frames
    tiled = filled.reshape(rows, _COLUMNS, height, width, 3).swapaxes(1, 2)
    return tiled.reshape(rows * height, _COLUMNS * width, 3)


def _data_url(picture: np.ndarray, quality: int) -> str:
    file, exact = io.BytesIO(), quality == 100
    image = Image.fromarray(picture)
    image.save(file, format="WEBP", quality=quality, lossless=exact, method=4)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()
