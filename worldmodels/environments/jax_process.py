"""JAX in the process that steps one of our own environments through gymnasium.

Compiling a world takes longer than a thousand of its steps, so programs are kept on
disk, unless JAX was already told where to keep them.

A process that was forked from one that had used JAX has none of JAX's threads, and
would wait for them for ever. It is refused instead.
"""

import os

import jax

# Not public, but there is no other way to ask without JAX being started by it.
from jax._src import xla_bridge
from jax.experimental.compilation_cache import compilation_cache

from worldmodels.runtime import devices
from worldmodels.runtime.errors import UserError


class _Process:
    """What is known of this process."""

    used_jax = False  # before its latest fork
    forked = False  # from one that had used JAX
    prepared = False


def prepare() -> None:
    """Set JAX up, the first time; to be called before each program.

    Raises:
        UserError: this process was forked from one that had used JAX.
    """
    if _Process.forked:
        raise UserError(
            "this process was forked from one that had used JAX, which cannot go on "
            "here: leave vectorization_mode out of gymnasium.make_vec, as all "
            "environments are then one batch, or start processes afresh with "
            "vector_kwargs={'context': 'spawn'}"
        )
    if not _Process.prepared:
        _Process.prepared = True
        if jax.config.jax_compilation_cache_dir is None:
            devices.keep_programs()
            # Where JAX has compiled before it has concluded that nothing is kept.
            compilation_cache.reset_cache()


def _before_fork() -> None:
    _Process.used_jax = xla_bridge.backends_are_initialized()


def _after_fork() -> None:
    _Process.forked = _Process.used_jax


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_child=_after_fork)
