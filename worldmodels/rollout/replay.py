"""Drives in the game: the agent's live, or recorded ones again."""

import contextlib
import os
import pickle
import sys
from collections.abc import Callable
from subprocess import Popen, TimeoutExpired
from typing import NamedTuple

import numpy as np

from worldmodels.environments import EnvironmentSpec
from worldmodels.environments.frames import preprocess
from worldmodels.environments.processes.process import anonymous_memory, start
from worldmodels.environments.processes.worker import die_with
from worldmodels.runtime.errors import UserError
from worldmodels.runtime.exit_status import how_it_ended

_PATIENCE = 0.1  # seconds between two looks at whether a process is still wanted


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
            frame = preprocess(raw, spec.seen)
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


def replay(
    spec: EnvironmentSpec, driven: Driven, stopped: Callable[[], bool] = lambda: False
) -> Recording:
    """Drive again as recorded, in a process of its own: several threads may do it.

    The same seed and actions give the same drive, as long as gymnasium and its physics
    engine are the same.

    Args:
        stopped: asked now and then; the process is killed once it returns true.

    Raises:
        UserError: for a world that cannot be played, or a process that was killed.
    """
    memory = anonymous_memory(0)
    try:
        main = "from worldmodels.rollout.replay import main; main()"
        process = start(main, [str(memory), str(os.getpid())], [memory])
        _wait(process, pickle.dumps((spec, driven)), stopped)
        if process.returncode:
            raise UserError(
                f"the process that drives the episode of seed {driven.seed} again "
                f"{how_it_ended(process.returncode)}; run the same command again"
            )
        with open(memory, "rb", closefd=False) as file:
            file.seek(0)
            found = pickle.load(file)
    finally:
        os.close(memory)
    if isinstance(found, str):
        raise UserError(found)
    return found


def _wait(process: Popen, task: bytes, stopped: Callable[[], bool]) -> None:
    """Give a process its task and wait for its end."""
    try:
        with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
            pipe.write(task)
        while process.poll() is None and not stopped():
            with contextlib.suppress(TimeoutExpired):
                process.wait(_PATIENCE)
    finally:
        process.kill()  # nothing, where it has ended
        process.wait()


def main() -> None:
    """Drive one episode again for `replay`, which gives the task on stdin.

    Arguments: the descriptor of the memory that takes the recording, or a sentence on
    what failed, and the parent's id.
    """
    memory, parent = map(int, sys.argv[1:])
    os.set_inheritable(memory, False)
    die_with(parent)
    spec, driven = pickle.load(sys.stdin.buffer)
    recorded = iter(driven.actions)
    try:
        found = drive(
            spec, driven.seed, lambda frame: next(recorded), len(driven.actions)
        )
    except UserError as error:
        found = str(error)
    with open(memory, "wb") as file:
        pickle.dump(found, file, pickle.HIGHEST_PROTOCOL)
