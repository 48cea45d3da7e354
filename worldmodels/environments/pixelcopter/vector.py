"""PixelCopter as gymnasium's vector environment: B copters that advance together.

`gym` registers it and says what it shows.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode

from worldmodels.environments import gym_arguments
from worldmodels.environments.one_batch import OneBatch
from worldmodels.environments.pixelcopter import functional, picture, programs, spaces


class PixelCopterVector(OneBatch):
    """B copters, each in a level of its own.

    Args:
        max_episode_steps: until truncation; None: 10,000, -1: never.
        autoreset_mode: gymnasium's, or its value. NEXT_STEP: the step after an
            episode's end begins the next one; its action is ignored, its reward 0.
            SAME_STEP: the last step itself does, and its infos have "final_obs" and
            "final_info". DISABLED: `reset` does, with options={"reset_mask": done}.
    """

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

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin all episodes, or some; frames are uint8 [B, 48, 48].

        Args:
            seed: of environment 0, the others count on from it; or of each, [B].
            options: "reset_mask", bool [B], says which episodes begin; the others go
                on.

        Raises:
            UserError: there are more or fewer seeds than environments, a seed is no
                whole number, or the mask is not bool [B]; or this process was forked
                from one that had used JAX.
        """
        chosen = self._chosen((options or {}).get("reset_mask"))
        seeds = self._reseed(seed)
        self._begin(chosen, seeds)
        return np.array(self._frames), self._infos()

    def step(
        self, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Play 1/30 s with actions [B], 0 or 1 (up).

        Returns:
            Frames uint8 [B, 48, 48], rewards float32 [B], deaths and truncations bool
            [B], and infos: "vector" float32 [B, 7].

        Raises:
            UserError: the actions are not [B], or one is neither 0 nor 1; or an episode
                is over that has not been reset, where that is not automatic.
        """
        if self._state is None:
            raise ResetNeeded("reset comes before step")
        done = spaces.applied(actions, (self.num_envs,))
        self._refuse_to_go_on()
        self._state, seen, *outcome = programs.step(self._state, done, self._max_steps)
        self._frames, self._vector = seen
        renewed = self._done
        if renewed.any():
            self._begin(renewed, self._seeds(None))
        rewards, dead, cut = (np.array(each) for each in outcome)
        for each in (rewards, dead, cut):
            each[renewed] = 0
        self._done = dead | cut
        last = self._final() if self.autoreset_mode is AutoresetMode.SAME_STEP else {}
        return np.array(self._frames), rewards, dead, cut, self._infos() | last

    def render(self) -> tuple[np.ndarray, ...] | None:
        """Return the last frames in colours, uint8 [48, 48, 3] each."""
        grey = super().render()
        return grey and tuple(map(picture.colored, grey))

    def _begin(self, chosen: np.ndarray, seeds: Sequence[int | None]) -> None:
        """Give those chosen a fresh level each."""
        levels = self._drawn(chosen, seeds)
        if chosen.all():
            self._state, seen = programs.begin(levels)
        else:
            self._state, seen = programs.replace(self._state, levels, chosen)
        self._frames, self._vector = seen
        self._done = self._done & ~chosen

    def _final(self) -> dict[str, Any]:
        """Return the last infos of those that are done, and begin them anew."""
        infos: dict[str, Any] = {}
        done = self._done
        if done.any():
            frames, vectors = np.array(self._frames), np.array(self._vector)
            for b in np.flatnonzero(done):
                info = {"final_obs": frames[b], "final_info": {"vector": vectors[b]}}
                infos = self._add_info(infos, info, b)
            self._begin(done, self._seeds(None))
        return infos

    def _infos(self) -> dict[str, Any]:
        """Return what all say beside their frames, and that all say it."""
        return {
            "vector": np.array(self._vector),
            "_vector": np.ones(self.num_envs, bool),
        }
