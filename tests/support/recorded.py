"""A person's own episodes as npz files, in the layout of the original's recordings."""

from pathlib import Path
from typing import Any

import numpy as np


def episode(
    steps: int, seed: int = 0, height: int = 64, width: int = 64, actions: int = 2
) -> dict[str, Any]:
    """Return the arrays of one episode: noise, actions in -1..1, a death at its end."""
    rng = np.random.default_rng(seed)
    return {
        "obs": rng.integers(0, 256, (steps, height, width, 3), np.uint8),
        "action": rng.uniform(-1, 1, (steps, actions)).astype(np.float32),
        "reward": rng.normal(size=steps),
        "done": np.arange(steps) == steps - 1,
    }


def write(folder: Path, **episodes: dict[str, Any]) -> Path:
    """Write episodes to a folder, one npz file each, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, arrays in episodes.items():
        np.savez(folder / f"{name}.npz", **arrays)
    return folder
