"""TakeCover: the survival task of Section 4 of the paper, on ViZDoom's engine.

Monsters at the far wall of a room throw fireballs; the player steps left and right, a
decision a tic (1/35 s), and one or two hits kill. Every tic played is worth 1, the
deadly one too. An action is float32 [1]: below -1/3 is a step to the left, above 1/3 to
the right.
"""

import gymnasium
import numpy as np

from worldmodels.environments.games import TAKECOVER, V3
from worldmodels.environments.takecover import engine
from worldmodels.runtime.randomness import MAX_EPISODES, engine_seed

_THRESHOLD = 1 / 3


class TakeCover(gymnasium.Env):
    """One engine, in a process of its own, which ends with this process.

    Args:
        view: what is seen, one of `games.VIEWS`.

    An episode starts in the first tic. No tic is skipped, and no episode starts without
    `reset`, so a frame or an outcome is never another episode's. A death has no frame
    after it: the step that died returns the frame before it again.

    Raises:
        Exception: vizdoom's, by `step` or `reset`, when the engine has died. The next
            reset then starts another.
    """

    action_space = gymnasium.spaces.Box(TAKECOVER.low, TAKECOVER.high)

    def __init__(self, view: str = V3):
        shape, self._view = engine.SHAPES[view], view
        self.observation_space = gymnasium.spaces.Box(0, 255, shape, np.uint8)
        self._engine = engine.start(view)
        self._frame = np.zeros(shape, np.uint8)

    def reset(
        self, *, seed: int | None = None, options: dict | None = None
    ) -> tuple[np.ndarray, dict]:
        """Start an episode: the same seed and actions give the same frames, always."""
        super().reset(seed=seed)
        if seed is None:
            seed = int(self.np_random.integers(MAX_EPISODES))
        if not self._engine.is_running():
            self._engine = engine.start(self._view)
        self._engine.set_seed(engine_seed(seed))
        # Also on a new engine, whose first episode had no seed.
        self._engine.new_episode()
        self._frame = self._engine.get_state().screen_buffer
        return self._frame, {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict]:
        """Play one tic."""
        (move,) = action
        buttons = [bool(move < -_THRESHOLD), bool(move > _THRESHOLD)]
        reward = self._engine.make_action(buttons)
        died = self._engine.is_episode_finished()
        if not died:
            self._frame = self._engine.get_state().screen_buffer
        return self._frame, reward, died, False, {}

    def close(self) -> None:
        """End the engine."""
        self._engine.close()


def make(max_steps: int = TAKECOVER.max_steps, view: str = V3) -> gymnasium.Env:
    """Return the environment; running out of steps is truncation, not death.

    Args:
        view: what is seen, one of `games.VIEWS`.
    """
    return gymnasium.wrappers.TimeLimit(TakeCover(view), max_steps)
