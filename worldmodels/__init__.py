"""World Models (Ha & Schmidhuber 2018) as a pipeline of inspectable artifacts.

    import worldmodels

    run = worldmodels.open_run("results/default")
    agent = worldmodels.load_agent("results/default")

The names in `__all__` are the public face, which the documentation and the examples
use. They are loaded when they are first used: environment workers and the Snakefile
import this package and must not pay for JAX.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

_API = (
    "decode",
    "dream",
    "drive",
    "encode",
    "film",
    "load_agent",
    "load_memory",
    "load_vision",
    "make",
    "open_run",
    "open_store",
    "pixelcopter",
    "pommerman",
    "simulator",
)
__all__ = ["__version__", *_API]


def __getattr__(name: str) -> Any:
    if name not in _API:
        raise AttributeError(f"module 'worldmodels' has no attribute {name!r}")
    return getattr(importlib.import_module("worldmodels.api"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_API})
