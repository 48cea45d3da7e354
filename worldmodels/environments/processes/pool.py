"""Many environments at once: a pool of worker processes that survives their deaths.

The agent is batched in the parent, so each round trip carries the actions of all slots
out and the frames of all slots back, the latter through anonymous shared memory. A
worker that dies, or that does not answer before the deadline, is killed with its whole
process group and replaced; the episodes that it was driving are reported as lost.
"""

import itertools
import math
import mmap
import os
import time
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection, wait
from typing import NamedTuple

import numpy as np

from worldmodels.environments import EnvironmentSpec
from worldmodels.environments.processes.process import WorkerProcess, anonymous_memory
from worldmodels.environments.processes.worker import (
    Command,
    Failure,
    Ready,
    Reply,
    Setup,
    frames_in,
)
from worldmodels.runtime.devices import cores
from worldmodels.runtime.errors import UserError

_ATTEMPTS = 3  # losses of one episode, or of a worker that never started
_START_SECONDS = 120.0  # a worker imports gymnasium before its first answer
_CLOSE_SECONDS = 2.0


class StepResult(NamedTuple):
    """What one round trip brought; S slots. Slots that did not step hold zeros."""

    frames: np.ndarray  # uint8 [S, H, W, 3]: a view, overwritten by the next one
    rewards: np.ndarray  # float32 [S]
    terminated: np.ndarray  # bool [S]: the game has ended
    truncated: np.ndarray  # bool [S]: the environment's step limit was reached
    lost: np.ndarray  # bool [S]: the episode is gone with its worker: start it again


