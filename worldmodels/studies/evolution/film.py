"""Step film: one search of Schaffer's function, generation by generation, as a GIF."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from worldmodels.pictures import video
from worldmodels.stores.artifact import Artifact, open_artifact
from worldmodels.studies.evolution.frames import Scene
from worldmodels.studies.evolution.functions import FOUND
from worldmodels.studies.evolution.settings import Evolution
from worldmodels.studies.evolution.steps import STUDY

_PER_SECOND = 5
_HELD = 8  # times that the last generation is shown
TITLES = {
    "found": "outer product",
    "missed": "outer product",
    "fault_found": "scalar: optimum (10, 10)",
    "fault_missed": "scalar: optimum (10, -10)",
}


def run(
    *, settings: Evolution, trace: Path, case: str, out: Path, log: Path | None
) -> None:
    """Write the film of a search that was followed to `out`, which ends in .gif.

    Raises:
        UserError: for another ending, a store that is no trace, or a full disk.
    """
    del settings, log  # it takes seconds
    video.prepare(out)
    store = open_artifact(trace, STUDY.kind("trace"))
    video.write(out, frames(store, case), _PER_SECOND)


def frames(store: Artifact, case: str) -> Iterator[np.ndarray]:
    """Yield the pictures of a followed search, uint8 [H, W, 3]."""
    names = "population", "loss", "mean", "covariance"
    parts = [store.read(f"{case}/{name}") for name in names]
    scene = Scene.of(_title(case, parts[1]), store.read(f"{case}/optimum"))
    best, picture = np.inf, None
    for number, generation in enumerate(zip(*parts, strict=True)):
        population, loss, mean, covariance = generation
        best = min(best, float(np.sqrt(loss.min())))
        picture = scene.drawn(number + 1, best, population, mean, covariance)
        yield picture
    for _ in range(_HELD):
        yield picture


def _title(case: str, losses: np.ndarray) -> str:
    """Return what a search is, and of the right code if it found the optimum."""
    if case not in ("found", "missed"):
        return TITLES[case]
    # There may have been none to choose from that did, or that did not.
    return f"{TITLES[case]}: {'found' if losses.min() <= FOUND else 'missed'}"
