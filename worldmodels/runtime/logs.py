"""The log file of a stage, and the logs of its earlier tries."""

import contextlib
import os
import time
from itertools import count
from pathlib import Path
from typing import TextIO

from worldmodels.runtime.errors import UserError


def open_log(path: Path) -> TextIO:
    """Open a log to append lines to; a new one gets a second name as well.

    Snakemake deletes the log of a job before each try. Its second name,
    tries/NAME-1.log beside it, then NAME-2.log and so on, keeps the lines of that try.

    Raises:
        UserError: for a place that can have no files, such as /proc.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        begun = not path.exists()
        descriptor = _open(path)
    except FileNotFoundError as error:  # what mkdir says there, of the folder it makes
        raise UserError(
            f"the log {path} cannot be written ({error.strerror}: {error.filename}); "
            "choose a place where this user may write"
        ) from error
    file = os.fdopen(descriptor, "a", encoding="utf-8", errors="backslashreplace")
    if begun and path.is_file():
        # A file system without links keeps the last try's log alone.
        with contextlib.suppress(OSError):
            _name_again(path)
    return file


def _open(path: Path) -> int:
    """Open a file to append to; a pipe that nobody reads is not waited for."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    descriptor = os.open(path, flags | os.O_NONBLOCK, 0o666)
    os.set_blocking(descriptor, True)
    return descriptor


def stamped(line: str) -> str:
    """Return a line of a log: the time, then the text."""
    return f"{time.strftime('%Y-%m-%d %H:%M:%S')} {line}"


def record(path: Path, line: str) -> None:
    """Append a line to a log where it can be written."""
    with contextlib.suppress(OSError, UserError), open_log(path) as file:
        print(stamped(line), file=file)


def _name_again(path: Path) -> None:
    folder = path.parent / "tries"
    folder.mkdir(exist_ok=True)
    for number in count(1):
        with contextlib.suppress(FileExistsError):
            os.link(path, folder / f"{path.stem}-{number}{path.suffix}")
            return
