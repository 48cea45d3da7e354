"""File systems of a test's own."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def mounted(place: Path, options: str) -> Iterator[Path]:
    """Make a folder that is a file system in memory; skip where none can be mounted."""
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "none", place]
    try:
        answer = subprocess.run(command, capture_output=True, text=True)
    except OSError as error:
        pytest.skip(f"no mount here: {error}")
    if answer.returncode:
        pytest.skip(f"mounting is not permitted here: {answer.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)
