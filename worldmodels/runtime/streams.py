"""Standard streams: messages come out, whatever the streams are.

A stream may be closed, its terminal may lack the characters of a path, and a path may
hold any character at all.
"""

import contextlib
import io
import os
import sys

from worldmodels.runtime.printable import printable


def mend() -> None:
    """Let reading and printing go on, whatever the standard streams are.

    A closed one becomes the null device: the next file that is opened would take its
    number, and what libraries print would end up in it. Characters that cannot be
    printed are escaped.
    """
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        place: int | str = os.devnull
        try:
            os.fstat(descriptor)
        except OSError:
            place = os.open(place, os.O_RDWR)  # takes the least number that is free
        if getattr(sys, name) is None:
            null = open(place, "w" if descriptor else "r")  # noqa: SIM115
            setattr(sys, name, null)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def tell(line: str) -> None:
    """Print a line to stderr if anybody reads it."""
    with contextlib.suppress(OSError):
        print(printable(line), file=sys.stderr, flush=True)


def silence(stream: io.TextIOBase) -> None:
    """Send what a stream that cannot be written still holds to the null device.

    The interpreter flushes once more when it exits, and would complain.
    """
    with contextlib.suppress(OSError, ValueError):  # a test's has no descriptor
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
