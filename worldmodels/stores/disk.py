"""Errors of the file system, in one sentence each."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from worldmodels.stores.artifact import ArtifactError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_BARRED = (
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.EEXIST,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ENAMETOOLONG,
    errno.ELOOP,
    errno.EBUSY,
    errno.ENXIO,
)


@contextlib.contextmanager
def refuse_full_disk(path: Path) -> Iterator[None]:
    """Turn a full disk into one sentence that names what could not be written."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise ArtifactError(_no_room(error, path)) from error


@contextlib.contextmanager
def refuse_barred(path: Path) -> Iterator[None]:
    """Turn an error of writing at `path` into one sentence; not a full disk."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise
        raise ArtifactError(
            f"{path} cannot be written ({_reason(error)}: {error.filename}); choose a "
            "place where this user may write"
        ) from error


def explanation(error: OSError) -> str | None:
    """Return one sentence on a place that cannot be written; None: it is a bug."""
    place = error.filename2 or error.filename  # renamed to, or the only one
    if error.errno in _FULL:
        return _no_room(error, place)
    if error.errno not in _BARRED or place is None:
        return None
    return (
        f"{place} cannot be opened or written ({_reason(error)}); choose a place where "
        "this user may write"
    )


def _reason(error: OSError) -> str:
    # What says that the file exists is mkdir: a folder is needed in its place.
    number = errno.ENOTDIR if error.errno == errno.EEXIST else error.errno
    return os.strerror(number)


def _no_room(error: OSError, place: Path | str | None) -> str:
    where = f": {place} could not be written" if place else ""
    if error.errno == errno.EFBIG:
        return (
            f"the file size limit is reached{where}; raise it (ulimit -f unlimited) "
            "and run the same command again, finished artifacts are kept"
        )
    return (
        f"the disk is full{where}; free some space and run the same command again, "
        "finished artifacts are kept"
    )
