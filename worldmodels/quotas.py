"""How much of its cores a process may use where a container's quota says so.

Linux's control groups bound the time that all processes of a group get in a period:
quota over period are the cores that they may keep busy. A group is bound by those above
it as well. `/proc/self/cgroup` names the groups of this process, one hierarchy a line.
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_MOUNTS = Path("/sys/fs/cgroup")


def cpu_quota() -> float | None:
    """Return the cores that this process may keep busy; None: as many as there are."""
    try:
        groups = Path("/proc/self/cgroup").read_text()
    except OSError:  # no Linux
        return None
    return tightest(groups, _MOUNTS)


def tightest(groups: str, mounts: Path) -> float | None:
    """Return the least quota from a process's groups up to the roots, in cores.

    Args:
        groups: the text of its /proc/PID/cgroup.
        mounts: the folder that the hierarchies are mounted in.
    """
    quotas = [_quota(folder) for folder in _folders(groups, mounts)]
    return min((quota for quota in quotas if quota is not None), default=None)


def _folders(groups: str, mounts: Path) -> Iterator[Path]:
    """Yield the folders of the groups that may bound cores, and all above them.

    Within a container a path is often the host's, and what is mounted only its end:
    folders that are not there say nothing, and the mount's own is always looked at.
    """
    for line in groups.splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:  # version 2, in the second place beside version 1
            roots = [mounts, mounts / "unified"]
        elif "cpu" in controllers.split(","):
            roots = [mounts / controllers, mounts / "cpu"]
        else:
            continue
        parts = [part for part in PurePosixPath(path).parts if part not in ("/", "..")]
        for root in roots:
            for depth in range(len(parts), -1, -1):
                yield root.joinpath(*parts[:depth])


def _quota(folder: Path) -> float | None:
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
