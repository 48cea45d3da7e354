"""The one frame pipeline: what V sees, in rollouts, in training and when driving."""

import numpy as np
from PIL import Image

from worldmodels.environments.games import View


def preprocess(picture: np.ndarray, view: View) -> np.ndarray:
    """Cut a picture uint8 [H, W, 3] as `view` says and resize it, [size, size, 3].

    PIL's bilinear filter widens with the scale, so it averages and does not alias.
    """
    height, width, _ = picture.shape
    rows = slice(view.top, height - view.bottom)
    image = Image.fromarray(picture[rows, view.left : width - view.right])
    return np.asarray(image.resize((view.size, view.size), Image.Resampling.BILINEAR))
