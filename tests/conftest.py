"""What all tests share: a key, and compiled programs that are kept between runs."""

import os
import signal
from pathlib import Path

import pytest
from support.mounts import mounted
from support.once import once

from worldmodels.runtime.devices import processor

# Most of a test's time is compilation. Set before JAX is imported, and inherited by the
# processes that tests start. Removing the folder is always safe.
os.environ.setdefault(
    "JAX_COMPILATION_CACHE_DIR",
    str(Path(__file__).parent.parent / ".jax_cache" / processor()),
)
# Down to single operations, of which every process would compile hundreds.
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
# So that what spreads over devices has some, on any machine.
os.environ.setdefault("JAX_NUM_CPU_DEVICES", "2")
# Compilation without LLVM's optimisations takes a third less, and tests compute little.
# Continuous integration's slow tests run what users run.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
# A shell's background job ignores interrupts, and so would the processes tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def key():
    """A typed key, the same for every test."""
    import jax

    return jax.random.key(0)


@pytest.fixture
def float64():
    """Double precision, for the length of a test."""
    import jax

    with jax.enable_x64(True):
        yield


@pytest.fixture
def optimised():
    """Programs compiled as users' are, for the length of a test."""
    import jax

    name = "jax_disable_most_optimizations"
    jax.config.update(name, False)
    jax.clear_caches()
    yield
    jax.config.update(name, os.environ[name.upper()] == "1")
    jax.clear_caches()


@pytest.fixture(scope="session")
def learnt(tmp_path_factory):
    """A tiny V and M, trained on two shards that the simulator drove: only read it."""
    from support import commands

    def make(folder):
        # By the real commands; what is only done again, in this process.
        shards = [commands.rollouts(folder, 0)]
        shards.append(commands.rollouts(folder, 1, run=commands.call))
        return commands.networks(folder, shards, again=commands.call)

    return once(tmp_path_factory, "learnt", make)


@pytest.fixture(scope="session")
def stores(tmp_path_factory):
    """The stores of a small round, of random values: only read them."""
    from support import synthetic

    return synthetic.make_round(tmp_path_factory.mktemp("experiment"))


@pytest.fixture(scope="session")
def pretrained(stores, tmp_path_factory) -> Path:
    """The agent of that round, exported: only read it."""
    from worldmodels.stages import export

    out = tmp_path_factory.mktemp("shipped") / "agent.zarr"
    export.run(controller=[stores.controller[0].path.parent], out=out)
    return out


@pytest.fixture
def store(tmp_path) -> Path:
    """The path of a small vision store."""
    from support import small_store

    return small_store.make(tmp_path / "vision.zarr").path


@pytest.fixture
def small_disk(tmp_path):
    """A file system of one megabyte."""
    with mounted(tmp_path / "disk", "size=1m") as place:
        yield place
