"""Drives in the game: the agent's live, or recorded ones again."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from worldmodels.environments import EnvironmentSpec
from worldmodels.environments.frames import preprocess
from worldmodels.environments.processes.episodes import Episode, run
from worldmodels.environments.processes.pool import EnvironmentPool


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


class Driven(NamedTuple):
    """What was recorded of a drive, and is enough to drive it again."""

    seed: int
    actions: np.ndarray  # float32 [T, A]


def replay(spec: EnvironmentSpec, drives: Sequence[Driven]) -> list[Recording]:
    """Drive again as recorded, all drives at once, each as far as it goes again.

    The same seed and actions give the same drive, as long as gymnasium and its physics
    engine are the same.

    Raises:
        UserError: for a world that cannot be played, or that keeps failing.
    """
    spec.game  # noqa: B018  a world that cannot be built is refused here, by name
    episodes = [
        Episode(drive.seed, len(drive.actions), candidate=n)
        for n, drive in enumerate(drives)
    ]
    with EnvironmentPool(spec, slots=len(drives)) as pool:
        policy = _AsRecorded([drive.actions for drive in drives])
        found = {result.index: result for result in run(pool, policy, episodes, True)}
    results = [found[n] for n in range(len(drives))]
    return [Recording(r.frames, r.actions, r.rewards) for r in results]


class _AsRecorded:
    """An `EpisodePolicy`: an episode's candidate is the number of its actions."""

    def __init__(self, actions: Sequence[np.ndarray]):
        self._actions, self._slots = actions, [iter(())] * len(actions)

    def start(self, slot: int, episode: Episode) -> None:
        self._slots[slot] = iter(self._actions[episode.candidate])

    def act(self, frames: np.ndarray, active: np.ndarray) -> np.ndarray:
        chosen = np.zeros((len(active), self._actions[0].shape[1]), np.float32)
        for slot in np.flatnonzero(active):
            chosen[slot] = next(self._slots[slot])
        return chosen
