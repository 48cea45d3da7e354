"""What gymnasium's environments of PixelCopter show and take."""

import gymnasium
import numpy as np

from worldmodels.environments.pixelcopter.tables import SIDE
from worldmodels.runtime.errors import UserError

RENDERING = {"render_modes": ["rgb_array"], "render_fps": 30}
_MEANING = "0 (nothing) or 1 (up)"


def both() -> tuple[gymnasium.spaces.Box, gymnasium.spaces.Discrete]:
    """Return the spaces of one environment's frames and actions."""
    frames = gymnasium.spaces.Box(0, 255, (SIDE, SIDE), np.uint8)
    return frames, gymnasium.spaces.Discrete(2)


def applied(actions: np.ndarray | int, players: tuple[int, ...]) -> np.ndarray:
    """Return the actions as int32 of the shape `players`: (B,), or () of one.

    Raises:
        UserError: they have another shape, or one of them is neither 0 nor 1.
    """
    try:
        given = np.asarray(actions)
    except ValueError:  # lists of different lengths
        given = np.empty(0, object)
    if given.shape != players or given.dtype.kind not in "iu":
        raise UserError(
            f"the action is {given.dtype} of the shape {given.shape}; it must be whole "
            f"numbers of the shape {players}: {_MEANING}"
        )
    wrong = (given != 0) & (given != 1)
    if wrong.any():
        raise UserError(
            f"the action {given[wrong].flat[0]} does not exist: it must be {_MEANING}"
        )
    return given.astype(np.int32)
