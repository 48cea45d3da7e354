"""Pommerman as gymnasium's environments; importing this registers them.

    import worldmodels.environments.pommerman.gym

    gymnasium.make("worldmodels/Pommerman-v0")
    gymnasium.make_vec("worldmodels/Pommerman-v0", num_envs=64)

Agent 0 against three cautious agents (`policies`), free for all. An observation is a
dictionary with the original's names: see `observation.as_dict`; `featurize` makes the
original's 372 integers of it. It earns 1 as the last who lives, and -1 as it dies, or
at the game's 800th step. It is over once agent 0 is dead or alone.

A board, and what the others draw, is decided by a number from the environment's
generator, so `reset(seed=s)` always begins the same game, in a vector those of s + i
for environment i, or of s[i].

The first `reset` and the first `step` compile for a while: see `jax_process`.
"""

from typing import Any

import gymnasium
import numpy as np
from gymnasium.error import ResetNeeded

from worldmodels.environments import gym_arguments
from worldmodels.environments.pommerman import observation, painting, programs, spaces
from worldmodels.environments.pommerman.state import MAX_STEPS
from worldmodels.environments.pommerman.vector import PommermanVector

ID = "worldmodels/Pommerman-v0"


class Pommerman(gymnasium.Env[dict[str, Any], int]):
    """One game, which ends at its 800th step by itself."""

    metadata = spaces.RENDERING

    def __init__(self, render_mode: str | None = None) -> None:
        self.render_mode = gym_arguments.render_mode(render_mode)
        self.observation_space, self.action_space = spaces.both()
        self._match = self._seen = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Begin a game.

        Raises:
            UserError: this process was forked from one that had used JAX.
        """
        super().reset(seed=seed)
        drawn = self.np_random.integers(2**32, size=1, dtype=np.uint32)
        self._match, self._seen = programs.begin(drawn)
        return self._observation(), {}

    def step(
        self, action: int | np.integer
    ) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Make one step: 0 stop, 1 up, 2 down, 3 left, 4 right, 5 lay a bomb.

        Raises:
            UserError: the action does not exist.
        """
        if self._match is None:
            raise ResetNeeded("reset comes before step")
        act = spaces.applied(action, ())[None]
        self._match, self._seen, reward, over, late = programs.step(
            self._match, act, MAX_STEPS
        )
        return self._observation(), float(reward[0]), bool(over[0]), bool(late[0]), {}

    def render(self) -> np.ndarray | None:
        """Return the board as a picture, uint8 [176, 176, 3]."""
        if self.render_mode is None or self._seen is None:
            return None
        return painting.paint(np.asarray(self._seen["board"][0]))

    @staticmethod
    def featurize(seen: dict[str, Any]) -> np.ndarray:
        """Return an observation's integers, int8 [372]; of a vector's, [B, 372]."""
        return observation.flatten(seen)

    def _observation(self) -> dict[str, Any]:
        # Cut from numpy's arrays: to cut from JAX's takes eight times as long.
        return {
            name: np.array(self._seen[name], space.dtype)[0]
            for name, space in self.observation_space.items()
        }


gymnasium.register(
    ID,
    # By name: a spec can then be written as JSON.
    entry_point=f"{__name__}:{Pommerman.__name__}",
    vector_entry_point=f"{__name__}:{PommermanVector.__name__}",
    max_episode_steps=MAX_STEPS,
)
