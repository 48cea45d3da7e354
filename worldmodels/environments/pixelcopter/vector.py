"""PixelCopter as gymnasium's vector environment: B copters that advance together.

`gym` registers it and says what it shows.
"""

from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode

from worldmodels.environments import gym_arguments
from worldmodels.environments.one_batch import OneBatch
from worldmodels.environments.pixelcopter import functional, picture, programs, spaces


class PixelCopterVector(OneBatch):
    """B copters, each in a level of its own.

    Frames are uint8 [B, 48, 48], actions [B] 0 or 1 (up), a step is 1/30 s, and the
    infos have "vector", float32 [B, 7]: see `functional.vector`.

    Args:
        max_episode_steps: until truncation; None: 10,000, -1: never.
        autoreset_mode: see `OneBatch`.
    """

    _programs = programs
    metadata = spaces.RENDERING | {"autoreset_mode": AutoresetMode.NEXT_STEP}

    def __init__(
        self,
        num_envs: int = 1,
        max_episode_steps: int | None = None,
        render_mode: str | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
    ) -> None:
        limit = gym_arguments.steps(max_episode_steps, functional.MAX_STEPS)
        super().__init__(num_envs, spaces.both(), limit, render_mode, autoreset_mode)

    def render(self) -> tuple[np.ndarray, ...] | None:
        """Return the last frames in colours, uint8 [48, 48, 3] each."""
        if self.render_mode is None or self._state is None:
            return None
        return tuple(map(picture.colored, self._shown()))

    def _applied(self, actions: np.ndarray) -> np.ndarray:
        return spaces.applied(actions, (self.num_envs,))

    def _shown(self) -> np.ndarray:
        return np.array(self._seen.frames)

    def _infos(self) -> dict[str, Any]:
        """Return the vectors, and that all have one."""
        return {
            "vector": np.array(self._seen.vector),
            "_vector": np.ones(self.num_envs, bool),
        }

    def _last_info(self, terminated: bool, reward: float, b: int) -> dict[str, Any]:
        return {"vector": np.asarray(self._seen.vector)[b]}
