"""Pommerman as gymnasium's vector environment: B games that advance together.

`gym` registers it and says what it shows.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode

from worldmodels.environments import gym_arguments
from worldmodels.environments.one_batch import OneBatch
from worldmodels.environments.pommerman import painting, programs, spaces
from worldmodels.environments.pommerman.state import MAX_STEPS

Seen = dict[str, np.ndarray]


class PommermanVector(OneBatch):
    """B games, each on a board of its own.

    Args:
        max_episode_steps: until truncation, 800 at most: that is a game's end.
        autoreset_mode: gymnasium's, or its value. NEXT_STEP: the step after a game's
            end begins the next one; its action is ignored, its reward 0. SAME_STEP: the
            last step itself does, and its infos have "final_obs" and "final_info".
            DISABLED: `reset` does, with options={"reset_mask": done}.
    """

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

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Seen, dict[str, Any]]:
        """Begin all games, or some.

        Args:
            seed: of environment 0, the others count on from it; or of each, [B].
            options: "reset_mask", bool [B], says which games begin; the others go on.

        Raises:
            UserError: there are more or fewer seeds than environments, a seed is no
                whole number, or the mask is not bool [B]; or this process was forked
                from one that had used JAX.
        """
        chosen = self._chosen((options or {}).get("reset_mask"))
        seeds = self._reseed(seed)
        self._begin(chosen, seeds)
        return self._observation(), {}

    def step(
        self, actions: np.ndarray
    ) -> tuple[Seen, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Make one step with the actions [B] of all agents 0.

        Returns:
            What they see, rewards float32 [B], terminations and truncations bool [B],
            and infos.

        Raises:
            UserError: the actions are not [B], or one does not exist; or a game is over
                that has not been reset, where that is not automatic.
        """
        if self._state is None:
            raise ResetNeeded("reset comes before step")
        acts = spaces.applied(actions, (self.num_envs,))
        self._refuse_to_go_on()
        self._state, self._seen, *outcome = programs.step(
            self._state, acts, self._max_steps
        )
        renewed = self._done
        if renewed.any():
            self._begin(renewed, self._seeds(None))
        rewards, over, late = (np.array(each) for each in outcome)
        for each in (rewards, over, late):
            each[renewed] = 0
        self._done = over | late
        same_step = self.autoreset_mode is AutoresetMode.SAME_STEP
        infos = self._final() if same_step else {}
        return self._observation(), rewards, over, late, infos

    def render(self) -> tuple[np.ndarray, ...] | None:
        """Return the boards as pictures, uint8 [176, 176, 3] each."""
        if self.render_mode is None or self._state is None:
            return None
        return tuple(map(painting.paint, np.asarray(self._seen["board"])))

    def _begin(self, chosen: np.ndarray, seeds: Sequence[int | None]) -> None:
        """Begin those chosen anew."""
        drawn = self._drawn(chosen, seeds)
        if chosen.all():
            self._state, self._seen = programs.begin(drawn)
        else:
            self._state, self._seen = programs.replace(self._state, drawn, chosen)
        self._done = self._done & ~chosen

    def _final(self) -> dict[str, Any]:
        """Return the last infos of those that are done, and begin them anew."""
        infos: dict[str, Any] = {}
        done = self._done
        if done.any():
            seen = self._observation()
            for b in np.flatnonzero(done):
                last = {name: each[b] for name, each in seen.items()}
                info = {"final_obs": last, "final_info": {}}
                infos = self._add_info(infos, info, b)
            self._begin(done, self._seeds(None))
        return infos

    def _observation(self) -> Seen:
        return {
            name: np.array(self._seen[name], space.dtype)
            for name, space in self.observation_space.items()
        }
