"""The simulator as gymnasium's environments; importing this registers them.

    import worldmodels.environments.carracing.gym

    gymnasium.make("worldmodels/CarRacing-v3")
    gymnasium.make_vec("worldmodels/CarRacing-v3", num_envs=16)

They stand for gymnasium's `CarRacing-v3` with frames of 64x64 pixels: see `functional`
for frames and actions, which are taken in float32, as the action space has them.
`reset(seed=s)` makes the very track of gymnasium's, in a vector that of s + i for
environment i, or of s[i]. Tracks without a seed of their own, which include those after
an episode's end, are drawn from the same distribution: they follow from the last seed,
but are not those that gymnasium would go on with. Where an episode is over, the infos
say whether by a finished lap: "lap_finished", as gymnasium's.
"""

from collections.abc import Sequence
from typing import Any

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from worldmodels.environments.carracing import (
    ACTION_HIGH,
    ACTION_LOW,
    functional,
    simulator,
    tracks,
)
from worldmodels.environments.carracing.tracks import Track
from worldmodels.environments.frames import SHAPE
from worldmodels.errors import UserError

ID = "worldmodels/CarRacing-v3"

_RENDERING = {"render_modes": ["rgb_array"], "render_fps": 50}


class CarRacing(gymnasium.Env[np.ndarray, np.ndarray]):
    """One car. It is cut at 1,000 steps by the wrapper that `gymnasium.make` adds."""

    metadata = _RENDERING

    def __init__(self, render_mode: str | None = None) -> None:
        self.render_mode = _checked(render_mode)
        self.observation_space, self.action_space = _spaces()
        self._state = self._frames = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin an episode; the frame is uint8 [64, 64, 3]. There are no options.

        Raises:
            UserError: the seed's track is too long, which one in 600,000 is.
        """
        super().reset(seed=seed)
        made = _fresh(self.np_random, 1) if seed is None else _seeded([seed])
        self._state, self._frames = _begin(made)
        return np.array(self._frames[0]), {}

    def step(
        self, action: np.ndarray
    ) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Drive 1/50 s with `action` [3].

        Raises:
            UserError: the action is not of numbers.
        """
        if self._state is None:
            raise ResetNeeded("reset comes before step")
        action = _numbers(action)[None]
        self._state, self._frames, reward, terminated, _ = _step(self._state, action)
        frame, paid = np.array(self._frames[0]), float(reward[0])
        over = bool(terminated[0])
        info = {"lap_finished": _lap_finished(paid)} if over else {}
        return frame, paid, over, False, info

    def render(self) -> np.ndarray | None:
        """Return the last frame."""
        if self.render_mode is None or self._frames is None:
            return None
        return np.array(self._frames[0])


