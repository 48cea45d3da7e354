"""Worlds of gymnasium for tests: their facts alone, and one that is made here."""

from collections.abc import Sequence
from typing import ClassVar

import gymnasium
import numpy as np

from worldmodels.environments.games import GYMNASIUM, Action, Game, View


def game(
    low: Sequence[float] = (-2,),
    high: Sequence[float] = (2,),
    choices: int = 0,
    size: int = 64,
) -> Game:
    """Return a game of so many numbers between bounds, or of so many choices."""
    names = (f"act {n}" for n in range(choices or len(low)))
    return Game(
        name=GYMNASIUM,
        title="World-v0",
        actions=tuple(Action(name, 0, 1, "choice") for name in names)
        if choices
        else tuple(Action(*a, "scaled") for a in zip(names, low, high, strict=True)),
        view=View(size=size),
        frames_per_second=25,
        max_steps=30,
        home="gymnasium",
        place="episode",
        score="return",
        simulated=False,
        id="World-v0",
        discrete=choices > 0,
    )


class Counter(gymnasium.Env):
    """A world that counts its frames: picture, reward and end all tell the number.

    Args:
        space: of its actions.
        observed: whether its observation is the picture.
        end: frames after which it terminates.
    """

    metadata: ClassVar = {"render_modes": ["rgb_array"], "render_fps": 60}

    def __init__(self, space, observed=False, end=100, render_mode=None):
        self.action_space, self.render_mode, self.end = space, render_mode, end
        self.observed = observed
        picture = gymnasium.spaces.Box(0, 255, (40, 60, 3), np.uint8)
        numbers = gymnasium.spaces.Box(-1, 1, (4,))
        self.observation_space = picture if observed else numbers

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.count, self.applied, self.seed = 0, [], seed
        return self._observation(), {}

    def step(self, action):
        assert self.action_space.contains(action), action
        self.count += 1
        self.applied.append(action)
        over = self.count == self.end
        return self._observation(), float(self.count), over, False, {}

    def render(self):
        """Its left half tells the number of frames, its right half is white."""
        picture = np.full((40, 60, 3), 255, np.uint8)
        picture[:, :30] = self.count
        return picture

    def _observation(self):
        return self.render() if self.observed else np.zeros(4, np.float32)


def registered(name: str, **options) -> str:
    """Register a `Counter` and return its id."""
    gymnasium.register(id=name, entry_point=Counter, kwargs=options)
    return name
