"""JAX as this process will use it: precision and the cache of compiled programs."""

import os
from pathlib import Path

import jax


def prepare(dtype: str) -> None:
    """Set up JAX once, before the first array: 64-bit mode when `dtype` needs it.

    Compiled programs are kept on disk, so a stage that is started again does not
    compile again. `JAX_COMPILATION_CACHE_DIR` overrides the place.
    """
    jax.config.update("jax_enable_x64", dtype == "float64")
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        jax.config.update("jax_compilation_cache_dir", f"{home}/worldmodels/jax")
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)
