"""JAX as this process will use it: precision and the cache of compiled programs."""

import math
import os
import platform
import tempfile
import zlib
from pathlib import Path

from worldmodels.runtime.errors import UserError
from worldmodels.runtime.quotas import cpu_quota
from worldmodels.runtime.streams import tell


def prepare(dtype: str, devices: int | None = None) -> None:
    """Set up JAX once, before the first array: 64-bit mode when `dtype` needs it.

    A processor counts as `devices` devices, so that work spread over devices uses that
    many of its cores; default: one. Graphics processors count as they are.

    Compiled programs are kept: see `keep_programs`.

    Raises:
        UserError: when JAX cannot start, such as on what JAX_PLATFORMS names.
    """
    if cpu_quota() is not None:
        # JAX would start a thread for each of the machine's cores.
        os.environ.setdefault("PJRT_NPROC", str(cores()))
    import jax

    jax.config.update("jax_enable_x64", dtype == "float64")
    if devices is not None:
        jax.config.update("jax_num_cpu_devices", devices)
    keep_programs()
    try:
        jax.devices()
    except (RuntimeError, AssertionError) as error:
        raise UserError(_cannot_start(error)) from error


def _cannot_start(error: Exception) -> str:
    reason = " ".join(str(error).partition(" (set JAX_PLATFORMS")[0].split())
    asked = os.environ.get("JAX_PLATFORMS")
    if not asked:
        return (
            f"JAX cannot start here ({reason}); set JAX_PLATFORMS=cpu to do without a "
            "graphics processor"
        )
    return (
        f"JAX cannot start on JAX_PLATFORMS={asked} ({reason or 'it is not there'}); "
        "unset it, or set it to cpu or to what this machine and its jaxlib have"
    )


def keep_programs() -> None:
    """Let JAX keep compiled programs on disk, so that no second start compiles again.

    They lie below XDG_CACHE_HOME (default: ~/.cache), or in the folder that
    `JAX_COMPILATION_CACHE_DIR` names; deleting it is always safe. Where it cannot be
    written, one line says so and nothing is kept.
    """
    import jax

    place = os.environ.get("JAX_COMPILATION_CACHE_DIR")
    try:
        if place is None:
            place = str(_cache() / "worldmodels" / processor())
            jax.config.update("jax_compilation_cache_dir", place)
        if place and "://" not in place:
            _try_writing(Path(place))
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        tell(
            "compiled programs are not kept, so each start takes longer: "
            f"{place or 'a cache'} cannot be written ({reason}); set "
            "JAX_COMPILATION_CACHE_DIR to a folder that can"
        )
        jax.config.update("jax_enable_compilation_cache", False)
    if "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS" not in os.environ:
        # All: to load the smallest takes less than to compile it.
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def programs() -> Path | None:
    """Return the folder of compiled programs; None: they are not kept on a disk."""
    import jax

    place = jax.config.jax_compilation_cache_dir
    if not (place and jax.config.jax_enable_compilation_cache) or "://" in place:
        return None
    return Path(place)


def _cache() -> Path:
    """Return the folder of this user's caches.

    Raises:
        RuntimeError: when the user has no home.
    """
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # A relative one is to be ignored, by the rules of the XDG base directories.
    return named if named.is_absolute() else Path.home() / ".cache"


def _try_writing(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"a program")


def cores() -> int:
    """Return the cores that this process may use, at most what its quota keeps busy."""
    if hasattr(os, "sched_getaffinity"):
        return within_quota(len(os.sched_getaffinity(0)))
    return within_quota(os.cpu_count() or 1)


def within_quota(cores: int) -> int:
    """Return `cores`, at most as many as a container's quota keeps busy."""
    quota = cpu_quota()
    return cores if quota is None else min(cores, max(1, math.ceil(quota)))


def kind() -> str:
    """Return a name of what programs run on: JAX's first device."""
    import jax

    device = jax.devices()[0]
    return processor() if device.platform == "cpu" else device.device_kind


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
