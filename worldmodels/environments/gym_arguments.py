"""What gymnasium's environments of our own worlds may be asked for."""

from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode

from worldmodels.runtime.errors import UserError

NEVER = np.iinfo(np.int32).max  # steps until truncation


def render_mode(given: str | None) -> str | None:
    """Return how to render.

    Raises:
        UserError: there is no such mode.
    """
    if given not in (None, "rgb_array"):
        raise UserError(f"render_mode is {given!r}; it must be 'rgb_array'")
    return given


def count(given: int) -> int:
    """Return the number of environments.

    Raises:
        UserError: it is no whole number from 1 on.
    """
    if not _whole(given) or given < 1:
        raise UserError(f"num_envs is {given!r}; it must be a whole number from 1 on")
    return int(given)


def steps(given: int | None, usual: int) -> int:
    """Return the number of steps after which an episode is cut; -1: never, None: usual.

    Raises:
        UserError: it is another negative number, or no whole one.
    """
    if given is None:
        return usual
    if _whole(given) and given == -1:
        return NEVER
    if not _whole(given) or not 1 <= given <= NEVER:
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
