"""Pommerman as gymnasium's vector environment: B games that advance together.

`gym` registers it and says what it shows.
"""

import numpy as np
from gymnasium.vector import AutoresetMode

from worldmodels.environments import gym_arguments
from worldmodels.environments.one_batch import OneBatch
from worldmodels.environments.pommerman import painting, programs, spaces
from worldmodels.environments.pommerman.state import MAX_STEPS


class PommermanVector(OneBatch):
    """B games, each on a board of its own.

    Actions [B] are those of all agents 0, and observations what these see.

    Args:
        max_episode_steps: until truncation, 800 at most: that is a game's end.
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
        limit = gym_arguments.steps(max_episode_steps, MAX_STEPS)
        super().__init__(num_envs, spaces.both(), limit, render_mode, autoreset_mode)

    def render(self) -> tuple[np.ndarray, ...] | None:
        """Return the boards as pictures, uint8 [176, 176, 3] each."""
        if self.render_mode is None or self._state is None:
            return None
        return tuple(map(painting.paint, self._shown()["board"]))

    def _applied(self, actions: np.ndarray) -> np.ndarray:
        return spaces.applied(actions, (self.num_envs,))

    def _shown(self) -> dict[str, np.ndarray]:
        return {
            name: np.array(self._seen[name], space.dtype)
            for name, space in self.observation_space.items()
        }
