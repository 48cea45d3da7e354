"""Any world of gymnasium that has pictures: `environment.name: gymnasium`.

The picture is the world's own observation where that is an image, uint8 [H, W, 3], and
otherwise what the world draws with `render_mode="rgb_array"`.

An action is float32 [A], as for the other games. Its map to the world's action space:

- Box, bounded: A is its size. C's output x becomes low + (high - low) (tanh x + 1) / 2,
  number by number; the world gets the numbers in the shape of its space.
- Discrete(n): A is n. C has n outputs, the largest wins: the action is 1 there and 0
  elsewhere, and this is what M reads and what is stored. The world gets the place of
  the 1, counted from the space's start.

Other spaces, and a Box without bounds, are refused. An action lasts for `frame_skip`
frames of the world: their rewards are summed, and the last one is seen. The limit on
steps is `environment.max_steps` and not the world's own.
"""

import os
import warnings
from functools import lru_cache
from typing import Any

os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
os.environ.setdefault("SDL_AUDIODRIVER", "dummy")
os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete, Space

from worldmodels.environments import EnvironmentSpec
from worldmodels.environments.games import GYMNASIUM, Action, Game
from worldmodels.runtime.errors import UserError

_FRAMES_PER_SECOND = 30  # of a world that does not say
_MOST_CHOICES = 4096


class PictureEnv(gymnasium.Env):
    """A world of gymnasium whose observation is its picture, uint8 [H, W, 3].

    Raises:
        UserError: by `reset` and `step`, when the world draws no such picture.
    """

    def __init__(self, world: gymnasium.Env, spec: EnvironmentSpec):
        self.world, self._spec = world, spec

    def reset(
        self, *, seed: int | None = None, options: dict | None = None
    ) -> tuple[np.ndarray, dict]:
        """Start an episode, which its seed decides."""
        observation, facts = self.world.reset(seed=seed)
        return self._picture(observation), facts

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict]:
        """Apply the action [A] for `frame_skip` frames, or until the episode ends."""
        applied, total = _applied(self.world.action_space, action), 0.0
        for _ in range(self._spec.frame_skip):
            seen, reward, terminated, truncated, facts = self.world.step(applied)
            total += float(reward)
            if terminated or truncated:
                break
        return self._picture(seen), total, bool(terminated), bool(truncated), facts

    def close(self) -> None:
        """Close the world."""
        self.world.close()

    def _picture(self, observation: Any) -> np.ndarray:
        if self.world.render_mode == "rgb_array":
            observation = self.world.render()
        form = getattr(observation, "dtype", None), np.shape(observation)
        if form[0] != np.uint8 or len(form[1]) != 3 or form[1][2] != 3:
            raise UserError(
                f"environment.id {self._spec.id} draws no pictures of uint8 [H, W, 3] "
                f"but {form[0]} {list(form[1])}; V learns from such pictures alone"
            )
        return observation


def make(spec: EnvironmentSpec) -> gymnasium.Env:
    """Return the world that a spec names, with its picture as its observation.

    Raises:
        UserError: for an id that gymnasium does not know or cannot make, or a world
            without pictures.
    """
    world = _made(spec)
    if _is_picture(world.observation_space):
        return PictureEnv(world, spec)
    modes = world.metadata.get("render_modes", ())
    world.close()
    if "rgb_array" not in modes:
        raise UserError(
            f"environment.id {spec.id} has no pictures: it observes "
            f"{world.observation_space} and cannot be rendered as rgb_array"
        )
    return PictureEnv(_made(spec, render_mode="rgb_array"), spec)


def _made(spec: EnvironmentSpec, **options: str) -> gymnasium.Env:
    limit = spec.max_steps * spec.frame_skip
    try:
        with warnings.catch_warnings(record=True) as said:  # not beside a refusal
            world = gymnasium.make(
                spec.id, max_episode_steps=limit, disable_env_checker=True, **options
            )
    # Whatever a third party's world raises when it is made, its id is to blame.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(
            f"environment.id {spec.id!r} cannot be made by gymnasium: {reason}"
        ) from error
    for warning in said:
        warnings.showwarning(
            warning.message, warning.category, warning.filename, warning.lineno
        )
    return world


def _is_picture(space: Space) -> bool:
    shape = space.shape or ()
    return (
        isinstance(space, Box)
        and space.dtype == np.uint8
        and len(shape) == 3
        and shape[2] == 3
    )


def _applied(space: Space, action: np.ndarray) -> Any:
    """Return an action of the world's own space."""
    if isinstance(space, Discrete):
        return int(space.start + np.argmax(action))
    # Rounding must not leave the bounds.
    inside = np.clip(np.reshape(action, space.shape), space.low, space.high)
    return inside.astype(space.dtype)


@lru_cache
def facts(spec: EnvironmentSpec) -> Game:
    """Return what is true of a world; it is built for that, once in a process.

    Raises:
        UserError: for a world that cannot be made, seen, or acted in.
    """
    world = make(spec)
    try:
        actions, discrete = _actions(world.world.action_space, spec)
        picture, _ = world.reset(seed=0)
        _check_crop(picture, spec)
        rate = world.world.metadata.get("render_fps") or _FRAMES_PER_SECOND
    finally:
        world.close()
    return Game(
        name=GYMNASIUM,
        title=spec.id,
        actions=actions,
        view=spec.seen,
        frames_per_second=rate / spec.frame_skip,
        max_steps=spec.max_steps,
        home="gymnasium",
        place="episode",
        score="return",
        simulated=False,
        id=spec.id,
        frame_skip=spec.frame_skip,
        discrete=discrete,
    )


def _actions(space: Space, spec: EnvironmentSpec) -> tuple[tuple[Action, ...], bool]:
    """Return the numbers of an action, and whether they are choices."""
    if isinstance(space, Discrete) and 2 <= space.n <= _MOST_CHOICES:
        names = [f"act {space.start + n}" for n in range(space.n)]
        return tuple(Action(name, 0, 1, "choice") for name in names), True
    real = isinstance(space, Box) and space.dtype.kind == "f" and space.low.size
    finite = real and np.isfinite([space.low, space.high]).all()
    if finite and (space.low < space.high).all():
        pairs = zip(space.low.ravel(), space.high.ravel(), strict=True)
        return tuple(
            Action(f"act {n}", float(low), float(high), "scaled")
            for n, (low, high) in enumerate(pairs)
        ), False
    raise UserError(
        f"environment.id {spec.id} takes actions of {space}; C acts in a Box of real "
        "numbers with finite bounds, or in a Discrete space of at least two choices"
    )


def _check_crop(picture: np.ndarray, spec: EnvironmentSpec) -> None:
    height, width, _ = picture.shape
    top, bottom, left, right = spec.crop
    if top + bottom >= height or left + right >= width:
        raise UserError(
            f"environment.crop is {list(spec.crop)}, and nothing is left of the "
            f"{height} x {width} pixels that {spec.id} draws"
        )
