"""One drive in one environment: a recorded one again, or the agent's live."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from worldmodels.environments import EnvironmentSpec
from worldmodels.environments.frames import preprocess


class Recording(NamedTuple):
    """A drive of T steps: frames[t] was seen, actions[t] chosen, rewards[t] got."""

    frames: np.ndarray  # uint8 [T, H, W, 3]
    actions: np.ndarray  # float32 [T, A]
    rewards: np.ndarray  # float32 [T]


def drive(
    spec: EnvironmentSpec,
    seed: int,
    choose: Callable[[np.ndarray], np.ndarray],
    steps: int,
) -> Recording:
    """Drive the track of `seed` for at most `steps`, until the episode ends.

    Args:
        choose: maps a frame uint8 [H, W, 3] to an action float32 [A].
    """
    frames, actions, rewards = [], [], []
    environment = spec.make()
    try:
        raw, _ = environment.reset(seed=seed)
        for _ in range(steps):
            frame = preprocess(raw, spec.view)
            action = np.asarray(choose(frame), np.float32)
            raw, reward, terminated, truncated, _ = environment.step(action)
            frames.append(frame)
            actions.append(action)
            rewards.append(reward)
            if terminated or truncated:
                break
    finally:
        environment.close()
    return Recording(np.array(frames), np.array(actions), np.array(rewards, np.float32))


def replay(spec: EnvironmentSpec, seed: int, actions: np.ndarray) -> Recording:
    """Drive again as recorded, actions [T, A]: the same seed gives the same drive."""
    recorded = iter(actions)
    return drive(spec, seed, lambda frame: next(recorded), len(actions))
