"""Which cells burn where bombs explode."""

from collections.abc import Sequence
from functools import reduce

import jax
import jax.numpy as jnp

from worldmodels.environments.pommerman.state import (
    DIRECTIONS,
    RIGID,
    is_wall,
    pushed,
)


def blast(
    board: jax.Array, length: jax.Array, lit: jax.Array, chain: bool
) -> jax.Array:
    """Return the cells that burn where the bombs that are `lit` explode.

    Rays stop before rigid walls and at wood, which burns.

    Args:
        length: of the rays of the bomb on a cell; 0: no bomb is there.
        chain: whether bombs that burn explode as well.
    """
    through, solid = ~is_wall(board), board == RIGID

    def spread(carry: tuple[tuple[jax.Array, ...], jax.Array]):
        before, _ = carry
        rays = []
        for ray, d in zip(before, DIRECTIONS, strict=True):
            on = pushed(jnp.where(through & (ray > 1), ray - 1, 0), d)
            rays.append(jnp.where(solid, 0, jnp.maximum(ray, on)))
        if chain:
            burnt = _any(rays)
            rays = [jnp.where(burnt, jnp.maximum(ray, length), ray) for ray in rays]
        pairs = zip(rays, before, strict=True)
        return tuple(rays), _any([ray - old for ray, old in pairs]).any()

    begin = (jnp.where(lit, length, 0),) * len(DIRECTIONS), lit.any()
    return _any(jax.lax.while_loop(lambda carry: carry[1], spread, begin)[0])


def _any(planes: Sequence[jax.Array]) -> jax.Array:
    """Return where any of the planes is more than 0."""
    return reduce(jnp.bitwise_or, planes) > 0
