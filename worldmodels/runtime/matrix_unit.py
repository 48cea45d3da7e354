"""Whether this machine multiplies bfloat16 faster than float32: it has a matrix unit.

The answer decides the bits of results, so it may not change from one stage of a run to
the next. It is found once for a kind of processor and a version of XLA, and kept beside
the compiled programs; deleting it is safe, and asks the machine again.
"""

import json
import os
import re
import secrets
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from worldmodels.runtime import devices, json_files
from worldmodels.runtime.json_files import Malformed
from worldmodels.runtime.streams import tell

LEAST = 1.2  # times as fast; below, rounding the factors buys nothing
_CAPABILITY = 8.0  # of CUDA, from which on tensor cores take bfloat16

# Rows, inner size and columns of products in V and M, of 26 to 75 million operations.
_SIZES = (
    (288, 1024, 128),  # the third layer of the paper's V, 8 frames
    (6272, 128, 16),  # the second layer of the laptop's, 32 frames
    (100, 291, 1024),  # the gates of the paper's M, 100 episodes
)
_ROUNDS = 10  # of both precisions in turn: some 20 ms


def has_matrix_unit() -> bool:
    """Return whether JAX's first device multiplies bfloat16 faster than float32.

    Platforms are known by what they are; an unknown one, as every processor is, is
    measured. Where the measurement cannot be kept, one line says so and the answer is
    no: a second measurement might differ.
    """
    import jax
    import jaxlib

    device = jax.devices()[0]
    known = of_platform(device.platform, getattr(device, "compute_capability", ""))
    if known is not None:
        return known
    name = f"matrix-unit-{devices.kind()}-jaxlib-{jaxlib.__version__}.json"
    return kept(re.sub(r"[^\w.-]+", "-", name), speedup) >= LEAST


def of_platform(platform: str, capability: str) -> bool | None:
    """Return what is known of a platform; None: nothing is.

    Args:
        capability: of a graphics processor, as CUDA counts: "9.0".
    """
    if platform == "tpu":
        return True
    if platform in ("gpu", "cuda") and re.fullmatch(r"\d+\.\d+", str(capability)):
        return float(capability) >= _CAPABILITY
    return None


def kept(name: str, measure: Callable[[], float]) -> float:
    """Return the figure in the file `name` beside the programs, measured if need be.

    Of several processes that measure at once all return the first one's. 0 where
    nothing can be kept.
    """
    folder = devices.programs()
    if folder is None:
        tell(_cannot("compiled programs are not kept in a folder"))
        return 0.0
    try:
        if (found := _read(folder / name)) is None:
            _write(folder / name, measure())
            found = _read(folder / name)
    except OSError as error:
        tell(_cannot(f"{folder / name} cannot be read and written ({error.strerror})"))
        return 0.0
    return found or 0.0


def _cannot(reason: str) -> str:
    return (
        "precision auto is float32 here, because what this machine multiplies faster "
        f"cannot be kept for the next stage: {reason}; set JAX_COMPILATION_CACHE_DIR "
        "to a folder that can be written, or precision to float32 or mixed"
    )


def _read(file: Path) -> float | None:
    """Return the figure that a file holds; None: there is none, or it is damaged."""
    try:
        figure = json_files.read(file)["speedup"]
    except (FileNotFoundError, Malformed, KeyError, TypeError):
        return None
    return float(figure) if type(figure) in (int, float) else None


def _write(file: Path, figure: float) -> None:
    """Put a figure into a file, whole, unless another process was the first."""
    fresh = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    fresh.write_text(json.dumps({"speedup": round(figure, 3)}))
    try:
        os.link(fresh, file)
    except FileExistsError:
        if _read(file) is None:  # a damaged one
            os.replace(fresh, file)
    except OSError:  # some file systems have no links
        os.replace(fresh, file)
    finally:
        fresh.unlink(missing_ok=True)


def speedup() -> float:
    """Return how many times as fast products of bfloat16 are, sums in float32.

    As in a network, what comes in is rounded behind an elementwise function, which the
    compiler joins with it; weights are rounded before.
    """
    import jax
    import jax.numpy as jnp

    work, least = jax.jit(products), {}
    given = {kind: _factors(kind) for kind in (jnp.float32, jnp.bfloat16)}
    for number in range(1 + _ROUNDS):
        for kind, factors in given.items():
            begin = time.perf_counter()
            jax.block_until_ready(work(*factors))
            seconds = time.perf_counter() - begin
            if number:  # the first compiles
                least[kind] = min(least.get(kind, seconds), seconds)
    return least[jnp.float32] / least[jnp.bfloat16]


def _factors(kind: Any) -> tuple[list[Any], list[Any]]:
    """Return what comes in, float32, and weights of a type, for a product each size."""
    import jax.numpy as jnp
    import numpy as np

    draw = partial(np.random.default_rng(0).random, dtype=np.float32)
    shapes = [((rows, inner), (inner, columns)) for rows, inner, columns in _SIZES]
    return (
        [jnp.asarray(draw(x)) for x, _ in shapes],
        [jnp.asarray(draw(weights), kind) for _, weights in shapes],
    )


def products(inputs: list[Any], weights: list[Any]) -> list[Any]:
    """Return relu(x) w of each, relu(x) rounded to w's type and summed in float32."""
    import jax
    import jax.numpy as jnp

    return [
        jnp.matmul(
            jax.nn.relu(x).astype(w.dtype), w, preferred_element_type=jnp.float32
        )
        for x, w in zip(inputs, weights, strict=True)
    ]
