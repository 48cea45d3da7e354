"""JSON of unknown origin, read in memory and time that the size of a file accounts for.

A store's description may be damaged, gigantic or no file at all. No JAX is imported
here: the Snakefile reads it.
"""

import json
import os
import re
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

LARGEST_FILE = 16 * 2**20  # bytes of a file: the inputs of 400,000 shards


class Malformed(ValueError):
    """A part of a store is impossible; the message names it and says why."""


def read(path: Path) -> Any:
    """Return what a file of JSON holds.

    Raises:
        Malformed: when it is no file, too large, or no JSON.
        OSError: when it cannot be read.
    """
    content = _content(path)
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"{path.name} is no JSON that can be read") from error


def replace(path: Path, text: str) -> None:
    """Put a text into a file in one step, whatever is there.

    Raises:
        OSError: when it cannot be written.
    """
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        fresh.write_text(text)
        os.replace(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)


def attributes(store: Path) -> Mapping[str, Any]:
    """Return what a store records, unchecked; nothing where that cannot be read."""
    try:
        found = _attributes(_content(store / "zarr.json").decode())
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _attributes(text: str) -> Any:
    # They come first, and what follows of the arrays is several times as long.
    if begun := re.match(r'\s*{\s*"attributes":\s*', text):
        return json.JSONDecoder().raw_decode(text, begun.end())[0]
    return json.loads(text)["attributes"]


def _content(path: Path) -> bytes:
    # First, because to open a pipe would wait, and to open a device may do something.
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise Malformed(f"{path.name} is no file")
    with open(path, "rb", opener=_without_waiting) as file:
        content = file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise Malformed(f"{path.name} is larger than {LARGEST_FILE:,} bytes")
    return content


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)
