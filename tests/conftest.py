"""What all tests share: a key, and compiled programs that are kept between runs."""

import os
import platform
import zlib
from pathlib import Path

import pytest


def _machine() -> str:
    """Return a name of this kind of processor.

    JAX finds a compiled program again whatever processor it was compiled for, and
    would run instructions that this one may lack.
    """
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = [platform.processor()]
    kind = sorted({line for line in lines if line.startswith(("flags", "Features"))})
    return f"{platform.machine()}-{zlib.crc32(' '.join(kind).encode()):08x}"


# Most of a test's time is compilation. Set before JAX is imported, and inherited by the
# processes that tests start. Removing the folder is always safe.
os.environ.setdefault(
    "JAX_COMPILATION_CACHE_DIR",
    str(Path(__file__).parent.parent / ".jax_cache" / _machine()),
)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.2")


@pytest.fixture
def key():
    """A typed key, the same for every test."""
    import jax

    return jax.random.key(0)
