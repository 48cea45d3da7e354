"""The simulator as gymnasium's vector environment: B cars that advance together.

`gym` registers it and says how it compares with gymnasium's own.
"""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
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

    Frames are uint8 [B, 64, 64, 3], actions [B, 3] or, of the five, [B]. A step is
    1/50 s. The infos of those that terminate have "lap_finished". `reset` refuses a
    seed whose track is too long, which one in 600,000 is; with `domain_randomize` its
    option {"randomize": False} keeps the colours.

    Args:
        max_episode_steps: until truncation; None: 1,000, -1: never.
        lap_complete_percent: a fraction, as gymnasium's; 0.95 is 95 %.
        autoreset_mode: see `OneBatch`.
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

    def render(self) -> tuple[np.ndarray, ...] | None:
        """Return the last frames."""
        if self.render_mode is None or self._state is None:
            return None
        return tuple(self._shown())

    def _applied(self, actions: np.ndarray) -> np.ndarray:
        return applied(actions, (self.num_envs,), self.continuous)

    def _advance(self, applied: np.ndarray) -> Sequence[Any]:
        self._state, self._seen, *outcome = programs.step(
            self._state, applied, self._max_steps, self.lap_complete_percent
        )
        return outcome

    def _begin(
        self, chosen: np.ndarray, seeds: Sequence[int | None], options: dict[str, Any]
    ) -> None:
        """Give those chosen a fresh track each, and colours, all at once where all."""
        rngs = [
            self.np_random if seed is None else tracks.generator(seed) for seed in seeds
        ]
        if options.get("randomize", True):
            self._recolor(chosen, rngs)
        made, palette = self._tracks(chosen, seeds, rngs), colors.palette(self.colors)
        if chosen.all():
            self._state, self._seen = programs.begin(made, palette)
        else:
            self._state, self._seen = programs.replace(
                self._state, made, palette, chosen
            )

    def _shown(self) -> np.ndarray:
        return np.array(self._seen)

    def _last_info(self, terminated: bool, reward: float, b: int) -> dict[str, Any]:
        return {"lap_finished": simulator.lap_finished(reward)} if terminated else {}

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
