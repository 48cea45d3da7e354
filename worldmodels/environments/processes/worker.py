"""One environment worker: the process that a pool starts, and its commands.

It owns a block of slots, answers one command message with one reply, and ends as soon
as the pool's end of the pipe is closed, by `close` or by the parent's death.
"""

import ctypes
import mmap
import os
import signal
import sys
import traceback
from multiprocessing.connection import Connection
from typing import NamedTuple

import numpy as np

from worldmodels.environments import EnvironmentSpec
from worldmodels.environments.frames import preprocess
from worldmodels.runtime.errors import UserError

_PR_SET_PDEATHSIG = 1


class Setup(NamedTuple):
    """The first message: what to build and which slots [first, first + count)."""

    spec: EnvironmentSpec
    first: int
    count: int


class Command(NamedTuple):
    """One round trip: slots to start with a seed, slots to step with an action [A]."""

    seeds: dict[int, int]
    actions: dict[int, np.ndarray]


class Ready(NamedTuple):
    """The environments stand; sent once, after `Setup`."""


class Reply(NamedTuple):
    """For each stepped slot: reward, terminated, truncated. Frames are shared."""

    outcomes: dict[int, tuple[float, bool, bool]]


class Failure(NamedTuple):
    """An exception: the slot's episode seed, if it was one slot's, and what it said."""

    seed: int | None
    message: str


def frames_in(memory: mmap.mmap, spec: EnvironmentSpec) -> np.ndarray:
    """Return the shared memory as the frames of S slots, uint8 [S, H, W, 3]."""
    return np.frombuffer(memory, np.uint8).reshape(-1, *spec.seen.shape)


def die_with(parent: int) -> None:
    """Ask Linux for SIGKILL when the parent dies: it reaches a stopped worker too."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


class _Block:
    """The environments of one worker."""

    def __init__(self, setup: Setup, frames: np.ndarray):
        slots = range(setup.first, setup.first + setup.count)
        self._environments = {slot: setup.spec.make() for slot in slots}
        self._view = setup.spec.seen
        self._seeds: dict[int, int] = {}
        self._frames = frames

    def answer(self, command: Command) -> Reply | Failure:
        slot = -1
        try:
            for slot, seed in command.seeds.items():
                self._seeds[slot] = seed
                frame, _ = self._environments[slot].reset(seed=seed)
                self._frames[slot] = preprocess(frame, self._view)
            outcomes = {}
            for slot, action in command.actions.items():
                outcomes[slot] = self._step(slot, action)
        except Exception as error:
            return Failure(self._seeds.get(slot), _describe(error))
        return Reply(outcomes)

    def close(self) -> None:
        for environment in self._environments.values():
            environment.close()

    def _step(self, slot: int, action: np.ndarray) -> tuple[float, bool, bool]:
        frame, reward, terminated, truncated, _ = self._environments[slot].step(action)
        self._frames[slot] = preprocess(frame, self._view)
        return float(reward), bool(terminated), bool(truncated)


def _describe(error: Exception) -> str:
    if isinstance(error, UserError):
        return str(error)
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({where.filename}:{where.lineno})"


def _serve(connection: Connection, memory: mmap.mmap) -> None:
    setup = connection.recv()
    try:
        block = _Block(setup, frames_in(memory, setup.spec))
    except Exception as error:
        connection.send(Failure(None, _describe(error)))
        return
    connection.send(Ready())
    try:
        while True:
            connection.send(block.answer(connection.recv()))
    finally:
        block.close()


def main() -> None:
    """Serve the pool; arguments: descriptors of pipe, memory and life, parent's id.

    The life is a pipe that stays open, untouched, for as long as this process runs.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pipe, memory, life, parent = map(int, sys.argv[1:])
    for descriptor in (pipe, memory, life):
        # Held by a game's engine as well, a pipe would not end with this process.
        os.set_inheritable(descriptor, False)
    die_with(parent)
    try:
        _serve(Connection(pipe), mmap.mmap(memory, 0))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the pool is gone or does not want this worker any more
