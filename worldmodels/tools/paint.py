"""Tool paint: pictures of given labels, drawn by a trained conditional GAN."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from worldmodels.pictures import grids
from worldmodels.runtime import devices
from worldmodels.runtime.errors import UserError
from worldmodels.runtime.randomness import generator_for
from worldmodels.stores import places
from worldmodels.stores.artifact import open_artifact
from worldmodels.stores.publication import publish_bytes
from worldmodels.studies import registry
from worldmodels.studies.conditional_gan import painting

_COLUMNS = 8
_HEIGHT = 96  # pixels of a drawn picture in the file, or its own if that is more


def run(*, labels: str, training: Path, count: int, seed: int, out: Path) -> None:
    """Draw `count` pictures into a PNG and print what was asked for.

    Raises:
        UserError: for labels that the generator does not know or values that are not
            in [0, 1], a store that is no training, or a file that cannot be written.
    """
    if out.suffix.lower() != ".png":
        raise UserError(f"{out} must end in .png")
    places.check_file(out)
    store = open_artifact(training, registry.study("conditional_gan").kind("train"))
    asked = given(labels, store.config["names"])
    devices.prepare(store.config.get("dtype", "float32"))
    wanted = np.tile(list(asked.values()), (count, 1))
    rng = generator_for(seed, 0, "conditional_gan z of paint")
    publish_bytes(out, _png(painting.painted(store, wanted, rng)))
    named = {name for name, _, _ in _entries(labels)}
    print("drawn with " + " ".join(f"{name}={x:g}" for name, x in asked.items()))
    if rest := [name for name in asked if name not in named]:
        print(f"not named, and so 0: {', '.join(rest)}")


def given(labels: str, names: Sequence[str]) -> dict[str, float]:
    """Return the value of each of the generator's labels; 0 where none is given.

    Args:
        labels: such as "Male=0,Smiling=1".

    Raises:
        UserError: for an unknown or repeated label, or a value not in [0, 1].
    """
    found: dict[str, float] = {}
    for name, equals, value in _entries(labels):
        if name not in names:
            raise UserError(
                f"--labels has {name!r}, which this generator does not know; its "
                f"labels are {', '.join(names)}"
            )
        if name in found:
            raise UserError(f"--labels has {name} twice; give it once")
        found[name] = _share(name + equals + value, value)
    return {name: found.get(name, 0.0) for name in names}


def _entries(labels: str) -> list[tuple[str, str, str]]:
    """Return the name, the sign and the value of each entry, without their blanks."""
    parts = (part.partition("=") for part in labels.split(","))
    return [tuple(word.strip() for word in part) for part in parts]


def _share(entry: str, value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        raise UserError(
            f"--labels has {entry}; give 0 or 1, or a number between them, as in Male=1"
        )
    return number


def _png(images: np.ndarray) -> bytes:
    """Return pictures uint8 [N, H, W, 3] in rows of eight; white fills the last one."""
    columns = min(len(images), _COLUMNS)
    missing = -len(images) % columns
    white = np.full((missing, *images.shape[1:]), 255, np.uint8)
    frames = np.concatenate([images, white]).reshape(-1, columns, *images.shape[1:])
    scale = max(1, _HEIGHT // images.shape[1])
    return grids.png(grids.grid(frames, scale))
