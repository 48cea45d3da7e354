"""The colours of the ground: gymnasium's usual ones, or those that it draws at random.

With `domain_randomize=True` gymnasium gives road, background and grass other colours in
every episode. The car, the kerbs and what lies beyond the playfield keep theirs.
"""

from typing import NamedTuple

import jax
import numpy as np


class Colors(NamedTuple):
    """Of one track, or of B with a leading [B]: real numbers, as gymnasium has them."""

    road: np.ndarray  # [..., 3] red, green, blue; of the darkest of three tiles
    background: np.ndarray  # [..., 3]
    grass: np.ndarray  # [..., 3] of the patches on the background


class Palette(NamedTuple):
    """The same colours as they are seen in frames: uint32, packed as 0x00BBGGRR."""

    road: np.ndarray | jax.Array  # [..., 3] of tile i: road[i % 3]
    background: np.ndarray | jax.Array  # [...]
    grass: np.ndarray | jax.Array  # [...]
    kerb: np.ndarray | jax.Array  # [..., 2] of tile i: kerb[i % 2]


USUAL = Colors(*np.array([[102.0, 102, 102], [102, 204, 102], [102, 230, 102]]))

DARKENED = 2  # what smoothscale takes from every value
_KERB = np.array([[255, 255, 255], [255, 0, 0]])


def draw(rng: np.random.Generator) -> Colors:
    """Draw the colours of one episode, which come before its track.

    Source: gymnasium's `CarRacing._reinit_colors`.
    """
    road, background = rng.uniform(0, 210, size=3), rng.uniform(0, 210, size=3)
    grass = np.copy(background)
    grass[rng.integers(3)] += 20
    return Colors(road, background, grass)


def palette(colors: Colors, darkened: int = DARKENED) -> Palette:
    """Return the colours as they are seen, each value lower by `darkened`."""
    tiles = 0.01 * np.arange(3)[:, None] * 255  # each of three tiles is lighter
    return Palette(
        road=_seen(colors.road[..., None, :] + tiles, darkened),
        background=_seen(colors.background, darkened),
        grass=_seen(colors.grass, darkened),
        kerb=_seen(np.broadcast_to(_KERB, (*colors.road.shape[:-1], 2, 3)), darkened),
    )


def _seen(color: np.ndarray, darkened: int) -> np.ndarray:
    """Pack colours [..., 3] as drawn, whose fractions pygame cuts off, and shrunk."""
    color = np.maximum(color.astype(np.int64) - darkened, 0)
    return (color << np.array([0, 8, 16])).sum(-1).astype(np.uint32)
