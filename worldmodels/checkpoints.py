"""Checkpoints of running stages: how a killed training goes on where it was.

A checkpoint is no artifact: one file, replaced atomically, that only the same stage
with the same settings and inputs reads again (its fingerprint says so). It is locked
while its stage runs, because a killed workflow driver leaves its worker running and a
restart must not start a second one.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flax import serialization

from worldmodels.artifacts import ArtifactError, refuse_full_disk


class Checkpoint:
    """One stage's checkpoint; `open_checkpoint` makes it."""

    def __init__(self, path: Path, fingerprint: str):
        self.path = path
        self.fingerprint = fingerprint

    def load(self) -> Any | None:
        """Return what `save` was given last, or None when there is nothing to resume.

        A checkpoint of other settings or inputs, or one that cannot be read, is
        ignored: the stage then starts afresh.
        """
        try:
            content = serialization.msgpack_restore(self.path.read_bytes())
        except (OSError, ValueError):
            return None
        if content["fingerprint"] != self.fingerprint:
            return None
        return content["state"]

    def save(self, state: Any) -> None:
        """Replace the checkpoint by `state`, nested dicts of numpy arrays."""
        content = {"fingerprint": self.fingerprint, "state": state}
        fresh = self.path.with_suffix(".new")
        with refuse_full_disk(self.path):
            fresh.write_bytes(serialization.msgpack_serialize(content))
            os.replace(fresh, self.path)

    def discard(self) -> None:
        """Delete the checkpoint, once the stage's artifact is published."""
        self.path.unlink(missing_ok=True)


@contextlib.contextmanager
def open_checkpoint(path: str | Path, fingerprint: str) -> Iterator[Checkpoint]:
    """Lock the checkpoint at `path` for this process and give it.

    Raises:
        ArtifactError: when another process holds it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path.with_suffix(".lock"), "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ArtifactError(
                f"another process is running the stage of {path}; wait for it to end "
                "or stop it"
            ) from None
        yield Checkpoint(path, fingerprint)
