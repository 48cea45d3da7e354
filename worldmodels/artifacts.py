"""A zarr store as an artifact: open checks that it is whole, reading that it is sound.

Zarr reads a missing chunk as zeros without a word; therefore a store's attributes say
how many files and bytes each array has (`publication` records them), and opening
compares. Every chunk carries a checksum, which reading compares.
"""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from worldmodels.errors import UserError

SCHEMA = 1
_RECORDED = {"kind", "schema", "config", "inputs", "provenance", "files"}


class ArtifactError(UserError):
    """A store is missing, incomplete, damaged, of another kind, or unwritable."""


class Artifact:
    """A complete store, open for reading.

    Attributes:
        path: where it lies.
        kind: the stage that made it.
        config: the settings that it was made with.
        provenance: a hash of the kind, version, config and inputs that it depends on.
        attributes: everything recorded at publication.
    """

    def __init__(self, path: Path, attributes: Mapping[str, Any]):
        self.path = path
        self.attributes = attributes
        self.kind: str = attributes["kind"]
        self.config: Mapping[str, Any] = attributes["config"]
        self.provenance: str = attributes["provenance"]
        self._arrays: dict[str, zarr.Array] = {}

    def array(self, name: str) -> zarr.Array:
        """Return the array `name`, open for reading (shape, dtype, attributes).

        Raises:
            ArtifactError: when there is no such array or its metadata is damaged.
        """
        if name not in self._arrays:
            if name not in self.attributes["files"]:
                raise ArtifactError(
                    f"{self.path} has no array {name!r}; it holds "
                    + ", ".join(self.attributes["files"])
                )
            with self._refuse_damage(name):
                self._arrays[name] = zarr.open_array(self.path / name, mode="r")
        return self._arrays[name]

    def read(self, name: str, selection: Any = ...) -> np.ndarray:
        """Return a part of the array `name`, checked against its checksums.

        Raises:
            ArtifactError: when there is no such array or a chunk of it is damaged.
        """
        array = self.array(name)
        with self._refuse_damage(name):
            return np.asarray(array[selection])

    @contextlib.contextmanager
    def _refuse_damage(self, name: str) -> Iterator[None]:
        # IndexError is not caught: a selection outside the array is the caller's fault.
        try:
            yield
        except (ValueError, KeyError, TypeError, RuntimeError, OSError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ArtifactError(
                f"{self.path}: array {name!r} is damaged ({reason}); delete this store "
                "and run its stage again"
            ) from error

    def tree(self, prefix: str) -> dict[str, Any]:
        """Return the arrays below `prefix` as nested dicts, as they were written."""
        nested: dict[str, Any] = {}
        for name in self.names(prefix):
            *folders, leaf = name[len(prefix) + 1 :].split("/")
            place = nested
            for folder in folders:
                place = place.setdefault(folder, {})
            place[leaf] = self.read(name)
        return nested

    def names(self, prefix: str = "") -> list[str]:
        """Return the names of all arrays, or of those below `prefix`."""
        names = list(self.attributes["files"])
        return [n for n in names if n.startswith(prefix + "/")] if prefix else names

    def size(self) -> int:
        """Return the bytes that the arrays' files take on disk."""
        return sum(size for _, size in self.attributes["files"].values())


def open_artifact(path: str | Path, kind: str | None = None) -> Artifact:
    """Open a store for reading after checking that it is whole.

    Raises:
        ArtifactError: when it is missing, no artifact, incomplete, of another kind or
            schema, or when chunks are missing or truncated.
    """
    path = Path(path)
    attributes = _read_attributes(path)
    if attributes["schema"] != SCHEMA:
        raise ArtifactError(
            f"{path} has schema {attributes['schema']!r} and this version reads schema "
            f"{SCHEMA}; run its stage again"
        )
    if attributes.get("complete") is not True or not attributes.keys() >= _RECORDED:
        raise ArtifactError(
            f"{path} is not complete: its stage was stopped or the store was changed "
            "since; delete it and run that stage again"
        )
    if kind is not None and attributes["kind"] != kind:
        raise ArtifactError(
            f"{path} is {_a(attributes['kind'])} store; {_a(kind)} store is needed here"
        )
    for name, expected in attributes["files"].items():
        folder = path / name
        found = count_files(folder) if folder.is_dir() else [0, 0]
        if found != expected:
            raise ArtifactError(
                f"{path}: array {name!r} has {found[0]} files of {found[1]} bytes and "
                f"should have {expected[0]} of {expected[1]}: chunks are missing or "
                "truncated; delete this store and run its stage again"
            )
    return Artifact(path, attributes)


def count_files(folder: Path) -> list[int]:
    """Return how many files lie in an array's folder, and the bytes that they take."""
    sizes = [entry.stat().st_size for entry in os.scandir(folder) if entry.is_file()]
    return [len(sizes), sum(sizes)]


def _a(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def _read_attributes(path: Path) -> Mapping[str, Any]:
    if not path.exists():
        raise ArtifactError(f"{path} does not exist; run the stage that makes it first")
    try:
        attributes = json.loads((path / "zarr.json").read_text())["attributes"]
        if {"kind", "schema"} <= attributes.keys():
            return attributes
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    raise ArtifactError(
        f"{path} is no worldmodels store, or its zarr.json is damaged; give another "
        "path, or delete it and run its stage again"
    )
