"""The time that work takes, without its pauses.

A process that is stopped, or whose machine sleeps, comes back to a clock that went on.
"""

from collections import deque
from collections.abc import Iterable

_RECENT = 1000  # updates that say what is usual
_LEAST = 1.0  # seconds in all without which they say nothing
_FAR = 20.0  # times the usual; work that is only slow stays below
_NOTICED = 10.0  # seconds; what is shorter hardly changes what is left


class Pace:
    """The seconds that work took since `now`, counted at each update.

    Attributes:
        seconds: worked so far, at the last update.
    """

    def __init__(self, now: float):
        self.seconds = 0.0
        self._last = now
        self._recent: deque[float] = deque(maxlen=_RECENT)

    def update(self, now: float) -> float:
        """Count the time since the last update; return how much of it was a pause.

        One that is far longer than usual is taken for a usual one and a pause.
        """
        taken, self._last = now - self._last, now
        pause = 0.0
        if taken > _NOTICED and sum(self._recent) >= _LEAST:
            usual = typical(self._recent)
            if taken > _FAR * usual:
                pause = taken - usual
        if not pause:
            self._recent.append(taken)
        self.seconds += taken - pause
        return pause


def typical(durations: Iterable[float]) -> float:
    """Return the duration up to which half of all the time was spent.

    Not the median: episodes that end together are counted one by one, so most updates
    follow the last at once, and none of the work was done between them.
    """
    ordered = sorted(durations)
    half, spent = sum(ordered) / 2, 0.0
    for duration in ordered:
        spent += duration
        if spent >= half:
            return duration
    return 0.0
