"""The simulator as gymnasium's vector environment: B cars that advance together.

`gym` registers it and says how it compares with gymnasium's own.
"""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode

from worldmodels.environments import gym_arguments
from worldmodels.environments.carracing import (
    arguments,
    colors,
    functional,
    programs,
    simulator,
    tracks,
)
from worldmodels.environments.carracing.actions import applied, space
from worldmodels.environments.carracing.arguments import RENDERING
from worldmodels.environments.carracing.tracks import Track
from worldmodels.environments.one_batch import OneBatch


class CarRacingVector(OneBatch):
    """B cars, each on a track of its own.

    Args:
        max_episode_steps: until truncation; None: 1,000, -1: never.
        lap_complete_percent: a fraction, as gymnasium's; 0.95 is 95 %.
        autoreset_mode: gymnasium's, or its value. NEXT_STEP: the step after an
            episode's end begins the next one; its action is ignored, its reward 0.
            SAME_STEP: the last step itself does, and its infos have "final_obs" and
            "final_info". DISABLED: `reset` does, with options={"reset_mask": done}.
    """

    metadata = RENDERING | {"autoreset_mode": AutoresetMode.NEXT_STEP}

    def __init__(
        self,
        num_envs: int = 1,
        max_episode_steps: int | None = None,
        render_mode: str | None = None,
        lap_complete_percent: float = simulator.LAP_COMPLETE,
        domain_randomize: bool = False,
        continuous: bool = True,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
    ) -> None:
        super().__init__(
            num_envs,
            (arguments.frame_space(), space(continuous)),
            gym_arguments.steps(max_episode_steps, functional.MAX_STEPS),
            render_mode,
            autoreset_mode,
        )
        self.continuous, self.domain_randomize = continuous, domain_randomize
        self.lap_complete_percent = arguments.lap_complete(lap_complete_percent)
        self.colors = colors.Colors(*(np.tile(x, (num_envs, 1)) for x in colors.USUAL))
        self._recolor(np.ones(num_envs, bool), [self.np_random] * num_envs)

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin all episodes, or some; frames are uint8 [B, 64, 64, 3].

        Args:
            seed: of environment 0, the others count on from it; or of each, [B].
            options: "reset_mask", bool [B], says which episodes begin; the others go
                on. {"randomize": False} keeps the colours; without `domain_randomize`
                it means nothing.

        Raises:
            UserError: there are more or fewer seeds than environments, a seed is no
                whole number, the mask is not bool [B], or a seed's track is too long,
                which one in 600,000 is; or this process was forked from one that had
                used JAX.
        """
        options = options or {}
        chosen = self._chosen(options.get("reset_mask"))
        seeds = self._seeds(seed)
        super().reset(seed=next((each for each in seeds if each is not None), None))
        self._begin(chosen, seeds, options.get("randomize", True))
        return np.array(self._frames), {}

    def step(
        self, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Drive 1/50 s with actions [B, 3] or, of the five, [B].

        Returns:
            Frames uint8 [B, 64, 64, 3], rewards float32 [B], terminations and
            truncations bool [B], and infos: of those that terminate "lap_finished".

        Raises:
            UserError: the actions are none of the space's shape, or not of numbers; or
                an episode is over that has not been reset, where that is not automatic.
        """
        if self._state is None:
            raise ResetNeeded("reset comes before step")
        driven = applied(actions, (self.num_envs,), self.continuous)
        self._refuse_to_go_on()
        self._state, self._frames, *outcome = programs.step(
            self._state, driven, self._max_steps, self.lap_complete_percent
        )
        renewed = self._done
        if renewed.any():
            self._begin(renewed, self._seeds(None))
        rewards, terminated, truncated = (np.array(each) for each in outcome)
        for each in (rewards, terminated, truncated):
            each[renewed] = 0
        infos = self._ended(terminated | truncated, terminated, rewards)
        return np.array(self._frames), rewards, terminated, truncated, infos

    def _ended(
        self, done: np.ndarray, terminated: np.ndarray, rewards: np.ndarray
    ) -> dict[str, Any]:
        """Return the infos of those that are done, and begin anew where that is due."""
        same_step = self.autoreset_mode is AutoresetMode.SAME_STEP
        infos: dict[str, Any] = {}
        last = np.array(self._frames) if same_step and done.any() else None
        for b in np.flatnonzero(done):
            over = terminated[b]
            info = {"lap_finished": simulator.lap_finished(rewards[b])} if over else {}
            if same_step:
                info = {"final_obs": last[b], "final_info": info}
            infos = self._add_info(infos, info, b)
        self._done = done
        if last is not None:
            self._begin(done, self._seeds(None))
        return infos

    def _begin(
        self,
        chosen: np.ndarray,
        seeds: Sequence[int | None],
        randomize: bool = True,
    ) -> None:
        """Give those chosen a fresh track each, and colours, all at once where all."""
        rngs = [
            self.np_random if seed is None else tracks.generator(seed) for seed in seeds
        ]
        if randomize:
            self._recolor(chosen, rngs)
        made, palette = self._tracks(chosen, seeds, rngs), colors.palette(self.colors)
        if chosen.all():
            self._state, self._frames = programs.begin(made, palette)
        else:
            self._state, self._frames = programs.replace(
                self._state, made, palette, chosen
            )
        self._done = self._done & ~chosen

    def _recolor(self, chosen: np.ndarray, rngs: list[np.random.Generator]) -> None:
        """Draw colours for those chosen, where colours are drawn at all."""
        for b in np.flatnonzero(chosen & self.domain_randomize):
            for all, drawn in zip(self.colors, colors.draw(rngs[b]), strict=True):
                all[b] = drawn

    def _tracks(
        self,
        chosen: np.ndarray,
        seeds: Sequence[int | None],
        rngs: list[np.random.Generator],
    ) -> Track:
        """Return tracks [B]; those of the others than the chosen mean nothing."""
        if all(seed is None for seed in seeds):
            return programs.draw(self.np_random, self.num_envs)
        made = {
            b: tracks.from_generator(rngs[b], seeds[b]) for b in np.flatnonzero(chosen)
        }
        any_one = next(iter(made.values()))
        each = [made.get(b, any_one) for b in range(self.num_envs)]
        return jax.tree.map(lambda *fields: np.stack(fields), *each)
