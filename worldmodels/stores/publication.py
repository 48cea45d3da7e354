"""Publication: a store or a file appears in its place whole, or not at all.

A store is filled in a hidden folder beside its final place (`places` says what may be
replaced) and moved into it when it is complete, so a reader never sees half of one and
a failure leaves the last good one. Opening (`artifact`) compares the store with what
is recorded then. The metadata is consolidated: other readers need not list folders, and
so do not stumble over what a workflow manager puts there.
"""

import contextlib
import json
import os
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from worldmodels.environments import facts
from worldmodels.environments.games import Game
from worldmodels.experiment.settings import PRECISIONS
from worldmodels.experiment.stages import PRECISION_USED
from worldmodels.stores import places
from worldmodels.stores.artifact import SCHEMA, Artifact, ArtifactError, count_files
from worldmodels.stores.disk import refuse_full_disk
from worldmodels.stores.provenance import fingerprint, input_hashes, surroundings
from worldmodels.stores.sharding import COMPRESSORS, Rows, count_missing

_SKEW = 60.0  # seconds that the clocks of a cluster's nodes may differ by


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
        """Write a whole array at once.

        Unnamed axes are called after their array, kernel_0, kernel_1, ...: arrays of
        one group that share the name of an axis must share its length for xarray.
        """
        values = np.asarray(values)
        leaf = name.rpartition("/")[2]
        names = list(dimensions) or [f"{leaf}_{n}" for n in range(values.ndim)]
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
    game: Game | None = None,
) -> Iterator[Writer]:
    """Fill a new store and publish it at `path` when the block ends well.

    Args:
        kind: what the store is, checked when it is opened.
        config: the resolved settings of its stage, as JSON values.
        inputs: the artifacts that it was made from, by role.
        stage_version: the stage's own version; part of the provenance.
        game: that it is of; None: its inputs are of a version that does not say.

    Raises:
        ArtifactError: before the block, when `path` may not be replaced, when another
            process is writing the same store, or when an input is from the future; or
            when the disk is full. What stood at `path` before is still there then.
    """
    path = Path(path)
    started = time.monotonic()
    with refuse_full_disk(path), places.new_store(path, kind) as (folder, place):
        try:
            _refuse_future(inputs)
            attributes = _attributes(kind, config, inputs, stage_version)
            if game is not None:
                attributes["game"] = facts.to_json(game)
            writer = Writer(folder)
            yield writer
            seconds = writer.seconds_before + time.monotonic() - started
            attributes["wall_seconds"] = round(seconds, 3)
            _complete(folder, attributes)
            places.store_place(path, kind)  # much may have happened since
            places.publish(folder, place)
        except BaseException:
            places.remove(folder)
            raise


def _refuse_future(inputs: Mapping[str, Artifact | Sequence[Artifact]]) -> None:
    """Refuse inputs from the future.

    Snakemake would take them for newer than the output, and would delete the output
    after all the work.
    """
    for given in inputs.values():
        for store in given if isinstance(given, Sequence) else [given]:
            with contextlib.suppress(FileNotFoundError):
                made = (store.path / ".snakemake_timestamp").stat().st_mtime
                if made > time.time() + _SKEW:
                    raise ArtifactError(
                        f"{store.path} was made at a later time than the clock shows "
                        "now; set the clock right, or run `snakemake --touch` and the "
                        "same command again"
                    )


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
        **surroundings(config.get(PRECISION_USED, PRECISIONS[0])),
    }


def publish_text(path: Path, text: str) -> None:
    """Write a file that is no store in one go: a reader never sees half of it.

    Raises:
        ArtifactError: for a folder or device in its place, or when the disk is full.
    """
    publish_bytes(path, text.encode())


def publish_bytes(path: Path, content: bytes) -> None:
    """Write a file of any content as `publish_text` does."""
    with refuse_full_disk(path), places.new_file(path) as fresh:
        fresh.write_bytes(content)
