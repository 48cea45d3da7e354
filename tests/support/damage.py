"""Stores that were edited by hand: their attributes, or what is in their arrays."""

import contextlib
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from worldmodels.stores import publication
from worldmodels.stores.artifact import Artifact
from worldmodels.stores.provenance import identity_hash


def edited(store: Artifact, path: Path, change: Callable[[dict], Any]) -> Path:
    """Copy a store, where it is not yet, and change its zarr.json.

    Its provenance is made to fit again.
    """
    if not path.exists():
        shutil.copytree(store.path, path)
    root = json.loads((store.path / "zarr.json").read_text())
    change(root)
    with contextlib.suppress(KeyError, TypeError, RecursionError):
        root["attributes"]["provenance"] = identity_hash(root["attributes"])
    (path / "zarr.json").write_text(json.dumps(root))
    return path


def agreeing(path: Path) -> Path:
    """Write what a store declares of its arrays into their own metadata as well."""
    root = json.loads((path / "zarr.json").read_text())
    for name, counts in root["attributes"]["files"].items():
        own = path / name / "zarr.json"
        before = own.stat().st_size
        own.write_text(json.dumps(root["consolidated_metadata"]["metadata"][name]))
        counts[1] += own.stat().st_size - before
    (path / "zarr.json").write_text(json.dumps(root))
    return path


def set_attribute(name: str, value: Any) -> Callable[[dict], None]:
    return lambda root: root["attributes"].update({name: value})


def set_setting(name: str, value: Any) -> Callable[[dict], None]:
    return lambda root: root["attributes"]["config"].update({name: value})


def remade(
    store: Artifact,
    path: Path,
    arrays: Mapping[str, Any] | None = None,
    config: Mapping[str, Any] | None = None,
) -> Path:
    """Publish a store again with other values of some arrays, or settings."""
    inputs = {
        role: [SimpleNamespace(provenance=made_from, path=path) for made_from in given]
        for role, given in store.attributes["inputs"].items()
    }
    values = {name: store.read(name) for name in store.names()} | dict(arrays or {})
    with publication.create(
        path,
        store.kind,
        config={**store.config, **(config or {})},
        inputs=inputs,
        stage_version=store.attributes["stage_version"],
    ) as writer:
        for name, array in values.items():
            writer.write(name, np.asarray(array))
    return path


def nested(depth: int) -> list:
    """Return lists in lists."""
    value: list = []
    for _ in range(depth):
        value = [value]
    return value
