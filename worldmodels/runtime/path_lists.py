"""Lists of paths in a file: `@FILE` in place of the paths, one a line, in UTF-8.

Linux takes 128 KiB in one argument, and a shell gets its whole command as one: some
2,850 paths of shards. No JAX is imported here: the Snakefile writes such files.
"""

import argparse
import hashlib
import os
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from worldmodels.runtime.errors import UserError

MARK = "@"  # a path that begins with it is written ./@...
LONGEST = 16 * 1024  # bytes of a list in words: a command has five lists at most
_LARGEST = 256 * 2**20  # bytes of a file that is read


class Paths(argparse.Action):
    """Stores paths, those in the files named by @FILE in their place."""

    def __call__(self, parser, namespace, values, option_string=None):
        setattr(namespace, self.dest, [Path(path) for path in expanded(values)])


class NamedPaths(argparse.Action):
    """Appends a name and the paths after it, as `Paths` reads them."""

    def __call__(self, parser, namespace, values, option_string=None):
        name, *paths = values
        given = [*(getattr(namespace, self.dest) or []), [name, *expanded(paths)]]
        setattr(namespace, self.dest, given)


def expanded(words: Iterable[str]) -> list[str]:
    """Return words with the paths in a file for each that is @FILE.

    Raises:
        UserError: for a file that is no list of paths.
    """
    paths = []
    for word in words:
        paths += read(Path(word[1:])) if word.startswith(MARK) else [word]
    return paths


def read(file: Path) -> list[str]:
    """Return the paths that a file lists, one a line.

    Raises:
        UserError: when it is missing, no plain file, too large, no text, or empty.
    """
    paths = [line for line in _text(file).split("\n") if line]
    if not paths:
        raise UserError(f"{file} lists no path; give a file with one path a line")
    return paths


def _text(file: Path) -> str:
    try:
        if not file.is_file():
            problem = "is no file" if file.exists() else "does not exist"
        elif file.stat().st_size > _LARGEST:
            problem = f"has more than {_LARGEST // 2**20} MB"
        else:
            text = file.read_bytes().decode("utf-8")
            if "\0" not in text:
                return text
            problem = "is no text"
    except UnicodeDecodeError:
        problem = "is no text in UTF-8"
    except (OSError, ValueError) as error:  # a name that is no name: with NUL in it
        problem = f"cannot be read ({getattr(error, 'strerror', None) or error})"
    raise UserError(
        f"{file} {problem}; after @ give a file with one path a line, or write ./@... "
        "for a path that begins so"
    )


def words(paths: Sequence[str], folder: Path, keep: bool) -> str:
    """Return paths as words for a shell: themselves, or @FILE where they are many.

    The file's name is a hash of what is in it, so the same list gives the same words,
    and every process that needs the file makes the same one.

    Args:
        folder: where such files are kept.
        keep: whether to write the file: not for words that nobody runs.
    """
    together = shlex.join(paths)
    if len(together.encode()) <= LONGEST:
        return together
    text = "".join(f"{path}\n" for path in paths).encode()
    file = folder / f"{hashlib.sha256(text).hexdigest()[:32]}.txt"
    if keep and not file.exists():
        _write(file, text)
    return shlex.quote(f"{MARK}{file}")


def _write(file: Path, text: bytes) -> None:
    """Write a file whole or not at all, beside others that write the same one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        fresh.write_bytes(text)
        os.replace(fresh, file)
    finally:
        fresh.unlink(missing_ok=True)
