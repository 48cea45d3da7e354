"""Publication: a store or a file appears in its place whole, or not at all.

A store is filled in a hidden folder beside its final place and renamed into it when it
is complete, so a reader never sees half of one and a failure leaves the last good one.
What is recorded then is what `artifacts` compares at opening. The metadata is
consolidated: other readers need not list folders, and so do not stumble over what a
workflow manager puts there.
"""

import contextlib
import errno
import fcntl
import json
import os
import shutil
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from worldmodels.artifacts import SCHEMA, Artifact, ArtifactError, count_files
from worldmodels.provenance import fingerprint, input_hashes, surroundings
from worldmodels.sharding import COMPRESSORS, Rows, count_missing

_FULL = (errno.ENOSPC, errno.EDQUOT)
_BARRED = (
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.EEXIST,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ENAMETOOLONG,
)


class Writer:
    """A store that is being filled; only `create` makes one.

    Attributes:
        seconds_before: wall time that its stage took before it began to write.
    """

    def __init__(self, path: Path):
        self.path = path
        self.seconds_before = 0.0

    def array(
        self,
        name: str,
        shape: Sequence[int],
        dtype: Any,
        dimensions: Sequence[str],
        chunks: Sequence[int] | None = None,
        shards: Sequence[int] | None = None,
    ) -> zarr.Array:
        """Create the array `name` to be filled piece by piece, and return it.

        `dimensions` names each axis; `chunks` defaults to one chunk for all of it, and
        each is a file unless `shards` holds several.
        """
        shape = tuple(shape)
        return zarr.create_array(
            str(self.path / name),
            shape=shape,
            dtype=dtype,
            chunks=tuple(chunks or (max(n, 1) for n in shape)),
            shards=shards,
            compressors=COMPRESSORS,
            dimension_names=list(dimensions),
            chunk_key_encoding={"name": "default", "separator": "."},
            config={"write_empty_chunks": True},
        )

    def rows(
        self, name: str, shape: Sequence[int], dtype: Any, dimensions: Sequence[str]
    ) -> Rows:
        """Create the array `name` as one file, to be filled by rows in any order."""
        shape = tuple(shape)
        self.array(name, shape, dtype, dimensions, (1, *shape[1:]), shape)
        return Rows(self.path / name)

    def write(
        self,
        name: str,
        values: Any,
        dimensions: Sequence[str] = (),
        attributes: Mapping[str, Any] | None = None,
    ) -> None:
        """Write a whole array at once; unnamed axes are called axis0, axis1, ..."""
        values = np.asarray(values)
        names = list(dimensions) or [f"axis{n}" for n in range(values.ndim)]
        array = self.array(name, values.shape, values.dtype, names)
        array[...] = values
        array.attrs.update(attributes or {})

    def tree(self, prefix: str, tree: Mapping[str, Any]) -> None:
        """Write nested dicts of arrays, each under the path of its keys."""
        for key, value in tree.items():
            if isinstance(value, Mapping):
                self.tree(f"{prefix}/{key}", value)
            else:
                self.write(f"{prefix}/{key}", value)


@contextlib.contextmanager
def create(
    path: str | Path,
    kind: str,
    *,
    config: Mapping[str, Any],
    inputs: Mapping[str, Artifact | Sequence[Artifact]],
    stage_version: int,
) -> Iterator[Writer]:
    """Fill a new store and publish it at `path` when the block ends well.

    Args:
        kind: what the store is, checked when it is opened.
        config: the resolved settings of its stage, as JSON values.
        inputs: the artifacts that it was made from, by role.
        stage_version: the stage's own version; part of the provenance.

    Raises:
        ArtifactError: when another process is writing the same store, when its folder
            cannot be made, or when the disk is full. What stood at `path` before is
            still there then.
    """
    path = Path(path)
    started = time.time()
    with refuse_full_disk(path), _exclusive(path) as folder:
        attributes = _attributes(kind, config, inputs, stage_version)
        try:
            writer = Writer(folder)
            yield writer
            seconds = writer.seconds_before + time.time() - started
            attributes["wall_seconds"] = round(seconds, 3)
            _complete(folder, attributes)
            _publish(folder, path)
        except BaseException:
            _remove(folder)
            raise


def _remove(folder: Path) -> None:
    """Delete a folder whose last chunks zarr's threads may still be writing.

    When one write fails, those beside it go on, and each makes its folder anew.
    """
    for _ in range(6):
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.05)


