"""What gymnasium's environments of the simulator may be asked for."""

import math
from numbers import Real

import gymnasium
import numpy as np

from worldmodels.environments.games import CARRACING
from worldmodels.runtime.errors import UserError

RENDERING = {"render_modes": ["rgb_array"], "render_fps": 50}


def frame_space() -> gymnasium.spaces.Box:
    """Return the space of one environment's frames."""
    return gymnasium.spaces.Box(0, 255, CARRACING.view.shape, np.uint8)


def lap_complete(given: float) -> float:
    """Return the part of the tiles after which tile 0 is the finish.

    Raises:
        UserError: it is no number.
    """
    if not isinstance(given, Real) or math.isnan(given):
        raise UserError(
            f"lap_complete_percent is {given!r}; it must be a number: 0.95 is 95 %"
        )
    return float(given)
