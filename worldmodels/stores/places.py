"""Places: what a result may replace, who may write it, and how it gets there.

Nothing is replaced but what a command of this project made: a store by a store of the
same kind, a file by a file. A place changes in one step of the file system, so that
what is there after a kill or a power cut is the old result or the new one, whole.
"""

import contextlib
import ctypes
import errno
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from worldmodels.runtime import locks
from worldmodels.runtime.json_files import attributes
from worldmodels.stores.artifact import ArtifactError
from worldmodels.stores.disk import refuse_barred

# What a workflow manager and a file browser add to the folder of a store.
_ADDED = {".snakemake_timestamp", ".DS_Store"}
_PART_OF_A_STORE = re.compile(r"zarr\.json|c(\.\d+)*")
_NOTHING = re.compile(r"(?!)")
# zarr writes a file under another name first.
_UNFINISHED = re.compile(rf"({_PART_OF_A_STORE.pattern}|.+\.[0-9a-f]{{32}}\.partial)")
_MARKS = {"kind", "schema", "provenance", "files"}

_AT_CWD, _LINUX_SWAP, _MACOS_SWAP = -100, 2, 2
_CANNOT_SYNC = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)


def store_place(path: Path, kind: str) -> Path:
    """Return where a store of `kind` may be published: `path`, or what it links to.

    Raises:
        ArtifactError: when something else than such a store, or an empty folder, is
            there.
    """
    if path.is_symlink() and not path.is_dir():
        raise ArtifactError(
            f"{path} is a link to {os.readlink(path)}, which is no folder; remove the "
            "link or give another path"
        )
    place = Path(os.path.realpath(path))
    _refuse_inside(path, place)
    if not os.path.lexists(place):
        return place
    if not place.is_dir():
        raise ArtifactError(
            f"{path} is {_sort(place)} and a store is a folder; give another path"
        )
    if os.path.ismount(place) or Path.cwd().is_relative_to(place):
        raise ArtifactError(
            f"{path} is a folder that is in use, as a mount point or as this "
            "command's own; give the path of a folder in it"
        )
    if set(os.listdir(place)) - _ADDED:
        _refuse_others(path, place, kind)
    return place


def _refuse_others(path: Path, place: Path, kind: str) -> None:
    found = _stored_kind(place)
    if found is None:
        names = ", ".join(sorted(os.listdir(place))[:3])
        raise ArtifactError(
            f"{path} holds other files ({names}) and no {kind} store of this project "
            "that could be replaced; give another path"
        )
    if found != kind:
        raise ArtifactError(
            f"{path} is a store of the kind {found} and is not replaced by one of the "
            f"kind {kind}; give another path or delete it first"
        )
    if stranger := next(_strangers(place, arrays=_recorded(place)), None):
        raise ArtifactError(
            f"{path} holds {stranger}, which is no part of the store and would be "
            "lost; move it elsewhere or give another path"
        )


def _stored_kind(store: Path) -> str | None:
    """Return the kind that a store of this project names; None: it is no such store."""
    recorded = attributes(store)
    return str(recorded["kind"]) if recorded.keys() >= _MARKS else None


def _recorded(store: Path) -> set[str] | None:
    """Return the names of the arrays that a store records, if it can tell."""
    files = attributes(store)["files"]
    return set(files) if isinstance(files, dict) and files else None


def _strangers(
    store: Path,
    names: re.Pattern = _PART_OF_A_STORE,
    arrays: set[str] | None = None,
    below: str = "",
) -> Iterator[Path]:
    """Yield the files that lie in a store and were not put there by its stage.

    Args:
        names: what the files of a store are called.
        arrays: its arrays, as far as they are known.
        below: the folder in the store that is looked through, "" or ending in a slash.
    """
    for entry in os.scandir(store / below):
        inner = f"{below}{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            known = arrays is None or any(
                f"{name}/".startswith(f"{inner}/") for name in arrays
            )
            inside = names if known else _NOTHING
            yield from _strangers(store, inside, arrays, f"{inner}/")
        elif entry.name not in _ADDED and (
            not entry.is_file(follow_symlinks=False) or not names.fullmatch(entry.name)
        ):
            yield Path(entry.path)


def _refuse_in_the_way(hidden: Path, path: Path) -> None:
    """Refuse a hidden folder, in which `path` is made, with what may be the user's.

    Raises:
        ArtifactError: when it is no folder, or holds what no writer left there.
    """
    if not os.path.lexists(hidden):
        return
    plain = hidden.is_dir() and not hidden.is_symlink()
    found = next(_strangers(hidden, _UNFINISHED), None) if plain else hidden
    if found is not None:
        raise _in_the_way(found, path)


def _refuse_filled(lock: Path, path: Path) -> None:
    """Refuse a hidden file, which is a lock and deleted, with something in it."""
    if os.path.lexists(lock) and (lock.is_symlink() or lock.lstat().st_size):
        raise _in_the_way(lock, path)


def _in_the_way(hidden: Path, path: Path) -> ArtifactError:
    return ArtifactError(
        f"{hidden} is in the way of writing {path} and would be lost; move it "
        "elsewhere or give another path"
    )


def _refuse_inside(path: Path, place: Path) -> None:
    """Refuse a place in a store, which would be damaged."""
    for folder in place.parents:
        if _stored_kind(folder) is not None:
            raise ArtifactError(
                f"{path} lies in the store {folder}, which it would damage; give "
                "another path"
            )


