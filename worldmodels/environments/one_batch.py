"""What gymnasium's vector environments of our own worlds share: all are one batch.

A subclass has `_state` and `_frames` of all episodes, and `_done`: which are over and
have not begun anew.
"""

from collections.abc import Sequence

import gymnasium
import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from worldmodels.environments import gym_arguments
from worldmodels.runtime.errors import UserError


class OneBatch(VectorEnv[np.ndarray, np.ndarray, np.ndarray]):
    """B environments that advance together.

    Args:
        spaces: of one environment's observations and actions.
        max_steps: until truncation.
    """

    def __init__(
        self,
        num_envs: int,
        spaces: tuple[gymnasium.Space, gymnasium.Space],
        max_steps: int,
        render_mode: str | None,
        autoreset_mode: AutoresetMode | str,
    ) -> None:
        self.num_envs = gym_arguments.count(num_envs)
        self.render_mode = gym_arguments.render_mode(render_mode)
        self.autoreset_mode = gym_arguments.autoreset(autoreset_mode)
        self.metadata = self.metadata | {"autoreset_mode": self.autoreset_mode}
        self.single_observation_space, self.single_action_space = spaces
        self.observation_space, self.action_space = (
            batch_space(space, num_envs) for space in spaces
        )
        self._max_steps = max_steps
        self._state = self._frames = None
        self._done = np.zeros(num_envs, bool)

    def render(self) -> tuple[np.ndarray, ...] | None:
        """Return the last frames."""
        if self.render_mode is None or self._frames is None:
            return None
        return tuple(np.array(self._frames))

    def _seeds(self, seed: int | Sequence[int | None] | None) -> list[int | None]:
        """Return the seed of each environment, None where it goes on without."""
        if seed is None:
            return [None] * self.num_envs
        if np.ndim(seed) == 0:
            first = gym_arguments.seed(seed)
            return list(range(first, first + self.num_envs))
        seeds = [gym_arguments.seed(each) for each in seed]
        if len(seeds) != self.num_envs:
            raise UserError(
                f"{len(seeds)} seeds are given for {self.num_envs} environments; give "
                "one for each, or the first alone"
            )
        return seeds

    def _reseed(self, seed: int | Sequence[int | None] | None) -> list[int | None]:
        """Return the seed of each environment; where one is given, begin to draw anew.

        The first number is left out: it is the first episode's of an environment that
        has this seed, and a later one shall be another.
        """
        seeds = self._seeds(seed)
        first = next((each for each in seeds if each is not None), None)
        super().reset(seed=first)
        if first is not None:
            _draw(self.np_random)
        return seeds

    def _drawn(self, chosen: np.ndarray, seeds: Sequence[int | None]) -> np.ndarray:
        """Return a number for each that begins, uint32 [B], as a single one does."""
        drawn = np.zeros(self.num_envs, np.uint32)
        for b in np.flatnonzero(chosen):
            seed = seeds[b]
            rng = self.np_random if seed is None else seeding.np_random(seed)[0]
            drawn[b] = _draw(rng)
        return drawn

    def _chosen(self, mask: np.ndarray | None) -> np.ndarray:
        """Return which episodes begin."""
        if mask is None:
            return np.ones(self.num_envs, bool)
        mask = np.asarray(mask)
        if mask.dtype != bool or mask.shape != (self.num_envs,) or not mask.any():
            raise UserError(
                f"reset_mask is {mask.dtype} of the shape {mask.shape}; it must be "
                f"bool of the shape {(self.num_envs,)}, with one at least that is true"
            )
        if self._state is None and not mask.all():
            raise ResetNeeded("a reset of all comes before one of some")
        return mask

    def _refuse_to_go_on(self) -> None:
        if self.autoreset_mode is AutoresetMode.DISABLED and self._done.any():
            raise UserError(
                f"the episodes of the environments {np.flatnonzero(self._done)} are "
                "over: call reset(options={'reset_mask': ...}) with those true first"
            )


def _draw(rng: np.random.Generator) -> np.uint32:
    return rng.integers(2**32, dtype=np.uint32)
