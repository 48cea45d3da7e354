"""The one frame pipeline: what V sees, in rollouts, in training and when driving."""

import numpy as np
from PIL import Image

from worldmodels.environments.games import CARRACING, Game

SIZE = 64
SHAPE = (SIZE, SIZE, 3)


def preprocess(frame: np.ndarray, game: Game = CARRACING) -> np.ndarray:
    """Crop uint8 [H, W, 3] to the game's visible rows, resize to uint8 [64, 64, 3].

    PIL's bilinear filter widens with the scale, so it averages and does not alias.
    """
    image = Image.fromarray(frame[: game.visible_rows])
    return np.asarray(image.resize((SIZE, SIZE), Image.Resampling.BILINEAR))
