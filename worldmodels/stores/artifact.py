"""A zarr store as an artifact: open checks that it is whole, reading that it is sound.

Zarr reads a missing chunk as zeros without a word; therefore a store's attributes say
how many files and bytes each array has (`publication` records them), and opening
compares. Every chunk carries a checksum, which reading compares.

A store may also be damaged or edited in ways that no checksum shows. So its attributes
are not trusted: `metadata` checks their form, `layouts` what its kind of store holds.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from worldmodels.runtime import json_files
from worldmodels.runtime.errors import UserError
from worldmodels.runtime.wording import one
from worldmodels.stores import layouts, metadata
from worldmodels.stores.metadata import Form, Malformed
from worldmodels.stores.provenance import identity_hash

SCHEMA = 1
_RECORDED = {"kind", "schema", "config", "inputs", "provenance", "files"}


class ArtifactError(UserError):
    """A store is missing, incomplete, damaged, of another kind, or unwritable."""


class Settings(dict):
    """Recorded settings; a missing one is an error of the store, which is named."""

    def __init__(self, values: Mapping[str, Any], path: Path):
        super().__init__(values)
        self._path = path

    def __missing__(self, name: str) -> Any:
        raise ArtifactError(_damage(self._path, f"it records no setting {name!r}"))


class Artifact:
    """A complete store, open for reading.

    Attributes:
        path: where it lies.
        kind: the stage that made it.
        config: the settings that it was made with.
        game: the game that it is of; None: a store of an earlier version does not say.
        provenance: a hash of the kind, version, config and inputs that it depends on.
        attributes: everything recorded at publication.
        declared: the metadata of its arrays by name.
    """

    def __init__(
        self, path: Path, attributes: Mapping[str, Any], declared: Mapping[str, Any]
    ):
        self.path = path
        self.attributes = attributes
        self.kind: str = attributes["kind"]
        self.config: Mapping[str, Any] = Settings(attributes["config"], path)
        self.game = layouts.game_of(attributes)
        self.provenance: str = attributes["provenance"]
        self._arrays: dict[str, zarr.Array] = {}
        self.declared = declared
        forms = _forms(declared, attributes["files"])
        self._lengths = layouts.check_arrays(
            self.kind, attributes["config"], self.game, forms
        )

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
                own = json_files.read(self.path / name / "zarr.json")
                if own != self.declared[name]:
                    raise Malformed("its metadata is not that of the store's")
                self._arrays[name] = zarr.open_array(self.path / name, mode="r")
        return self._arrays[name]

    def read(self, name: str, selection: Any = ...) -> np.ndarray:
        """Return a part of the array `name`, checked against its checksums.

        Raises:
            ArtifactError: when there is no such array, a chunk of it is damaged, or it
                holds what it cannot, such as NaN.
        """
        array = self.array(name)
        with self._refuse_damage(name):
            values = np.asarray(array[selection])
        with _refuse_malformed(self.path):
            layouts.check_values(self.kind, self.game, self._lengths, name, values)
        return values

    @contextlib.contextmanager
    def _refuse_damage(self, name: str) -> Iterator[None]:
        # IndexError is not caught: a selection outside the array is the caller's fault.
        try:
            yield
        except (
            ValueError, KeyError, TypeError, RuntimeError, OSError, MemoryError,
            AttributeError, ArithmeticError, AssertionError,
        ) as error:  # fmt: skip
            reason = " ".join(str(error).split())[:200] or type(error).__name__
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

    Of its files only `zarr.json` is read: thousands of stores are opened at once.

    Raises:
        ArtifactError: when it is missing, no artifact, incomplete, of another kind or
            schema, when chunks are missing or truncated, or when one of its
            attributes is impossible.
    """
    path = Path(path)
    root = _read_root(path)
    attributes = root["attributes"]
    _check_published(path, attributes)
    with _refuse_malformed(path):
        metadata.check_attributes(attributes)
    if kind is not None and attributes["kind"] != kind:
        raise ArtifactError(
            f"{path} is {one(attributes['kind'])} store; {one(kind)} store is "
            "needed here"
        )
    with _refuse_malformed(path):
        if attributes["provenance"] != identity_hash(attributes):
            raise Malformed("its provenance is not that of its settings and inputs")
        layouts.check_settings(attributes["kind"], attributes["config"])
    _check_counts(path, attributes["files"])
    with _refuse_malformed(path):
        return Artifact(path, attributes, _declared(root))


def _check_published(path: Path, attributes: Mapping[str, Any]) -> None:
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


def check_recorded(store: Artifact) -> None:
    """Check that a store records all settings that its kind needs, before a long work.

    Raises:
        ArtifactError: when one is missing.
    """
    for name in layouts.missing(store.kind, store.config):
        raise ArtifactError(_damage(store.path, f"it records no setting {name!r}"))


def count_files(folder: Path) -> list[int]:
    """Return how many files lie in an array's folder, and the bytes that they take.

    Raises:
        ArtifactError: for a pipe or a device, which to read would wait for ever.
    """
    sizes = []
    for entry in os.scandir(folder):
        if entry.is_file():
            sizes.append(entry.stat().st_size)
        elif not entry.is_dir():
            raise ArtifactError(
                f"{entry.path} is no file and no folder; remove it, or delete its "
                "store and run the stage again"
            )
    return [len(sizes), sum(sizes)]


def _check_counts(path: Path, files: Mapping[str, list[int]]) -> None:
    for name, expected in files.items():
        folder = path / name
        found = count_files(folder) if folder.is_dir() else [0, 0]
        if found != expected:
            raise ArtifactError(
                f"{path}: array {name!r} has {found[0]} files of {found[1]} bytes and "
                f"should have {expected[0]} of {expected[1]}: chunks are missing or "
                "truncated; delete this store and run its stage again"
            )


def _damage(path: Path, what: object) -> str:
    return f"{path} is damaged or was edited: {what}; delete it and run its stage again"


@contextlib.contextmanager
def _refuse_malformed(path: Path) -> Iterator[None]:
    try:
        yield
    except Malformed as error:
        raise ArtifactError(_damage(path, error)) from error


def _read_root(path: Path) -> Mapping[str, Any]:
    if not path.exists():
        raise ArtifactError(f"{path} does not exist; run the stage that makes it first")
    try:
        root = json_files.read(path / "zarr.json")
        attributes = root["attributes"]
        if type(attributes["schema"]) is int and isinstance(attributes["kind"], str):
            return root
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    raise ArtifactError(
        f"{path} is no worldmodels store, or its zarr.json is damaged; give another "
        "path, or delete it and run its stage again"
    )


def _declared(root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the metadata of all arrays by name, as publication consolidated it."""
    consolidated = root.get("consolidated_metadata")
    found = consolidated.get("metadata") if isinstance(consolidated, Mapping) else None
    if not isinstance(found, Mapping):
        raise Malformed("it has no consolidated metadata")
    return found


def _forms(
    declared: Mapping[str, Any], files: Mapping[str, list[int]]
) -> dict[str, Form]:
    forms = {name: metadata.form_of(declared.get(name), name) for name in files}
    for name, form in forms.items():
        metadata.check_size(form, name, files[name])
    return forms
