"""Decoding in bounded memory: a chunk is never more bytes than its array declares.

Zstandard packs zeros 30,000 times smaller, and a frame of it may name any size or none
at all; zarr's codec believes it. Here zarr takes this one instead.
"""

import math

import zarr
from zarr.codecs import ZstdCodec
from zarr.registry import register_codec

_MAGIC = b"\x28\xb5\x2f\xfd"


class Bounded(ZstdCodec):
    """Zarr's codec, which refuses a chunk of another size than its array declares."""

    def _decode_sync(self, chunk_bytes, chunk_spec):
        dtype = chunk_spec.dtype.to_native_dtype()
        declared = math.prod(chunk_spec.shape) * dtype.itemsize
        found = content_size(chunk_bytes.as_numpy_array()[:18].tobytes())
        if found != declared:
            raise ValueError(f"a chunk of {declared} bytes names {found}")
        return super()._decode_sync(chunk_bytes, chunk_spec)


def content_size(head: bytes) -> int | None:
    """Return the size that a frame of Zstandard names (RFC 8878, 3.1.1.1), or None.

    Args:
        head: its first 18 bytes.
    """
    if len(head) < 6 or head[:4] != _MAGIC:
        return None
    flags = head[4]
    single = flags >> 5 & 1
    size = (single, 2, 4, 8)[flags >> 6]
    first = 5 + (not single) + (0, 1, 2, 4)[flags & 3]  # past window and dictionary
    if not size or len(head) < first + size:
        return None
    return int.from_bytes(head[first : first + size], "little") + 256 * (size == 2)


register_codec("zstd", Bounded)
zarr.config.set({"codecs.zstd": f"{__name__}.{Bounded.__qualname__}"})