def _sort(place: Path) -> str:
    return "a file" if place.is_file() else "a device, pipe or socket"


@contextlib.contextmanager
def new_store(path: Path, kind: str) -> Iterator[tuple[Path, Path]]:
    """Give an empty folder to fill and the place to `publish` it at, locked.

    Raises:
        ArtifactError: when the place may not be replaced or cannot be written, or when
            another process is writing the same store.
    """
    place = store_place(path, kind)
    folder = place.with_name(f".{place.name}.partial")
    lock = place.with_name(f".{place.name}.lock")
    _refuse_filled(lock, path)
    with _locked(lock, path):
        for hidden in (folder, _set_aside(place)):
            _refuse_in_the_way(hidden, path)
        with refuse_barred(path):
            folder.mkdir(exist_ok=True)
        if not place.exists() and _set_aside(place).exists():
            # A writer was killed between the two renames of `publish`.
            os.rename(_set_aside(place), place)
        for leftover in folder.iterdir():
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        yield folder, place


def publish(folder: Path, place: Path) -> None:
    """Move a complete store into its place, and delete what stood there."""
    for parent, _, files in os.walk(folder):
        for name in (*files, "."):
            _sync(Path(parent, name))
    old = _set_aside(place)
    remove(old)
    if not place.exists() or not any(os.scandir(place)):
        os.rename(folder, place)  # over an empty folder too
    elif _swap(folder, place):
        old = folder
    else:
        os.rename(place, old)
        os.rename(folder, place)
    _sync(place.parent)
    remove(old)


def _swap(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; False where that is not possible."""
    libc = ctypes.CDLL(None)
    names = os.fsencode(one), os.fsencode(other)
    if sys.platform == "darwin":
        return libc.renamex_np(*names, _MACOS_SWAP) == 0
    if hasattr(libc, "renameat2"):
        return libc.renameat2(_AT_CWD, names[0], _AT_CWD, names[1], _LINUX_SWAP) == 0
    return False


def _set_aside(place: Path) -> Path:
    return place.with_name(f".{place.name}.old")


def remove(folder: Path) -> None:
    """Delete a folder whose last chunks zarr's threads may still be writing.

    When one write fails, those beside it go on, and each makes its folder anew.
    """
    for _ in range(6):
        if not folder.exists():
            return
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.05)


def file_place(path: Path) -> Path:
    """Return where a file may be published: `path`, or the file that it links to.

    Raises:
        ArtifactError: for a folder, a device or a pipe.
    """
    place = Path(os.path.realpath(path))
    if os.path.lexists(place) and not place.is_file():
        what = "a folder" if place.is_dir() else _sort(place)
        raise ArtifactError(
            f"{path} is {what}, which a file does not replace; give another name"
        )
    _refuse_inside(path, place)
    return place


def check_file(path: Path) -> None:
    """Refuse, before the work, a file that could not be published at `path`.

    Raises:
        ArtifactError: for a folder or a device in its place, or a folder that cannot
            be made or written.
    """
    place = file_place(path)
    home = next(folder for folder in place.parents if os.path.lexists(folder))
    with refuse_barred(path):
        tempfile.TemporaryFile(dir=home).close()
        with contextlib.suppress(FileNotFoundError):
            os.lstat(_fresh(place))  # its name may be too long


def check_beside(path: Path, beside: Path) -> None:
    """Refuse to write `beside`, which the user did not name, over what may be theirs.

    An earlier run of the command leaves both.

    Raises:
        ArtifactError: when `beside` is there and `path` is not; else as `check_file`.
    """
    check_file(path)
    check_file(beside)
    if file_place(path) == file_place(beside):
        raise ArtifactError(
            f"{path} would be overwritten by what is written beside it; give another "
            "name"
        )
    if beside.exists() and not path.exists():
        raise ArtifactError(
            f"{beside} would be written beside {path} and is there already; move it "
            "elsewhere or give another path"
        )


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Give a file beside `path` to fill; it takes its place when the block ends well.

    Raises:
        ArtifactError: when the place may not be replaced or cannot be written, or when
            another process is writing the same file.
    """
    place = file_place(path)
    fresh = _fresh(place)
    with _locked(fresh, path):
        yield fresh
        _sync(fresh)
        os.replace(fresh, place)
        _sync(place.parent)


def _fresh(place: Path) -> Path:
    return place.with_name(f".{place.stem}.new{place.suffix}")  # its suffix says what


@contextlib.contextmanager
def _locked(file: Path, path: Path) -> Iterator[None]:
    """Make `file`, lock it, and delete it in the end where it is still there.

    Args:
        path: what is written, for the reader.
    """
    with refuse_barred(path):
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    try:
        # Another writer may have moved or deleted this very file since it was opened.
        if not locks.take(lock) or not _is_at(lock, file):
            raise ArtifactError(
                f"another process is writing {path}; wait for it to end or stop it"
            )
        try:
            yield
        finally:
            if _is_at(lock, file):
                file.unlink()
    finally:
        os.close(lock)


def _is_at(descriptor: int, file: Path) -> bool:
    return file.exists() and os.path.samestat(os.fstat(descriptor), os.stat(file))


def _sync(path: Path) -> None:
    """Wait until a file or a folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:  # as of a folder of some shared disks
            raise
    finally:
        os.close(descriptor)
