"""Locks on files: one writer at a time, also on another machine of a cluster.

A lock ends with its process, however that ends. It is of a file and not of a folder:
network file systems keep locks of folders on each machine alone.
"""

import errno
import fcntl

# Some network file systems have no locks; they are used as if nobody else was there.
_NONE = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)


def take(descriptor: int) -> bool:
    """Lock an open file until it is closed; return whether no other process has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NONE:
            raise
    return True
