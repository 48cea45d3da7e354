"""Progress of a stage: a bar for a person, lines for a log.

On a terminal a bar on stderr shows the rate, the time left and the newest metrics.
Elsewhere lines are written to stderr instead, and always to the stage's log file.
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from tqdm import tqdm

from worldmodels.runtime.logs import open_log, stamped
from worldmodels.runtime.stopwatch import Pace
from worldmodels.runtime.streams import tell

_INTERVAL = 10.0  # seconds between two lines


class Progress:
    """A context manager that counts `total` pieces of work.

    A resumed work says at once where it goes on. The rate and the time left count
    no time in which the process was stopped.

    Args:
        title: what is done, usually the stage's name.
        total: pieces in the whole work.
        log: a file that lines are appended to; its folder is made.
        initial: pieces that were done before, when a work is resumed. The rate and
            the time left count only what is done from here on.
    """

    def __init__(self, title: str, total: int, log: Path | None, initial: int = 0):
        self._title, self._total, self._log = title, total, log
        self._initial = self._done = initial
        self._metrics = ""
        self._details: Sequence[str] = ()
        self._bar = None
        self._file = None

    def __enter__(self) -> Self:
        if self._log is not None:
            self._file = open_log(self._log)
        if sys.stderr.isatty():
            self._bar = tqdm(
                desc=self._title,
                total=self._total,
                initial=self._initial,
                dynamic_ncols=True,
            )
        self._written = time.monotonic()
        self._pace = Pace(self._written)
        if self._initial:
            self._write_line()
        return self

    def update(self, count: int, details: Sequence[str] = (), **metrics: float) -> None:
        """Add `count` finished pieces and show the newest metrics.

        Args:
            details: lines that follow the next line of the log.
        """
        now = time.monotonic()
        pause = self._pace.update(now)
        self._done += count
        self._details = details
        self._metrics = " ".join(
            f"{name} {value:.4g}" for name, value in metrics.items()
        )
        if self._bar is not None:
            self._bar.set_postfix_str(self._metrics, refresh=False)
            # The bar's own clock did not stop either.
            self._bar.start_t += pause
            self._bar.last_print_t += pause
            self._bar.update(count)
        if now - self._written >= _INTERVAL:
            self._write_line()

    def __exit__(self, *exception: object) -> None:
        # Also after an error: the log then says how far the work came.
        self._write_line()
        if self._bar is not None:
            self._bar.close()
        if self._file is not None:
            self._file.close()

    def _write_line(self) -> None:
        self._written = time.monotonic()
        for line in map(stamped, [self._status(), *self._details]):
            if self._bar is None:
                tell(line)
            if self._file is not None:
                print(line, file=self._file, flush=True)

    def _status(self) -> str:
        worked = self._pace.seconds
        rate = (self._done - self._initial) / worked if worked > 0 else 0.0
        parts = [f"{self._title} {self._done}/{self._total}", f"{rate:.4g}/s"]
        if self._metrics:
            parts.append(self._metrics)
        if rate > 0:
            left = tqdm.format_interval(max(self._total - self._done, 0) / rate)
            parts.append(f"{left} left")
        return ", ".join(parts)
