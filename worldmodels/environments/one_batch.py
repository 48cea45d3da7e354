"""What gymnasium's vector environments of our own worlds share: all are one batch.

A subclass says how actions are applied and what is shown; its `_programs` do the rest,
unless it advances or begins in another way.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from worldmodels.environments import gym_arguments
from worldmodels.runtime.errors import UserError


class OneBatch(VectorEnv[Any, np.ndarray, np.ndarray]):
    """B environments that advance together.

    Args:
        spaces: of one environment's observations and actions.
        max_steps: until truncation.
        autoreset_mode: gymnasium's, or its value. NEXT_STEP: the step after an
            episode's end begins the next one; its action is ignored, its reward 0.
            SAME_STEP: the last step itself does, and its infos have "final_obs" and
            "final_info". DISABLED: `reset` does, with options={"reset_mask": done}.

    Attributes:
        _programs: with `begin`, of seeds [B]; `step`, of a state, actions and
            `max_steps`; and `replace`, of a state, seeds and which are done.
        _seen: what the programs return beside the state: what is seen of it.
        _state: of all episodes, None before the first reset.
        _done: which are over and have not begun anew, bool [B].
    """

    _programs: Any

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
        self._state: Any = None
        self._seen: Any = None
        self._done = np.zeros(num_envs, bool)

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Any, dict[str, Any]]:
        """Begin all episodes, or some.

        Args:
            seed: of environment 0, the others count on from it; or of each, [B].
            options: "reset_mask", bool [B], says which episodes begin; the others go
                on.

        Raises:
            UserError: there are more or fewer seeds than environments, a seed is no
                whole number, or the mask is not bool [B]; or this process was forked
                from one that had used JAX.
        """
        options = options or {}
        chosen = self._chosen(options.get("reset_mask"))
        self._renew(chosen, self._reseed(seed), options)
        return self._shown(), self._infos()

    def step(
        self, actions: np.ndarray
    ) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Make one step in all with actions [B, ...].

        Returns:
            Observations [B, ...], rewards float32 [B], terminations and truncations
            bool [B], and infos.

        Raises:
            UserError: the actions are none of the space's; or an episode is over that
                has not been reset, where that is not automatic.
        """
        if self._state is None:
            raise ResetNeeded("reset comes before step")
        applied = self._applied(actions)
        self._refuse_to_go_on()
        outcome = self._advance(applied)
        renewed = self._done
        if renewed.any():
            self._renew(renewed, self._seeds(None))
        rewards, terminated, truncated = (np.array(each) for each in outcome)
        for each in (rewards, terminated, truncated):
            each[renewed] = 0
        self._done = terminated | truncated
        # What all say stands where those that ended say the same.
        infos = self._ended(terminated, rewards) | self._infos()
        return self._shown(), rewards, terminated, truncated, infos

    @abstractmethod
    def _applied(self, actions: np.ndarray) -> np.ndarray:
        """Return the actions as the world takes them, or refuse them."""

    @abstractmethod
    def _shown(self) -> Any:
        """Return the last observations, which nothing changes later."""

    def _advance(self, applied: np.ndarray) -> Sequence[Any]:
        """Make one step; return rewards, terminations and truncations [B]."""
        self._state, self._seen, *outcome = self._programs.step(
            self._state, applied, self._max_steps
        )
        return outcome

    def _begin(
        self, chosen: np.ndarray, seeds: Sequence[int | None], options: dict[str, Any]
    ) -> None:
        """Begin the episodes of those chosen, with the options of `reset`."""
        drawn = self._drawn(chosen, seeds)
        if chosen.all():
            self._state, self._seen = self._programs.begin(drawn)
        else:
            self._state, self._seen = self._programs.replace(self._state, drawn, chosen)

    def _infos(self) -> dict[str, Any]:
        """Return what all say beside their observations."""
        return {}

    def _last_info(self, terminated: bool, reward: float, b: int) -> dict[str, Any]:
        """Return what environment b says at the end of an episode."""
        return {}

    def _renew(
        self,
        chosen: np.ndarray,
        seeds: Sequence[int | None],
        options: dict[str, Any] | None = None,
    ) -> None:
        self._begin(chosen, seeds, options or {})
        self._done = self._done & ~chosen

    def _ended(self, terminated: np.ndarray, rewards: np.ndarray) -> dict[str, Any]:
        """Return the infos of those that are done; begin anew where that is due."""
        same_step = self.autoreset_mode is AutoresetMode.SAME_STEP
        infos: dict[str, Any] = {}
        shown = self._shown() if same_step and self._done.any() else None
        for b in np.flatnonzero(self._done):
            info = self._last_info(terminated[b], rewards[b], b)
            if same_step:
                info = {"final_obs": _of_one(shown, b), "final_info": info}
            infos = self._add_info(infos, info, b)
        if shown is not None:
            self._renew(self._done, self._seeds(None))
        return infos

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


def _of_one(shown: Any, b: int) -> Any:
    """Return the observation of environment b, an array or several by name."""
    if isinstance(shown, dict):
        return {name: each[b] for name, each in shown.items()}
    return shown[b]


def _draw(rng: np.random.Generator) -> np.uint32:
    return rng.integers(2**32, dtype=np.uint32)
