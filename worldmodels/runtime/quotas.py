"""How much of its cores and memory a process may use where a container's quota says so.

Linux's control groups bound the time that all processes of a group get in a period
(quota over period are the cores that they may keep busy) and the memory that they have.
A group is bound by those above it as well. `/proc/self/cgroup` names the groups of this
process, one hierarchy a line.
"""

from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

_MOUNTS = Path("/sys/fs/cgroup")


def cpu_quota() -> float | None:
    """Return the cores that this process may keep busy; None: as many as there are."""
    return tightest("cpu", _own_groups(), _MOUNTS)


def memory_limit() -> float | None:
    """Return the bytes that this process's group may have; None: all that there are."""
    return tightest("memory", _own_groups(), _MOUNTS)


def _own_groups() -> str:
    try:
        return Path("/proc/self/cgroup").read_text()
    except OSError:  # no Linux
        return ""


def tightest(controller: str, groups: str, mounts: Path) -> float | None:
    """Return the least bound from a process's groups up to the roots.

    Args:
        controller: cpu, whose bounds are cores, or memory, whose are bytes.
        groups: the text of its /proc/PID/cgroup.
        mounts: the folder that the hierarchies are mounted in.
    """
    read = _READ[controller]
    bounds = [read(folder) for folder in _folders(controller, groups, mounts)]
    return min((bound for bound in bounds if bound is not None), default=None)


def _folders(controller: str, groups: str, mounts: Path) -> Iterator[Path]:
    """Yield the folders of the groups that may be bound, and all above them.

    Within a container a path is often the host's, and what is mounted only its end:
    folders that are not there say nothing, and the mount's own is always looked at.
    """
    for line in groups.splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:  # version 2, in the second place beside version 1
            roots = [mounts, mounts / "unified"]
        elif controller in controllers.split(","):
            roots = [mounts / controllers, mounts / controller]
        else:
            continue
        parts = [part for part in PurePosixPath(path).parts if part not in ("/", "..")]
        for root in roots:
            for depth in range(len(parts), -1, -1):
                yield root.joinpath(*parts[:depth])


def _cores(folder: Path) -> float | None:
    """Return the cores that one group may keep busy; None: it has no bound."""
    for read in (_version_2, _version_1):
        try:
            quota, period = read(folder)
        except (OSError, ValueError):  # "max", or no such file
            continue
        if quota > 0 and period > 0:  # -1: no bound
            return quota / period
    return None


def _version_2(folder: Path) -> list[int]:
    return [int(word) for word in (folder / "cpu.max").read_text().split()]


def _version_1(folder: Path) -> list[int]:
    names = "cpu.cfs_quota_us", "cpu.cfs_period_us"
    return [int((folder / name).read_text()) for name in names]


def _bytes(folder: Path) -> float | None:
    """Return the memory that one group may have; None: it has no bound."""
    for name in ("memory.max", "memory.limit_in_bytes"):
        try:
            return int((folder / name).read_text())
        except (OSError, ValueError):  # "max", or no such file
            continue
    return None


_READ: dict[str, Callable[[Path], float | None]] = {"cpu": _cores, "memory": _bytes}
