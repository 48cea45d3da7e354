"""A worker process as its pool sees it: started, spoken to, and killed.

Workers are started by exec, never by a bare fork, which JAX's threads do not survive,
and not through multiprocessing, which would import the parent's main module (and so
JAX) in each of them.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from multiprocessing.connection import Pipe, wait
from pathlib import Path

import worldmodels
from worldmodels.environments.processes.worker import Command, Setup
from worldmodels.runtime.exit_status import how_it_ended

_DEATH_SECONDS = 1.0  # from the end of its pipe to the end of a worker that dies

# The parallelism is over processes; a worker's own thread pools would only compete.
_ONE_THREAD = {
    f"{library}_NUM_THREADS": "1"
    for library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB")
}


class WorkerProcess:
    """One process and the pipe to it."""

    def __init__(self, setup: Setup, memory: int):
        self.setup = setup
        self.slots = range(setup.first, setup.first + setup.count)
        self.ready = False
        self.busy: set[int] = set()  # slots of the command that it works on
        self.connection, theirs = Pipe()
        # Nobody writes to it: it ends with the worker, whose end the kernel closes.
        self._life, its_life = Pipe(duplex=False)
        main = "from worldmodels.environments.processes.worker import main; main()"
        descriptors = (theirs.fileno(), memory, its_life.fileno())
        arguments = [str(number) for number in (*descriptors, os.getpid())]
        self.process = start(main, arguments, descriptors, subprocess.DEVNULL)
        theirs.close()
        its_life.close()

    def send(self, message: Setup | Command) -> bool:
        """Send, or return False when the worker is already dead."""
        try:
            self.connection.send(message)
        except OSError:
            return False
        return True

    def wait(self, limit: float) -> None:
        """Let the worker leave by itself until `limit`, in time.monotonic's seconds.

        It is not reaped: the id stays that of its group, in which a game's engine may
        have outlived it.
        """
        if not self._life.closed:
            wait([self._life], max(0.0, limit - time.monotonic()))

    def kill(self) -> None:
        """SIGKILL the worker and whatever it has started."""
        self.connection.close()
        if self.process.returncode is None:  # not reaped, so the id is still its own
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self._life.close()

    def death(self) -> str:
        """Kill what is left of a worker that has died, and return what it died of."""
        # Its pipe ended a moment ago: killed now, it would seem to have died of that.
        self.wait(time.monotonic() + _DEATH_SECONDS)
        self.kill()
        return how_it_ended(self.process.returncode)


def start(
    main: str,
    arguments: Sequence[str],
    descriptors: Sequence[int],
    stdin: int = subprocess.PIPE,
) -> subprocess.Popen:
    """Start a Python process of one thread that runs `main` with this very package.

    Args:
        descriptors: that it may use too.
    """
    return subprocess.Popen(
        [sys.executable, "-P", "-c", main, *arguments],
        stdin=stdin,
        pass_fds=descriptors,
        start_new_session=True,  # a group of its own; Ctrl-C does not reach it
        env=os.environ | _ONE_THREAD | {"PYTHONPATH": _search_path()},
    )


def _search_path() -> str:
    """Put this very package first on the workers' path, installed or not."""
    root = str(Path(worldmodels.__file__).parent.parent)
    return os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))


def anonymous_memory(size: int) -> int:
    """Return the descriptor of shared memory that vanishes with its last user."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("frames")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, size)
    return descriptor
