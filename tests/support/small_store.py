"""A small store and its refusals, for the tests of artifacts and of publication."""

from pathlib import Path

import numpy as np
import pytest

from worldmodels.stores.artifact import Artifact, ArtifactError, open_artifact
from worldmodels.stores.publication import create

TREE = {
    "dense": {
        "kernel": np.arange(6, dtype=np.float32).reshape(2, 3),
        "bias": np.ones(3),
    },
    "half": np.array([0.1, -2, 6e4], np.float16),
    "flags": {"nested": {"deep": np.array([True, False])}},
    "scalar": np.float64(3.5),
    "count": np.array(7, np.int32),
    "empty": np.zeros((0, 4), np.uint8),
}


def make(
    path, kind="vision", value=1.0, config=None, inputs=None, version=1
) -> Artifact:
    """Publish a small store: one array in three chunks, and a tree."""
    with create(
        path, kind, config=config or {}, inputs=inputs or {}, stage_version=version
    ) as store:
        chunks = store.array("x", (3, 4), np.float32, ("episode", "time"), (1, 4))
        for n in range(3):
            chunks[n] = value + np.arange(4)
        store.tree("params", TREE)
    return open_artifact(path)


def refusal(path, action=open_artifact) -> str:
    """Return the one sentence that names the store and says what is wrong with it."""
    with pytest.raises(ArtifactError) as raised:
        action(path)
    sentence = str(raised.value)
    assert str(path) in sentence
    assert "\n" not in sentence
    return sentence


def content(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}
