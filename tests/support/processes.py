"""Processes as the kernel tells of them: who lives, and who started whom."""

import time
from pathlib import Path


def _fields(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the state on; none: no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    return _fields(pid)[:1] not in ([], ["Z"])


def children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    everyone = [int(place.name) for place in Path("/proc").glob("[0-9]*")]
    return [other for other in everyone if _fields(other)[1:2] == [str(pid)]]


def wait_until(condition, seconds: float = 20.0) -> bool:
    """Wait for the condition; return whether it came true."""
    limit = time.monotonic() + seconds
    while not condition() and time.monotonic() < limit:
        time.sleep(0.02)
    return condition()
