"""Stop signals held back until a piece of work is done, so that it can be saved.

A cluster sends SIGTERM some seconds before it kills a job that has reached its time
limit, and a terminal sends SIGINT for Ctrl-C.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from worldmodels.runtime.streams import tell


@contextmanager
def held_back() -> Iterator[Callable[[], bool]]:
    """Give a function that returns whether to stop; stop at the end of the block.

    A second SIGINT stops at once. In other threads than the main one, which get no
    signals, nothing is held back.

    Raises:
        KeyboardInterrupt: at the end, after SIGINT.
        SystemExit: at the end, after SIGTERM, with the status 143 of a shell.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    came: list[int] = []

    def note(number: int, frame: object) -> None:
        came.append(number)
        # A cluster sends SIGTERM to a job and to its step: two within a millisecond.
        if came.count(signal.SIGINT) > 1:
            _stop(number)

    before = {n: signal.signal(n, note) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if came:
        _stop(came[0])


def _stop(number: int) -> None:
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    tell("stopped: the same command goes on where it was")
    raise SystemExit(128 + number)
