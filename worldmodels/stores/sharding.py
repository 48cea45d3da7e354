"""Arrays of many rows in one file: each row is put as it comes, and read alone.

Zarr's sharding codec keeps the chunks of an array one after the other in one file, with
an index of their places at its end. Zarr itself adds a chunk by reading and writing the
whole file, which for E rows moves E times as many bytes. Here a row is appended, in any
order, and the index follows the last one; a reader sees no difference.
"""

from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numcodecs import Zstd
from numcodecs.checksum32 import CRC32C
from zarr.codecs import Crc32cCodec, ZstdCodec

_LEVEL, _CHECKSUM_BYTES = 3, 4
COMPRESSORS = (ZstdCodec(level=_LEVEL), Crc32cCodec())  # of every chunk, for zarr
_zstd, _crc32c = Zstd(level=_LEVEL), CRC32C(location="end")  # the same, at hand
_MISSING = 2**64 - 1  # place and size of a chunk that is not there


class Rows:
    """An array in one shard, a chunk a row, that is being filled.

    Args:
        folder: of the array, whose metadata is there already.
    """

    def __init__(self, folder: Path):
        self._array = zarr.open_array(folder, mode="r")
        self._file = _shard(self._array, folder)
        self._index = np.full((self._array.shape[0], 2), _MISSING, "<u8")
        self._end = 0

    def put(self, row: int, values: Any) -> None:
        """Append the values of one row, which have the array's shape but its first.

        Raises:
            ValueError: when they have another, or when the row was put before.
        """
        shape = self._array.shape[1:]
        values = np.ascontiguousarray(values, self._array.dtype.newbyteorder("<"))
        if values.shape != shape:
            raise ValueError(f"row {row} has shape {values.shape}, not {shape}")
        if self._index[row, 0] != _MISSING:
            raise ValueError(f"row {row} was put before")
        chunk = _crc32c.encode(_zstd.encode(values))
        self._append(chunk)
        self._index[row] = self._end, len(chunk)
        self._end += len(chunk)

    def close(self) -> None:
        """Write the index, after the last row."""
        self._append(_crc32c.encode(self._index))

    def _append(self, content: Any) -> None:
        with self._file.open("ab") as file:
            file.write(content)


def count_missing(array: zarr.Array, folder: Path) -> int:
    """Return how many rows of the array in `folder` were never put.

    Raises:
        ValueError: when it has no index, because it was not closed.
    """
    file, count = _shard(array, folder), array.shape[0]
    if not file.exists():
        return count
    size = 16 * count + _CHECKSUM_BYTES
    with file.open("rb") as shard:
        shard.seek(-min(size, file.stat().st_size), 2)
        index = shard.read()
    try:
        places = np.frombuffer(_crc32c.decode(index), "<u8").reshape(count, 2)
    except (RuntimeError, ValueError) as error:
        raise ValueError(f"{folder.name} has no index: it was not closed") from error
    return int((places[:, 0] == _MISSING).sum())


def _shard(array: zarr.Array, folder: Path) -> Path:
    return folder / array.metadata.encode_chunk_key((0,) * array.ndim)