class EnvironmentPool:
    """S environments ("slots") in blocks, one block a worker process.

    Args:
        spec: the environment.
        slots: S, the number of environments that step together.
        workers: processes; default: one a core, at most one a slot.
        deadline: seconds that a worker may take for one step or reset of its block.

    Use it as a context manager, from one thread: Linux ends a worker together with the
    thread that started it.
    """

    def __init__(
        self,
        spec: EnvironmentSpec,
        slots: int = 16,
        workers: int | None = None,
        deadline: float = 60.0,
    ):
        if slots < 1 or (workers is not None and workers < 1):
            raise UserError(
                f"{slots} slots on {workers} workers: both must be at least 1"
            )
        self.spec, self.slots, self.deadline = spec, slots, deadline
        count = min(workers or cores(), slots)
        self._memory = anonymous_memory(slots * math.prod(spec.seen.shape))
        self.frames = frames_in(mmap.mmap(self._memory, 0), spec)
        bounds = [slots * worker // count for worker in range(count + 1)]
        self._seeds: dict[int, int] = {}  # of the running episodes, by slot
        self._losses = dict.fromkeys(range(slots), 0)  # of that same episode
        self._lost: set[int] = set()  # slots that wait to be started again
        self._failed_starts = 0
        self._workers: list[WorkerProcess] = []
        for first, end in itertools.pairwise(bounds):
            self._workers.append(self._start(Setup(spec, first, end - first)))

    def __enter__(self) -> "EnvironmentPool":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers, in the order of their slots."""
        return [worker.process.pid for worker in self._workers]

    def reset(self, slots: Sequence[int], seeds: Sequence[int]) -> StepResult:
        """Start an episode in each of `slots`, from its seed."""
        nobody = np.zeros(self.slots, bool)
        return self.advance(None, nobody, dict(zip(slots, seeds, strict=True)))

    def step(self, actions: np.ndarray, active: np.ndarray) -> StepResult:
        """Step the `active` [S] slots with `actions` [S, A]."""
        return self.advance(actions, active, {})

    def advance(
        self,
        actions: np.ndarray | None,
        active: np.ndarray,
        seeds: Mapping[int, int],
    ) -> StepResult:
        """Step the `active` slots and start episodes in others, in one round trip.

        Args:
            actions: float32 [S, A]; rows of inactive slots are ignored.
            active: bool [S], slots to step.
            seeds: episode seed of each slot that starts; none of these may be active.

        Raises:
            UserError: when the same episode was lost, or no worker started, 3 times;
                the pool can then only be closed.
        """
        for slot, seed in seeds.items():
            if slot not in self._lost or self._seeds[slot] != seed:
                self._losses[slot] = 0
            self._seeds[slot] = int(seed)
        self._lost -= set(seeds)
        result = StepResult(
            self.frames,
            np.zeros(self.slots, np.float32),
            np.zeros(self.slots, bool),
            np.zeros(self.slots, bool),
            np.zeros(self.slots, bool),
        )
        waiting = {}
        for worker in list(self._workers):
            command = Command(
                {slot: self._seeds[slot] for slot in worker.slots if slot in seeds},
                {slot: actions[slot] for slot in worker.slots if active[slot]},
            )
            if not any(command):
                continue
            worker.busy = set(command.seeds) | set(command.actions)
            if worker.send(command):
                waiting[worker.connection] = (worker, self._limit(worker))
            else:
                self._replace(worker, result, worker.death())
        self._collect(waiting, result)
        return result

    def close(self) -> None:
        """End all workers; those that do not leave by themselves are killed."""
        for worker in self._workers:
            worker.connection.close()
        limit = time.monotonic() + _CLOSE_SECONDS
        for worker in self._workers:
            worker.wait(limit)
            worker.kill()
        self._workers = []
        if self._memory >= 0:
            os.close(self._memory)
            self._memory = -1

    def _start(self, setup: Setup) -> WorkerProcess:
        worker = WorkerProcess(setup, self._memory)
        worker.send(setup)  # if it is dead already, the next command finds out
        return worker

    def _limit(self, worker: WorkerProcess) -> float:
        patience = self.deadline if worker.ready else _START_SECONDS
        return time.monotonic() + patience

    def _collect(
        self,
        waiting: dict[Connection, tuple[WorkerProcess, float]],
        result: StepResult,
    ) -> None:
        """Read one reply a worker; replace those that are dead or late."""
        while waiting:
            first_limit = min(limit for _, limit in waiting.values())
            answered = wait(waiting, max(0.0, first_limit - time.monotonic()))
            for connection in answered:
                worker, _ = waiting.pop(connection)
                if self._receive(worker, result):
                    waiting[connection] = (worker, self._limit(worker))
            if not answered:  # asked with the limit passed: a late look was included
                now = time.monotonic()
                late = [c for c, (_, limit) in waiting.items() if limit <= now]
                for connection in late:
                    worker, _ = waiting.pop(connection)
                    self._replace(worker, result, "stalled")

    def _receive(self, worker: WorkerProcess, result: StepResult) -> bool:
        """Take one message; return whether its reply is still to come."""
        try:
            message = worker.connection.recv()
        except (EOFError, OSError):
            self._replace(worker, result, worker.death())
            return False
        if isinstance(message, Failure):
            self._replace(
                worker, result, f"failed with {message.message}", message.seed
            )
        elif isinstance(message, Ready):
            worker.ready = True
            self._failed_starts = 0
            return True
        else:
            _fill(result, message)
        return False

    def _replace(
        self,
        worker: WorkerProcess,
        result: StepResult,
        reason: str,
        seed: int | None = None,
    ) -> None:
        """Kill and replace a worker; report its running episodes as lost.

        `seed` names the one episode that is to blame, where that is known.
        """
        worker.kill()
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts >= _ATTEMPTS:
                raise UserError(f"environment workers cannot start: the last {reason}")
        for slot in worker.slots:
            if slot not in self._seeds:
                continue
            result.lost[slot] = True
            self._lost.add(slot)
            if slot in worker.busy and seed in (None, self._seeds[slot]):
                self._losses[slot] += worker.ready
            if self._losses[slot] >= _ATTEMPTS:
                raise UserError(
                    f"the environment of episode seed {self._seeds[slot]} was lost "
                    f"{_ATTEMPTS} times: the last worker {reason}"
                )
        self._workers[self._workers.index(worker)] = self._start(worker.setup)


def _fill(result: StepResult, reply: Reply) -> None:
    for slot, (reward, terminated, truncated) in reply.outcomes.items():
        result.rewards[slot] = reward
        result.terminated[slot] = terminated
        result.truncated[slot] = truncated
