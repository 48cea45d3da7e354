"""The description of a store, read as data that anybody may have written.

A store may be damaged, edited by hand or made to do harm: everything in its description
is checked for type and size before it is used. Nothing here takes more memory or time
than the size of the files accounts for.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from worldmodels.runtime.json_files import LARGEST_FILE, Malformed

_LARGEST_CHUNK = 4 * 2**30  # bytes in memory
_LARGEST_ARRAY = 4 * 2**40
_LONGEST_TEXT = 1000
_LARGEST_NUMBER = 2**63
_DTYPES = {"bool", "float16", "float32", "float64"} | {
    f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)
}
# The only codecs that are run: none of them makes objects of bytes, as pickles would.
_CODECS = {"bytes", "zstd", "crc32c", "sharding_indexed"}
_TEXTS = ("kind", "provenance", "version", "commit", "compute", "created")


class Form(NamedTuple):
    """What an array declares to be."""

    shape: tuple[int, ...]
    dtype: np.dtype
    files: int  # its metadata and one a chunk, or a shard of chunks

    @property
    def bytes(self) -> int:
        """Bytes in memory."""
        return math.prod(self.shape) * self.dtype.itemsize


def check_attributes(attributes: Mapping[str, Any]) -> None:
    """Check all that is recorded at publication for its type.

    Raises:
        Malformed: naming the first that is of another.
    """
    for name in _TEXTS:
        _check(_is_text(attributes.get(name)), f"its {name} is no text")
    seconds, seed = attributes.get("wall_seconds"), attributes.get("seed")
    _check(_is_number(seconds) and seconds >= 0, "its wall_seconds are no time")
    machine = attributes.get("machine", "")  # earlier versions do not say
    _check(_is_text(machine), "its machine is no text")
    _check(_is_whole(attributes.get("stage_version")), "its stage_version is no number")
    _check(seed is None or _is_whole(seed), "its seed is no whole number")
    libraries, inputs = attributes.get("libraries"), attributes["inputs"]
    _check(
        _is_table(libraries) and all(map(_is_text, libraries.values())),
        "its libraries are no table of versions",
    )
    _check(
        _is_table(inputs) and all(map(_are_texts, inputs.values())),
        "its inputs are no table of provenances",
    )
    _check_files(attributes["files"])
    check_config(attributes["kind"], attributes["config"])


def check_config(kind: str, config: Any) -> None:
    """Check that settings recorded of a store of a kind are values.

    Raises:
        Malformed: naming the first that is none.
    """
    _check(_is_table(config), "its config is no table of settings")
    depth = 2 if kind == "agent" else 1  # an agent's are those of its parts
    for name, value in config.items():
        _check(_are_settings(value, depth), f"its setting {name} is no value")


def check_cost(seconds: Any, compute: Any, counts: Sequence[Any]) -> None:
    """Check the recorded cost of stores.

    Raises:
        Malformed: when the seconds are no time, `compute` are no names, or one of
            `counts` is no number of things.
    """
    _check(_is_number(seconds) and seconds >= 0, "its wall_seconds are no time")
    _check(_are_texts(compute), "its compute is no list of names")
    counted = all(_is_whole(count) and count >= 0 for count in counts)
    _check(counted, "something is not counted")


def _check_files(files: Any) -> None:
    _check(_is_table(files), "its files are no table of arrays")
    for name, counts in files.items():
        parts = name.split("/")
        inside = name.isprintable() and not {"", ".", ".."} & {*parts}
        _check(inside, f"its array {name!r} would lie outside the store")
        _check(
            isinstance(counts, list)
            and len(counts) == 2
            and all(_is_whole(count) and count >= 0 for count in counts),
            f"its files of the array {name!r} are not counted",
        )


def form_of(metadata: Any, name: str) -> Form:
    """Return what the metadata of the array `name` declares, after checking it.

    Raises:
        Malformed: for another form than the stages write, or one that no memory holds.
    """
    described = isinstance(metadata, dict)
    _check(described, f"there is no metadata of array {name!r}")
    shape, kind = metadata.get("shape"), metadata.get("data_type")
    grid, names = metadata.get("chunk_grid"), metadata.get("dimension_names")
    numbers = isinstance(kind, str) and kind in _DTYPES
    _check(numbers, f"array {name!r} holds no numbers but {_told(kind)}")
    chunk = _inner(grid, "configuration", "chunk_shape")
    _check(
        _are_sizes(shape, 0)
        and _are_sizes(chunk, 1)
        and len(shape) == len(chunk)
        and _inner(grid, "name") == "regular"
        and metadata.get("node_type") == "array"
        and not metadata.get("storage_transformers"),
        f"array {name!r} has no shape that can be read",
    )
    named = names is None or (_are_names(names) and len(names) == len(shape))
    _check(named, f"array {name!r} has no names of its dimensions")
    _check_codecs(metadata.get("codecs"), name)
    dtype, files = np.dtype(kind), math.prod(map(_parts, shape, chunk)) + 1
    form = Form(tuple(shape), dtype, files)
    held = math.prod(_decoded_together(metadata["codecs"]) or chunk) * dtype.itemsize
    if held > _LARGEST_CHUNK or form.bytes > _LARGEST_ARRAY:
        raise Malformed(f"array {name!r} declares more numbers than a store can hold")
    return form


def check_size(form: Form, name: str, counted: Sequence[int]) -> None:
    """Check that an array has the files that it declares, of no impossible size.

    Raises:
        Malformed: when it has not.
    """
    # Noise is stored with a little more than itself.
    most = form.bytes * 1.01 + 4096 * form.files + LARGEST_FILE
    if counted[0] != form.files or counted[1] > most:
        raise Malformed(
            f"array {name!r} has {counted[0]} files of {counted[1]} bytes, and its "
            f"shape {list(form.shape)} takes {form.files}"
        )


def _check_codecs(codecs: Any, name: str, depth: int = 0) -> None:
    def name_of(codec: Any) -> Any:
        return codec if isinstance(codec, str) else _inner(codec, "name")

    known = (
        isinstance(codecs, list)
        and len(codecs) <= 4
        and all(isinstance(name_of(codec), str) for codec in codecs)
        and {*map(name_of, codecs)} <= _CODECS
    )
    _check(known, f"array {name!r} is encoded in a way that is not read")
    for codec in codecs:
        for inner in ("codecs", "index_codecs"):
            if (found := _inner(codec, "configuration", inner)) is not None:
                _check(depth == 0, f"array {name!r} has shards within shards")
                _check_codecs(found, name, depth + 1)


def _decoded_together(codecs: Sequence[Any]) -> Sequence[int] | None:
    """Return the shape of a shard's chunks, each of which is decoded alone."""
    for codec in codecs:
        if _inner(codec, "name") == "sharding_indexed":
            shape = _inner(codec, "configuration", "chunk_shape")
            _check(_are_sizes(shape, 1), "a shard has no shape of its chunks")
            return shape
    return None


