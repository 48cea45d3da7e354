"""The functions that are searched, each with a loss of at least 0 at x [..., 2].

Schaffer's has two forms. The seeds' has no ring: its floors are the hyperbolas
u^2 - v^2 = k pi, whose diagonals fall to the optimum, and minima lie off them, at the
distance sqrt(k pi) on the axes. The other has sin^2 of the distance itself, and rings.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

FOUND = 1e-10  # largest f^2 of Schaffer's that counts as found: f is at most 1e-5
H1_OPTIMUM = (8.6998, 6.7665)
_SCHWEFEL = 418.9828872724339


class Function(NamedTuple):
    """One function of two numbers.

    Attributes:
        loss: x [..., 2] to [...], 0 at the optimum.
        box: half the side of the square that starts lie in.
        optimum: where the loss is 0.
        tolerance: largest loss that counts as found.
    """

    name: str
    loss: Callable[[jax.Array], jax.Array]
    box: float
    optimum: tuple[float, float]
    tolerance: float


def schaffer(x: jax.Array, optimum: jax.Array, rings: jax.Array) -> jax.Array:
    """Return Schaffer's function f [...] of x [..., 2], moved to its optimum [2].

    Args:
        rings: bool [], whether it is the form with rings.
    """
    u, v = jnp.moveaxis(x - optimum, -1, 0)
    square = u**2 + v**2
    # The derivative of the root is infinite at 0, but none is taken.
    wave = jnp.where(rings, jnp.sqrt(square), u**2 - v**2)
    return 0.5 + (jnp.sin(wave) ** 2 - 0.5) / (1 + 0.001 * square) ** 2


def _sphere(x: jax.Array) -> jax.Array:
    return jnp.sum(x**2, axis=-1)


def _rastrigin(x: jax.Array) -> jax.Array:
    return jnp.sum(10 + x**2 - 10 * jnp.cos(2 * np.pi * x), axis=-1)


def _schwefel(x: jax.Array) -> jax.Array:
    """Outside its box: the value at the edge, and the squared distance to it."""
    inside = jnp.clip(x, -500, 500)
    waves = _SCHWEFEL - inside * jnp.sin(jnp.sqrt(jnp.abs(inside)))
    return jnp.sum(waves + (x - inside) ** 2, axis=-1)


def _h1(x: jax.Array) -> jax.Array:
    """Return 2, which is its largest value, less the function."""
    first, second = jnp.moveaxis(x, -1, 0)
    waves = jnp.sin(first - second / 8) ** 2 + jnp.sin(second + first / 8) ** 2
    off = jnp.linalg.norm(x - jnp.array(H1_OPTIMUM), axis=-1)
    return 2 - waves / (off + 1)


FUNCTIONS = (
    Function("sphere", _sphere, 2.0, (0.0, 0.0), 0.01),
    Function("Rastrigin", _rastrigin, 5.12, (0.0, 0.0), 0.01),
    Function("Schwefel", _schwefel, 500.0, (420.96874636,) * 2, 0.1),
    Function("H1", _h1, 20.0, H1_OPTIMUM, 0.01),
)
BOXES = tuple(function.box for function in FUNCTIONS)
TOLERANCES = tuple(function.tolerance for function in FUNCTIONS)


def loss_of(number: jax.Array, x: jax.Array) -> jax.Array:
    """Return the loss [...] of x [..., 2] under one of `FUNCTIONS`, by its number."""
    return jax.lax.switch(number, [function.loss for function in FUNCTIONS], x)


def starts(key: jax.Array, number: jax.Array, count: int) -> jax.Array:
    """Return random whole numbers [count, 2] in the box of a function."""
    most = jnp.floor(jnp.array(BOXES)[number]).astype(int)
    return jax.random.randint(key, (count, 2), -most, most + 1)