class CarRacingVector(VectorEnv[np.ndarray, np.ndarray, np.ndarray]):
    """B cars, each on a track of its own, that advance together.

    The step after an episode's end begins the next one: its action is ignored, its
    reward 0 (gymnasium's `AutoresetMode.NEXT_STEP`).

    Args:
        max_episode_steps: until truncation; None: 1,000, -1: never.
    """

    metadata = _RENDERING | {"autoreset_mode": AutoresetMode.NEXT_STEP}

    def __init__(
        self,
        num_envs: int = 1,
        max_episode_steps: int | None = None,
        render_mode: str | None = None,
    ) -> None:
        self.num_envs = num_envs
        self.render_mode = _checked(render_mode)
        self.single_observation_space, self.single_action_space = _spaces()
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        limits = {None: functional.MAX_STEPS, -1: np.iinfo(np.int32).max}
        self._max_steps = limits.get(max_episode_steps, max_episode_steps)
        self._state = self._frames = None
        self._done = np.zeros(num_envs, bool)

    def reset(
        self,
        *,
        seed: int | Sequence[int] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin all episodes; frames are uint8 [B, 64, 64, 3]. There are no options.

        Args:
            seed: of environment 0, the others count on from it; or of each, [B].

        Raises:
            UserError: there are more or fewer seeds than environments, some are to be
                left as they are (`reset_mask`), or a seed's track is too long, which
                one in 600,000 is.
        """
        if options and "reset_mask" in options:
            raise UserError(
                "reset_mask is not supported: those that are done begin anew by "
                "themselves, with the next step"
            )
        seeds = self._seeds(seed)
        super().reset(seed=None if seeds is None else seeds[0])
        made = (
            _fresh(self.np_random, self.num_envs) if seeds is None else _seeded(seeds)
        )
        self._state, self._frames = _begin(made)
        self._done = np.zeros(self.num_envs, bool)
        return np.array(self._frames), {}

    def step(
        self, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Drive 1/50 s with `actions` [B, 3], or begin anew.

        Returns:
            Frames uint8 [B, 64, 64, 3], rewards float32 [B], terminations and
            truncations bool [B], and infos: of those that terminate "lap_finished".

        Raises:
            UserError: an action is not of numbers.
        """
        if self._state is None:
            raise ResetNeeded("reset comes before step")
        actions = _numbers(actions)
        self._state, self._frames, *outcome = _step(
            self._state, actions, self._max_steps
        )
        if self._done.any():
            self._renew()
        rewards, terminated, truncated = (np.array(each) for each in outcome)
        for each in (rewards, terminated, truncated):
            each[self._done] = 0
        self._done = terminated | truncated
        infos = _infos(terminated, rewards)
        return np.array(self._frames), rewards, terminated, truncated, infos

    def render(self) -> tuple[np.ndarray, ...] | None:
        """Return the last frames."""
        if self.render_mode is None or self._frames is None:
            return None
        return tuple(np.array(self._frames))

    def _seeds(self, seed: int | Sequence[int] | None) -> Sequence[int] | None:
        if seed is None:
            return None
        seeds = range(seed, seed + self.num_envs) if np.ndim(seed) == 0 else seed
        if len(seeds) != self.num_envs:
            raise UserError(
                f"{len(seeds)} seeds are given for {self.num_envs} environments; give "
                "one for each, or the first alone"
            )
        return [int(each) for each in seeds]

    def _renew(self) -> None:
        """Give those that are done a fresh track, all at once where all are."""
        if self._done.all():
            self._state, self._frames = _begin(_fresh(self.np_random, self.num_envs))
        else:
            keys = _keys(self.np_random, self.num_envs)
            self._state, self._frames = _replace(self._state, keys, self._done)


# Donated: the tracks stay where they are.
_step = jax.jit(functional.step, donate_argnums=0)
_replace = jax.jit(functional.renew, donate_argnums=0)
_draw = jax.jit(jax.vmap(tracks.from_key))


@jax.jit
def _begin(made: Track) -> tuple[functional.State, jax.Array]:
    track = jnp.arange(len(made.count), dtype=np.int32)
    return functional.start(simulator.build(made), track)


def _numbers(actions: np.ndarray) -> np.ndarray:
    """Return actions in float32; one that is no number would break its car."""
    actions = np.asarray(actions, np.float32)
    if np.isnan(actions).any():
        raise UserError(
            f"the action {actions.tolist()} is not of numbers: the weights of what "
            "chose it are probably not finite"
        )
    return actions


def _lap_finished(reward: float | np.ndarray) -> bool | np.ndarray:
    """Return which of the episodes that are over ended by a lap: the others left."""
    return reward != simulator.OUTSIDE_REWARD


def _infos(terminated: np.ndarray, rewards: np.ndarray) -> dict[str, np.ndarray]:
    """Return infos [B] as gymnasium's vectors do: each with a mask of whose it is."""
    if not terminated.any():
        return {}
    finished = terminated & _lap_finished(rewards)
    return {"lap_finished": finished, "_lap_finished": terminated}


def _seeded(seeds: Sequence[int]) -> Track:
    """Return gymnasium's tracks [R] of seeds."""
    made = [tracks.from_seed(seed) for seed in seeds]
    return jax.tree.map(lambda *each: np.stack(each), *made)


def _fresh(rng: np.random.Generator, count: int) -> Track:
    """Draw tracks [count]."""
    return _draw(_keys(rng, count))


def _keys(rng: np.random.Generator, count: int) -> jax.Array:
    return jax.random.split(jax.random.key(rng.integers(2**31)), count)


def _spaces() -> tuple[gymnasium.spaces.Box, gymnasium.spaces.Box]:
    """Return the spaces of one environment's frames and actions."""
    frames = gymnasium.spaces.Box(0, 255, SHAPE, np.uint8)
    return frames, gymnasium.spaces.Box(ACTION_LOW, ACTION_HIGH)


def _checked(render_mode: str | None) -> str | None:
    if render_mode not in (None, *_RENDERING["render_modes"]):
        raise UserError(f"render_mode is {render_mode!r}; it must be 'rgb_array'")
    return render_mode


gymnasium.register(
    ID,
    # By name: a spec can then be written as JSON.
    entry_point=f"{__name__}:{CarRacing.__name__}",
    vector_entry_point=f"{__name__}:{CarRacingVector.__name__}",
    max_episode_steps=functional.MAX_STEPS,
)
