"""JAX as this process will use it: precision and the cache of compiled programs."""

import os
import platform
import zlib
from pathlib import Path


def prepare(dtype: str, devices: int | None = None) -> None:
    """Set up JAX once, before the first array: 64-bit mode when `dtype` needs it.

    A processor counts as `devices` devices, so that work spread over devices uses that
    many of its cores; default: one. Graphics processors count as they are.

    Compiled programs are kept: see `keep_programs`.
    """
    import jax

    jax.config.update("jax_enable_x64", dtype == "float64")
    if devices is not None:
        jax.config.update("jax_num_cpu_devices", devices)
    keep_programs()


def keep_programs() -> None:
    """Keep compiled programs on disk: who is started again does not compile again.

    `JAX_COMPILATION_CACHE_DIR` overrides the place; deleting the folder is always safe.
    """
    import jax

    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        place = Path(home) / "worldmodels" / processor()
        jax.config.update("jax_compilation_cache_dir", str(place))
    if "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS" not in os.environ:
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.05)


def cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def processor() -> str:
    """Return a name of this kind of processor.

    JAX finds a compiled program again whatever processor it was compiled for, and
    would run instructions that this one may lack: a home shared by a cluster's nodes
    needs one cache a kind.
    """
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = [platform.processor()]
    kind = sorted({line for line in lines if line.startswith(("flags", "Features"))})
    return f"{platform.machine()}-{zlib.crc32(' '.join(kind).encode()):08x}"
