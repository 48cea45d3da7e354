"""The simulator as gymnasium's environments; importing this registers them.

    import worldmodels.environments.carracing.gym

    gymnasium.make("worldmodels/CarRacing-v3")
    gymnasium.make_vec("worldmodels/CarRacing-v3", num_envs=16)

They stand for gymnasium's `CarRacing-v3` with frames of 64x64 pixels: see `functional`
for frames and actions, which are taken in float32, as the action space has them. They
take its arguments:

- `continuous=False`: an action is one of five (nothing, right, left, gas, brake).
- `lap_complete_percent`: the part of the tiles after which tile 0 is the finish.
- `domain_randomize=True`: each episode has colours of its own, unless it is begun with
  `reset(options={"randomize": False})`.

`reset(seed=s)` makes the very track of gymnasium's, in the very colours, in a vector
those of s + i for environment i, or of s[i]. A single environment goes on from there
as gymnasium's does; in a vector, the tracks and colours of episodes without a seed of
their own are drawn from the same distribution, but are not those that gymnasium would
go on with. Where an episode is over, the infos say whether by a finished lap:
"lap_finished", as gymnasium's.

The first `reset` and the first `step` compile for a while: see `jax_process`.
"""

from typing import Any

import gymnasium
import jax
import numpy as np
from gymnasium.error import ResetNeeded

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
from worldmodels.environments.carracing.vector import CarRacingVector

ID = "worldmodels/CarRacing-v3"


class CarRacing(gymnasium.Env[np.ndarray, np.ndarray]):
    """One car. It is cut at 1,000 steps by the wrapper that `gymnasium.make` adds.

    Args:
        lap_complete_percent: a fraction, as gymnasium's; 0.95 is 95 %.
    """

    metadata = arguments.RENDERING

    def __init__(
        self,
        render_mode: str | None = None,
        lap_complete_percent: float = simulator.LAP_COMPLETE,
        domain_randomize: bool = False,
        continuous: bool = True,
    ) -> None:
        self.render_mode = gym_arguments.render_mode(render_mode)
        self.observation_space = arguments.frame_space()
        self.action_space = space(continuous)
        self.continuous, self.domain_randomize = continuous, domain_randomize
        self.lap_complete_percent = arguments.lap_complete(lap_complete_percent)
        self.colors = colors.draw(self.np_random) if domain_randomize else colors.USUAL
        self._state = self._frames = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin an episode; the frame is uint8 [64, 64, 3].

        Args:
            options: {"randomize": False} keeps the colours; without
                `domain_randomize` it means nothing.

        Raises:
            UserError: the seed's track is too long, which one in 600,000 is; or this
                process was forked from one that had used JAX.
        """
        super().reset(seed=seed)
        if self.domain_randomize and (options or {}).get("randomize", True):
            self.colors = colors.draw(self.np_random)
        laid = tracks.from_generator(self.np_random, seed), colors.palette(self.colors)
        self._state, self._frames = programs.begin(*_batch(laid))
        return np.array(self._frames[0]), {}

    def step(
        self, action: np.ndarray | int
    ) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Drive 1/50 s with `action` [3], or one of the five.

        Raises:
            UserError: the action is none of the space's shape, or not of numbers.
        """
        if self._state is None:
            raise ResetNeeded("reset comes before step")
        driven = applied(action, (), self.continuous)[None]
        self._state, self._frames, reward, terminated, _ = programs.step(
            self._state, driven, gym_arguments.NEVER, self.lap_complete_percent
        )
        frame, paid = np.array(self._frames[0]), float(reward[0])
        over = bool(terminated[0])
        info = {"lap_finished": simulator.lap_finished(paid)} if over else {}
        return frame, paid, over, False, info

    def render(self) -> np.ndarray | None:
        """Return the last frame."""
        if self.render_mode is None or self._frames is None:
            return None
        return np.array(self._frames[0])


def _batch(one: Any) -> Any:
    """Return the same with a leading axis of one."""
    return jax.tree.map(lambda x: np.asarray(x)[None], one)


gymnasium.register(
    ID,
    # By name: a spec can then be written as JSON.
    entry_point=f"{__name__}:{CarRacing.__name__}",
    vector_entry_point=f"{__name__}:{CarRacingVector.__name__}",
    max_episode_steps=functional.MAX_STEPS,
)
