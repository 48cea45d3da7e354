"""The time that work would take on a quiet machine, measured on a busy one.

A thread that is ready to run waits where other programs have the processor. Linux
counts how long. What a process waited is taken out of the time that its work took.
"""

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

Clock = Callable[[], float]


class Turns(NamedTuple):
    """What all threads of some processes did so far, in seconds."""

    ran: float
    waited: float  # ready to run, while others ran


def turns(pids: Sequence[int | str] = ("self",)) -> Turns:
    """Return what some processes did so far; zeros where the system does not say."""
    counted = [0, 0]
    for pid in pids:
        for file in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            try:
                ran, waited, *_ = file.read_text().split()
            except (OSError, ValueError):  # a thread that has ended
                continue
            counted[0] += int(ran)
            counted[1] += int(waited)
    return Turns(counted[0] / 1e9, counted[1] / 1e9)


def quiet(wall: float, before: Turns, after: Turns, busy: float = math.inf) -> float:
    """Return the seconds of `wall` without what was waited among them.

    Threads that work by turns wait at the same time as each other, so that more was
    waited than is among them. What ran on `busy` cores took no less than that.

    Args:
        busy: cores that the work keeps busy on a quiet machine, if it is known.
    """
    ran, waited = after.ran - before.ran, after.waited - before.waited
    if ran <= 0 or waited <= 0:
        return wall
    return min(wall, max(wall * ran / (ran + waited), ran / busy))


def seconds(
    work: Callable[[], object],
    pids: Callable[[], Sequence[int | str]] = lambda: ("self",),
    busy: float = math.inf,
    clock: Clock = time.perf_counter,
) -> float:
    """Return the seconds that `work` would take on a quiet machine.

    Args:
        pids: of the processes that do it.
        busy: as in `quiet`.
    """
    before, begin = turns(pids()), clock()
    work()
    return quiet(clock() - begin, before, turns(pids()), busy)
