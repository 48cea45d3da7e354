"""The one frame pipeline: what V sees, in rollouts, in training and when driving."""

import numpy as np
from PIL import Image

from worldmodels.environments.games import View


def preprocess(picture: np.ndarray, view: View) -> np.ndarray:
    """Make a frame [size, size, 3] of a picture uint8 [H, W, 3], as `view` says.

    PIL's bilinear filter widens with the scale, so it averages and does not alias.
    """
    height, width, _ = picture.shape
    rows = slice(view.top, height - view.bottom)
    seen = picture[rows, view.left : width - view.right]
    if view.stretched:
        seen = stretched(seen)
    image = Image.fromarray(seen)
    frame = image.resize((view.size, view.size), Image.Resampling.BILINEAR)
    frame = np.asarray(frame)
    return frame - np.uint8(1) if view.lowered else frame  # 0 becomes 255


def stretched(picture: np.ndarray) -> np.ndarray:
    """Scale bytes so that the least becomes 0 and the greatest 255; if equal, all 0.

    Halves are rounded up, in whole numbers, as the simulator does it.
    Source: scipy's `misc.bytescale`, which `misc.imresize` applies to real numbers.
    """
    low, high = int(picture.min()), int(picture.max())
    span = max(high - low, 1)
    levels = (np.arange(256) - low) * 510 + span  # of each byte, in 2 span-ths of 1
    return (levels // (2 * span)).astype(np.uint8)[picture]
