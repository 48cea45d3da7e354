"""Checkpoints of running stages: how a killed training goes on where it was.

A checkpoint is no artifact: one file, replaced atomically, that only the same stage
with the same settings and inputs reads again (its fingerprint says so). The last one
outlives the store that is published from it: a workflow manager deletes the store of a
job that it could not count as done, and a repeat then publishes it again at once. The
Snakefile deletes it when all jobs are done. The file is a
CRC-32 of four bytes and then msgpack: damage is seen before anything is decoded. It is
locked while its stage runs, because a killed workflow driver leaves its worker running
and a restart must not start a second one.
"""

import contextlib
import itertools
import os
import time
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from flax import serialization

from worldmodels.runtime import locks
from worldmodels.stores.artifact import ArtifactError
from worldmodels.stores.disk import refuse_barred, refuse_full_disk
from worldmodels.stores.places import file_place

# How one begins, after its checksum: a table of three, whose first key is this.
_HEAD = b"\x83\xabfingerprint"
_FRESH = ".new"


class Checkpoint:
    """One stage's checkpoint; `open_checkpoint` makes it.

    It also keeps the stage's clock, which goes on where a killed run's stopped.
    """

    def __init__(self, path: Path, fingerprint: str):
        self.path = path
        self.fingerprint = fingerprint
        self.seconds_before = 0.0  # wall time of the runs that are gone on from
        self._started = time.monotonic()

    def load(self) -> Any | None:
        """Return what `save` was given last, or None when there is nothing to resume.

        A checkpoint of other settings or inputs, or a damaged one, is ignored: the
        stage then starts afresh. The arrays are read-only.
        """
        try:
            stored = memoryview(self.path.read_bytes())
        except OSError:
            return None
        if not stored[4:] or bytes(stored[:4]) != _checksum(stored[4:]):
            return None
        content = serialization.msgpack_restore(stored[4:])
        if content["fingerprint"] != self.fingerprint:
            return None
        self.seconds_before = content["seconds"]
        return content["state"]

    def save(self, state: Any) -> None:
        """Replace the checkpoint by `state`, nested dicts of numpy arrays.

        Raises:
            ArtifactError: when the disk is full. The last checkpoint is still there.
        """
        seconds = self.seconds_before + time.monotonic() - self._started
        content = {"fingerprint": self.fingerprint, "seconds": seconds, "state": state}
        stored = serialization.msgpack_serialize(content)
        fresh = _fresh(self.path)
        with refuse_full_disk(self.path):
            try:
                with open(fresh, "wb") as file:
                    file.write(_checksum(stored))
                    file.write(stored)
                    file.flush()
                    os.fsync(file.fileno())  # before it takes the last one's place
                os.replace(fresh, self.path)
            except OSError:
                fresh.unlink(missing_ok=True)
                raise


def is_of(path: Path, fingerprint: str) -> bool:
    """Return whether a checkpoint with this fingerprint is at `path`.

    Only its first bytes are read, and what follows may be damaged.
    """
    begun = _HEAD + serialization.msgpack_serialize(fingerprint)
    if not path.is_file():
        return False
    with refuse_barred(path), open(path, "rb") as opened:
        return opened.read(4 + len(begun))[4:] == begun


def _fresh(path: Path) -> Path:
    return path.with_name(path.name + _FRESH)


def _refuse_other(file: Path) -> None:
    """Refuse to replace a file that was never a checkpoint.

    Raises:
        ArtifactError: when it holds something else. What a kill or a power cut leaves
            may be replaced: nothing, zeros, or the first bytes of one.
    """
    if not os.path.lexists(file):
        return
    if file.is_file() and not file.is_symlink():
        with refuse_barred(file), open(file, "rb") as opened:
            first = opened.read(4 + len(_HEAD))
            rest = iter(partial(opened.read, 2**20), b"")
            begun = first[4:]
            if begun == _HEAD or not any(map(any, itertools.chain([first], rest))):
                return
        if file.suffix == _FRESH and _HEAD.startswith(begun):
            return
    raise ArtifactError(
        f"{file} is no checkpoint and would be lost; give another path, or delete it "
        "if nobody needs it"
    )


def _checksum(stored: bytes | memoryview) -> bytes:
    return zlib.crc32(stored).to_bytes(4, "big")


@contextlib.contextmanager
def open_checkpoint(path: str | Path, fingerprint: str) -> Iterator[Checkpoint]:
    """Lock the checkpoint at `path` for this process and give it.

    Raises:
        ArtifactError: when another process holds it, or when something else than a
            checkpoint is there.
    """
    place = file_place(Path(path))
    _refuse_other(place)
    with refuse_barred(Path(path)):
        place.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
        lock = os.open(place.with_name(place.name + ".lock"), flags, 0o666)  # it stays
    try:
        if not locks.take(lock):
            raise ArtifactError(
                f"another process is running the stage of {path}; wait for it to end "
                "or stop it"
            )
        _refuse_other(_fresh(place))
        yield Checkpoint(place, fingerprint)
    finally:
        os.close(lock)