def _inner(value: Any, *keys: str) -> Any:
    """Return what nested tables hold under `keys`, or None."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _parts(length: int, chunk: int) -> int:
    return -(-length // chunk)


def _check(holds: bool, sentence: str) -> None:
    if not holds:
        raise Malformed(sentence)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST_TEXT


def _is_whole(value: Any) -> bool:
    return type(value) is int and abs(value) < _LARGEST_NUMBER


def _is_number(value: Any) -> bool:
    return _is_whole(value) or (isinstance(value, float) and math.isfinite(value))


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_text, value))


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and all(n is None or _is_text(n) for n in value)


def _are_sizes(value: Any, low: int) -> bool:
    counted = isinstance(value, list) and len(value) <= 8 and all(map(_is_whole, value))
    return counted and all(low <= size < _LARGEST_ARRAY for size in value)


def _are_settings(value: Any, depth: int) -> bool:
    """Return whether a value is a setting, or a table of them up to so many deep."""
    if not (depth and _is_table(value)):
        return _is_setting(value)
    return all(_are_settings(inner, depth - 1) for inner in value.values())


def _is_setting(value: Any) -> bool:
    values = value if isinstance(value, list) and len(value) <= 100 else [value]
    return all(
        v is None or isinstance(v, bool) or _is_text(v) or _is_number(v) for v in values
    )


def _told(value: Any) -> str:
    """Return a short word for a value of any size and depth."""
    short = isinstance(value, str) and re.fullmatch(r"[\w.-]{1,40}", value)
    return value if short else f"what is no name of a type ({type(value).__name__})"
