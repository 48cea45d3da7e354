"""V's encoder on all cores: what encodes a data set.

A product of a chunk of frames is too small for several cores of a CPU
(`models/encoder_rows`). A batch is therefore cut into one part a core, each encoded by
a thread of its own. A GPU gets the batch whole.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import jax
import numpy as np

from worldmodels.models import vision
from worldmodels.models.vision import VAE
from worldmodels.runtime.devices import cores


class ParallelEncoder:
    """Encodes uint8 [B, H, W, 3] into mu and logvar [B, Z]; a context manager."""

    def __init__(self, model: VAE, params: Any):
        encoder = vision.prepared(jax.device_put(params), model)
        self._encode = jax.jit(partial(vision.encode, encoder, model))
        on_cpu = jax.default_backend() == "cpu"
        self._parts = cores() if on_cpu else 1
        self._threads = ThreadPoolExecutor(self._parts)

    def __enter__(self) -> "ParallelEncoder":
        return self

    def __exit__(self, *exception: object) -> None:
        self._threads.shutdown()

    def __call__(self, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return mu and logvar of the frames."""
        parts = np.array_split(frames, min(self._parts, len(frames)))
        encoded = list(self._threads.map(self._part, parts))
        mu, logvar = (np.concatenate(arrays) for arrays in zip(*encoded, strict=True))
        return mu, logvar

    def _part(self, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mu, logvar = self._encode(frames)
        return np.asarray(mu), np.asarray(logvar)
