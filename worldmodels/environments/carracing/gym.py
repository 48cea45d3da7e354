"""The simulator as gymnasium's environments; importing this registers them.

    import worldmodels.environments.carracing.gym

    gymnasium.make("worldmodels/CarRacing-v3")
    gymnasium.make_vec("worldmodels/CarRacing-v3", num_envs=16)

They stand for gymnasium's `CarRacing-v3` with frames of 64x64 pixels: see `functional`
for frames and actions. `reset(seed=s)` makes the very track of gymnasium's, in a vector
that of s + i for environment i. Tracks without a seed of their own, which include those
after an episode's end, are drawn from the same distribution: they follow from the last
seed, but are not those that gymnasium would go on with.
"""

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
        """Drive 1/50 s with `action` [3]."""
        if self._state is None:
            raise ResetNeeded("reset comes before step")
        action = jnp.asarray(action, np.float32)[None]
        self._state, self._frames, reward, terminated, _ = _step(self._state, action)
        frame = np.array(self._frames[0])
        return frame, float(reward[0]), bool(terminated[0]), False, {}

    def render(self) -> np.ndarray | None:
        """Return the last frame."""
        if self.render_mode is None or self._frames is None:
            return None
        return np.array(self._frames[0])


class CarRacingVector(VectorEnv[np.ndarray, np.ndarray, np.ndarray]):
    """B cars, each on a track of its own, that advance together.

    The step after an episode's end begins the next one: its action is ignored, its
    reward 0 (gymnasium's `AutoresetMode.NEXT_STEP`).
    """

    metadata = _RENDERING | {"autoreset_mode": AutoresetMode.NEXT_STEP}

    def __init__(
        self,
        num_envs: int = 1,
        max_episode_steps: int = functional.MAX_STEPS,
        render_mode: str | None = None,
    ) -> None:
        self.num_envs = num_envs
        self.render_mode = _checked(render_mode)
        self.single_observation_space, self.single_action_space = _spaces()
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._max_steps = max_episode_steps
        self._state = self._frames = None
        self._done = np.zeros(num_envs, bool)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin all episodes; frames are uint8 [B, 64, 64, 3]. There are no options.

        Raises:
            UserError: a seed's track is too long, which one in 600,000 is.
        """
        super().reset(seed=seed)
        if seed is None:
            made = _fresh(self.np_random, self.num_envs)
        else:
            made = _seeded(range(seed, seed + self.num_envs))
        self._state, self._frames = _begin(made)
        self._done = np.zeros(self.num_envs, bool)
        return np.array(self._frames), {}

    def step(
        self, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Drive 1/50 s with `actions` [B, 3], or begin anew.

        Returns:
            Frames uint8 [B, 64, 64, 3], rewards float32 [B], terminations and
            truncations bool [B], and {}.
        """
        if self._state is None:
            raise ResetNeeded("reset comes before step")
        actions = jnp.asarray(actions, np.float32)
        self._state, self._frames, *outcome = _step(
            self._state, actions, self._max_steps
        )
        if self._done.any():
            self._renew()
        rewards, terminated, truncated = (np.array(each) for each in outcome)
        for each in (rewards, terminated, truncated):
            each[self._done] = 0
        self._done = terminated | truncated
        return np.array(self._frames), rewards, terminated, truncated, {}

    def render(self) -> tuple[np.ndarray, ...] | None:
        """Return the last frames."""
        if self.render_mode is None or self._frames is None:
            return None
        return tuple(np.array(self._frames))

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


def _seeded(seeds) -> Track:
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
    entry_point=CarRacing,
    vector_entry_point=CarRacingVector,
    max_episode_steps=functional.MAX_STEPS,
)