@contextlib.contextmanager
def refuse_full_disk(path: Path) -> Iterator[None]:
    """Turn a full disk into one sentence that names what could not be written."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise ArtifactError(_full_disk(path)) from error


def explanation(error: OSError) -> str | None:
    """Return one sentence on a place that cannot be written; None: it is a bug."""
    place = error.filename2 or error.filename  # renamed to, or the only one
    if error.errno in _FULL:
        return _full_disk(place)
    if error.errno not in _BARRED or place is None:
        return None
    # What says that the file exists is mkdir: a folder is needed in its place.
    number = errno.ENOTDIR if error.errno == errno.EEXIST else error.errno
    return (
        f"{place} cannot be opened or written ({os.strerror(number)}); choose a place "
        "where this user may write"
    )


def _full_disk(place: Path | str | None) -> str:
    where = f": {place} could not be written" if place else ""
    return (
        f"the disk is full{where}; free some space and run the same command again, "
        "finished artifacts are kept"
    )


@contextlib.contextmanager
def _exclusive(path: Path) -> Iterator[Path]:
    """Give an empty folder beside `path`, locked against other writers."""
    folder = path.with_name(f".{path.name}.partial")
    lock = _locked(folder, path)
    try:
        if not path.exists() and _set_aside(path).exists():
            # A writer was killed between the two renames of `_publish`.
            os.rename(_set_aside(path), path)
        for leftover in folder.iterdir():
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        yield folder
    finally:
        os.close(lock)


def _locked(folder: Path, path: Path) -> int:
    """Make `folder` and return its descriptor, which holds the lock until closed."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder, os.O_RDONLY)
    except OSError as error:
        if error.errno in _FULL:
            raise
        raise ArtifactError(
            f"{path} cannot be written ({error.strerror}: {error.filename}); choose a "
            "place where this user may write"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Another writer may have published this very folder since it was opened.
        held = folder.exists() and os.path.samestat(os.fstat(lock), os.stat(folder))
    except BlockingIOError:
        held = False
    if not held:
        os.close(lock)
        raise ArtifactError(
            f"another process is writing {path}; wait for it to end or stop it"
        )
    return lock


def _complete(folder: Path, attributes: Mapping[str, Any]) -> None:
    """Record in the store what it is and what it holds."""
    for parent in _groups(folder):
        zarr.open_group(parent, mode="a")
    _refuse_gaps(folder)
    group = zarr.open_group(folder, mode="r+")
    group.attrs.update({**attributes, "files": _files(folder)})
    with warnings.catch_warnings():
        # That other implementations may not know it: they read the rest as well.
        warnings.filterwarnings("ignore", "Consolidated metadata", UserWarning)
        group = zarr.consolidate_metadata(str(folder))
    # Last, and only after everything else has been written.
    group.attrs["complete"] = True


def _publish(folder: Path, path: Path) -> None:
    """Rename a complete store into its place, and delete what stood there."""
    old = _set_aside(path)
    shutil.rmtree(old, ignore_errors=True)
    if path.exists():
        os.rename(path, old)
    os.rename(folder, path)
    shutil.rmtree(old, ignore_errors=True)


def _set_aside(path: Path) -> Path:
    return path.with_name(f".{path.name}.old")


def _groups(folder: Path) -> list[Path]:
    """Return the folders above arrays, which must be zarr groups themselves."""
    parents = {folder}
    for name in _array_names(folder):
        parents |= {folder / p for p in Path(name).parents}
    return sorted(parents)


def _array_names(folder: Path) -> list[str]:
    names = []
    for place, _, files in os.walk(folder):
        if "zarr.json" in files and place != str(folder):
            meta = json.loads((Path(place) / "zarr.json").read_text())
            if meta["node_type"] == "array":
                names.append(str(Path(place).relative_to(folder)))
    return sorted(names)


def _refuse_gaps(folder: Path) -> None:
    """Raise a ValueError for an array with chunks that its stage never wrote."""
    for name in _array_names(folder):
        array = zarr.open_array(folder / name, mode="r")
        if array.shards is None:
            gaps = array.nchunks + 1 - count_files(folder / name)[0]
        else:
            gaps = count_missing(array, folder / name)
        if gaps:
            raise ValueError(f"array {name!r} has {gaps} chunks that were not written")


def _files(folder: Path) -> dict[str, list[int]]:
    """Return, for each array, how many files it has and how many bytes they take."""
    return {name: count_files(folder / name) for name in _array_names(folder)}


def _attributes(
    kind: str,
    config: Mapping[str, Any],
    inputs: Mapping[str, Artifact | Sequence[Artifact]],
    stage_version: int,
) -> dict[str, Any]:
    hashes = input_hashes(inputs)
    identity = {
        "kind": kind,
        "schema": SCHEMA,
        "stage_version": stage_version,
        "config": dict(config),
        "inputs": hashes,
    }
    return identity | {
        "provenance": fingerprint(identity),
        "seed": config.get("seed"),
        **surroundings(),
    }


def publish_text(path: Path, text: str) -> None:
    """Write a file that is no store in one go: a reader never sees half of it.

    Raises:
        ArtifactError: when the disk is full.
    """
    fresh = path.with_name(f".{path.name}.new")
    with refuse_full_disk(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            fresh.write_text(text, encoding="utf-8")
            os.replace(fresh, path)
        finally:
            fresh.unlink(missing_ok=True)
