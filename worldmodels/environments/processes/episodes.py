"""Drive episodes on a pool: which slot runs which episode, and what comes of it.

Slot s runs episodes s, s + S, s + 2S, ... in order, whatever the others do, and an
episode that is lost with its worker starts again from its seed. So a result depends on
the episode and on S alone (the policy is batched over the S slots): not on timing, on
faults or on the number of workers.

Alignment: `frames[t]` is seen, `actions[t]` chosen on it, `rewards[t]` and
`terminated[t]` follow. The frame after the last action is not kept.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from worldmodels.environments.processes.pool import EnvironmentPool, StepResult
from worldmodels.runtime.errors import UserError


@dataclass(frozen=True)
class Episode:
    """One drive: its seed decides the track and all of the policy's randomness."""

    seed: int
    steps: int  # at most this many; the environment's own limit may be lower
    candidate: int = 0  # which parameters drive it, for the policy


class EpisodePolicy(Protocol):
    """What drives the slots; one object for all of them, so that it can batch."""

    def start(self, slot: int, episode: Episode) -> None:
        """Forget the slot's past and get ready for `episode`."""

    def act(self, frames: np.ndarray, active: np.ndarray) -> np.ndarray:
        """Choose the actions, float32 [S, A], within the environment's bounds.

        Args:
            frames: uint8 [S, H, W, 3]; rows of inactive slots mean nothing.
            active: bool [S], slots with a running episode.
        """


@dataclass(frozen=True)
class EpisodeResult:
    """A finished episode of L steps."""

    index: int  # of the episode in the list given to `run`
    episode: Episode
    actions: np.ndarray  # float32 [L, A], as the environment applied them
    rewards: np.ndarray  # float32 [L]
    terminated: bool  # by the game, after the last action; else at a step limit
    frames: np.ndarray | None  # uint8 [L, H, W, 3] when recorded

    @property
    def length(self) -> int:
        """L, the number of actions taken."""
        return len(self.rewards)

    @property
    def total_reward(self) -> float:
        """The episode's return."""
        return float(self.rewards.sum(dtype=np.float64))


@dataclass
class _Running:
    """An episode on its way."""

    index: int
    episode: Episode
    actions: list = field(default_factory=list)
    rewards: list = field(default_factory=list)
    terminated: bool = False
    frames: list = field(default_factory=list)

    def result(self, record: bool) -> EpisodeResult:
        return EpisodeResult(
            self.index,
            self.episode,
            np.array(self.actions, np.float32),
            np.array(self.rewards, np.float32),
            self.terminated,
            np.array(self.frames, np.uint8) if record else None,
        )


def run(
    pool: EnvironmentPool,
    policy: EpisodePolicy,
    episodes: Sequence[Episode],
    record: bool = False,
) -> Iterator[EpisodeResult]:
    """Run all episodes, yielding each as soon as it is finished.

    Episodes that finish in the same step are yielded in the order of their slots.
    Frames are held for running episodes only, and only if `record`.

    Raises:
        UserError: for an action or a reward that is not finite, and as `pool.advance`.
    """
    if any(episode.steps < 1 for episode in episodes):
        raise UserError("an episode of less than one step cannot be run")
    slots = pool.slots
    waiting = [deque(range(slot, len(episodes), slots)) for slot in range(slots)]
    running: dict[int, _Running] = {}
    starting = {slot for slot in range(slots) if waiting[slot]}
    for slot in starting:
        running[slot] = _next(waiting[slot], episodes)
    while running:
        active = np.array([s in running and s not in starting for s in range(slots)])
        actions = _act(pool, policy, active, running, record) if active.any() else None
        for slot in sorted(starting):
            policy.start(slot, running[slot].episode)
        seeds = {slot: running[slot].episode.seed for slot in sorted(starting)}
        step = pool.advance(actions, active, seeds)
        starting = {slot for slot in running if step.lost[slot]}
        for slot in starting:
            running[slot] = _Running(running[slot].index, running[slot].episode)
        results = []
        for slot in _collect(step, actions, active, running):
            results.append(running.pop(slot).result(record))
            if waiting[slot]:
                running[slot] = _next(waiting[slot], episodes)
                starting.add(slot)
        yield from results


def _next(waiting: deque, episodes: Sequence[Episode]) -> _Running:
    index = waiting.popleft()
    return _Running(index, episodes[index])


def _act(
    pool: EnvironmentPool,
    policy: EpisodePolicy,
    active: np.ndarray,
    running: dict[int, _Running],
    record: bool,
) -> np.ndarray:
    """Let the policy choose, check its actions and note what it saw."""
    # A copy: JAX may alias the array, and the workers are about to overwrite it.
    frames = pool.frames.copy()
    actions = np.asarray(policy.act(frames, active.copy()), np.float32)
    finite = np.isfinite(actions).all(axis=1)
    for slot in np.flatnonzero(active):
        if not finite[slot]:
            seed, step = running[slot].episode.seed, len(running[slot].rewards)
            raise UserError(
                f"the policy chose the action {actions[slot].tolist()} in step {step} "
                f"of episode seed {seed}; its weights are probably not finite"
            )
        if record:
            running[slot].frames.append(frames[slot])
    return actions


def _collect(
    step: StepResult,
    actions: np.ndarray | None,
    active: np.ndarray,
    running: dict[int, _Running],
) -> list[int]:
    """Note what followed the actions; return the slots whose episode is over."""
    finished = []
    for slot in np.flatnonzero(active & ~step.lost):
        current = running[slot]
        if not np.isfinite(step.rewards[slot]):
            raise UserError(
                f"the environment gave the reward {step.rewards[slot]} in step "
                f"{len(current.rewards)} of episode seed {current.episode.seed}"
            )
        current.actions.append(actions[slot])
        current.rewards.append(step.rewards[slot])
        current.terminated = bool(step.terminated[slot])
        limit = len(current.rewards) == current.episode.steps
        if step.terminated[slot] or step.truncated[slot] or limit:
            finished.append(int(slot))
    return finished
