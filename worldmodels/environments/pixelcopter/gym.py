"""PixelCopter as gymnasium's environments; importing this registers them.

    import worldmodels.environments.pixelcopter.gym

    gymnasium.make("worldmodels/PixelCopter-v0")
    gymnasium.make_vec("worldmodels/PixelCopter-v0", num_envs=16)

An observation is the picture, uint8 [48, 48], in grey; `render` returns it in colours.
The infos have the original's state vector, float32 [7], as "vector": see `functional`.

A level is decided by a number drawn from the environment's generator, so
`reset(seed=s)` always begins the same one, in a vector those of s + i for environment
i, or of s[i]. Without a seed each episode has a level of its own. (The original begins
each new environment with the same numbers unless it is given a generator.)

The first `reset` and the first `step` compile for a while: see `jax_process`.
"""

from typing import Any

import gymnasium
import numpy as np
from gymnasium.error import ResetNeeded

from worldmodels.environments import gym_arguments
from worldmodels.environments.pixelcopter import functional, picture, programs, spaces
from worldmodels.environments.pixelcopter.vector import PixelCopterVector

ID = "worldmodels/PixelCopter-v0"


class PixelCopter(gymnasium.Env[np.ndarray, int]):
    """One copter; the wrapper that `gymnasium.make` adds cuts it at 10,000 steps."""

    metadata = spaces.RENDERING

    def __init__(self, render_mode: str | None = None) -> None:
        self.render_mode = gym_arguments.render_mode(render_mode)
        self.observation_space, self.action_space = spaces.both()
        self._state = self._seen = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin an episode; the frame, uint8 [48, 48], is that of its first moment.

        Raises:
            UserError: this process was forked from one that had used JAX.
        """
        super().reset(seed=seed)
        level = self.np_random.integers(2**32, size=1, dtype=np.uint32)
        self._state, self._seen = programs.begin(level)
        return self._frame(), self._info()

    def step(
        self, action: int | np.integer
    ) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Play 1/30 s with `action`, 0 or 1 (up).

        Raises:
            UserError: the action is neither.
        """
        if self._state is None:
            raise ResetNeeded("reset comes before step")
        done = spaces.applied(action, ())[None]
        self._state, self._seen, reward, dead, _ = programs.step(
            self._state, done, gym_arguments.NEVER
        )
        return self._frame(), float(reward[0]), bool(dead[0]), False, self._info()

    def render(self) -> np.ndarray | None:
        """Return the last frame in colours, uint8 [48, 48, 3]."""
        if self.render_mode is None or self._state is None:
            return None
        return picture.colored(self._frame())

    def _frame(self) -> np.ndarray:
        return np.array(self._seen.frames)[0]

    def _info(self) -> dict[str, Any]:
        return {"vector": np.array(self._seen.vector)[0]}


gymnasium.register(
    ID,
    # By name: a spec can then be written as JSON.
    entry_point=f"{__name__}:{PixelCopter.__name__}",
    vector_entry_point=f"{__name__}:{PixelCopterVector.__name__}",
    max_episode_steps=functional.MAX_STEPS,
)
