"""What gymnasium's environments of Pommerman show and take."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete, MultiBinary, MultiDiscrete

from worldmodels.environments.pommerman.observation import FREE_FOR_ALL, enemies
from worldmodels.environments.pommerman.state import (
    AGENT,
    AGENTS,
    BOMB_LIFE,
    DIRECTIONS,
    FLAME_LIFE,
    MAX_STEPS,
    MOST,
    NOBODY,
    SIZE,
)
from worldmodels.runtime.errors import UserError

RENDERING = {"render_modes": ["rgb_array"], "render_fps": 15}
ACTIONS = Discrete(6)
_MEANING = "0 stop, 1 up, 2 down, 3 left, 4 right or 5 lay a bomb"


def both() -> tuple[gymnasium.spaces.Dict, Discrete]:
    """Return the spaces of one agent's observations and actions."""

    def plane(most: int) -> Box:
        return Box(0, most, (SIZE, SIZE), np.int8)

    others = enemies(0)
    seen = {
        "alive": MultiBinary(AGENTS),
        "board": plane(AGENT + AGENTS - 1),
        "bomb_blast_strength": plane(MOST),
        "bomb_life": plane(BOMB_LIFE - 1),
        "bomb_moving_direction": plane(len(DIRECTIONS)),
        "flame_life": plane(FLAME_LIFE + 1),
        "game_type": Discrete(1, start=FREE_FOR_ALL),
        "position": MultiDiscrete([SIZE, SIZE]),
        "blast_strength": Discrete(MOST + 1),
        "can_kick": Discrete(2),
        "teammate": Discrete(1, start=NOBODY),
        "ammo": Discrete(MOST + 1),
        "enemies": MultiDiscrete([1] * len(others), start=others),
        "step_count": Discrete(MAX_STEPS + 1),
    }
    return gymnasium.spaces.Dict(seen), ACTIONS


def applied(actions: Any, games: tuple[int, ...]) -> np.ndarray:
    """Return the actions as int32 of the shape `games`: (B,), or () of one.

    Raises:
        UserError: they have another shape, or one of them does not exist.
    """
    try:
        given = np.asarray(actions)
    except ValueError:  # lists of different lengths
        given = np.empty(0, object)
    if given.shape != games or given.dtype.kind not in "iu":
        raise UserError(
            f"the action is {given.dtype} of the shape {given.shape}; it must be whole "
            f"numbers of the shape {games}: {_MEANING}"
        )
    wrong = (given < 0) | (given >= ACTIONS.n)
    if wrong.any():
        raise UserError(
            f"the action {given[wrong].flat[0]} does not exist: it must be {_MEANING}"
        )
    return given.astype(np.int32)
