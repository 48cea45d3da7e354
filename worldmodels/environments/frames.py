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
    image = Image.fromarray(seen)
    if view.stretched:
        image = image.point(3 * stretch(seen).tolist())  # each channel by its own
    frame = image.resize((view.size, view.size), Image.Resampling.BILINEAR)
    frame = np.asarray(frame)
    return frame - np.uint8(1) if view.lowered else frame  # 0 becomes 255


def stretch(picture: np.ndarray) -> np.ndarray:
    """Return what each of 256 bytes becomes, so that a picture's least is 0, its
    greatest 255; of one value alone, all are 0.

    Halves are rounded up, in whole numbers, as the simulator does it.
    Source: scipy's `misc.bytescale`, which `misc.imresize` applies to real numbers.
    """
    low, high = int(picture.min()), int(picture.max())
    span = max(high - low, 1)
    levels = (np.arange(256) - low) * 510 + span  # of each byte, in 2 span-ths of 1
    return (levels // (2 * span)).clip(0, 255).astype(np.uint8)
