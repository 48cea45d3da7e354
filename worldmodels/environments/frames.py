"""The one frame pipeline: what V sees, in rollouts, in training and when driving."""

import numpy as np
from PIL import Image

SIZE = 64
SHAPE = (SIZE, SIZE, 3)
_VISIBLE_ROWS = 84  # rows 84..95 are the indicator bar, which the paper crops


def preprocess(frame: np.ndarray) -> np.ndarray:
    """Crop uint8 [96, 96, 3] to its 84 rows and resize to uint8 [64, 64, 3].

    PIL's bilinear filter widens with the scale, so it averages and does not alias.
    """
    image = Image.fromarray(frame[:_VISIBLE_ROWS])
    return np.asarray(image.resize((SIZE, SIZE), Image.Resampling.BILINEAR))
