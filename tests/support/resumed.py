"""What a killed run left behind, and whether it ended as an uninterrupted one."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from worldmodels.stores.artifact import open_artifact
from worldmodels.stores.checkpoint import Checkpoint


def assert_same_arrays(one: Path, other: Path) -> None:
    """Compare every array of two stores bit for bit."""
    one, other = open_artifact(one), open_artifact(other)
    assert one.names() == other.names()
    for name in one.names():
        np.testing.assert_array_equal(one.read(name), other.read(name), err_msg=name)
    assert one.provenance == other.provenance


def killed(monkeypatch, stream: type, fit: Callable[[str], object]) -> None:
    """Kill the training `fit("killed")` after the first batches of its stream."""
    groups = stream.groups

    def first(self, start, size):
        yield next(groups(self, start, size))
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(stream, "groups", first)
        with pytest.raises(KeyboardInterrupt):
            fit("killed")


def steps_saved(path: Path) -> int:
    """Return the updates in a training's checkpoint."""
    content = read_checkpoint(path)
    return 0 if content is None else int(content["train_state"]["step"])


def read_checkpoint(path: Path):
    """Return what a checkpoint holds, whatever stage it belongs to."""

    class Any(str):
        __hash__ = None

        def __eq__(self, other):
            return True

        def __ne__(self, other):
            return False

    return Checkpoint(path, Any()).load()
