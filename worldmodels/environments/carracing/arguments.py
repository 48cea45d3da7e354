"""What gymnasium's environments of the simulator may be asked for."""

import math
from numbers import Real
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode

from worldmodels.environments.carracing import functional, programs
from worldmodels.environments.games import CARRACING
from worldmodels.runtime.errors import UserError

RENDERING = {"render_modes": ["rgb_array"], "render_fps": 50}


def frame_space() -> gymnasium.spaces.Box:
    """Return the space of one environment's frames."""
    return gymnasium.spaces.Box(0, 255, CARRACING.view.shape, np.uint8)


def render_mode(given: str | None) -> str | None:
    """Return how to render.

    Raises:
        UserError: there is no such mode.
    """
    if given not in (None, *RENDERING["render_modes"]):
        raise UserError(f"render_mode is {given!r}; it must be 'rgb_array'")
    return given


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


def count(given: int) -> int:
    """Return the number of environments.

    Raises:
        UserError: it is no whole number from 1 on.
    """
    if not _whole(given) or given < 1:
        raise UserError(f"num_envs is {given!r}; it must be a whole number from 1 on")
    return int(given)


def steps(given: int | None) -> int:
    """Return the number of steps after which an episode is cut; -1: never.

    Raises:
        UserError: it is another negative number, or no whole one.
    """
    limits = {None: functional.MAX_STEPS, -1: programs.NEVER}
    if given in limits:
        return limits[given]
    if not _whole(given) or not 1 <= given <= programs.NEVER:
        raise UserError(
            f"max_episode_steps is {given!r}; it must be a whole number from 1 on, or "
            "-1 for episodes that are never cut"
        )
    return int(given)


def seed(given: int | None) -> int | None:
    """Return an environment's seed.

    Raises:
        UserError: it is no whole number from 0 on.
    """
    if given is None:
        return None
    if not _whole(given) or given < 0:
        raise UserError(f"the seed {given!r} is not a whole number from 0 on")
    return int(given)


def autoreset(given: AutoresetMode | str) -> AutoresetMode:
    """Return when the next episode begins after one that is over.

    Raises:
        UserError: there is no such mode.
    """
    try:
        return AutoresetMode(given)
    except ValueError:
        modes = ", ".join(repr(mode.value) for mode in AutoresetMode)
        raise UserError(
            f"autoreset_mode is {given!r}; it must be one of {modes}"
        ) from None


def _whole(given: Any) -> bool:
    return isinstance(given, int | np.integer) and not isinstance(given, bool)
