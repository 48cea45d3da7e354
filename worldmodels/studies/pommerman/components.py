"""The 368 integers of a state that change, by component, and as what a network reads.

The last four of `featurize`'s 372 never change in a free-for-all: nothing predicts
them, and no average counts them.
"""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.environments.pommerman.observation import CHANGING, HIGH
from worldmodels.environments.pommerman.state import CELLS

ACTIONS = 6
Z = CHANGING  # numbers that are predicted
RANGE = HIGH[:Z].astype(np.int32)  # the largest value of each, [Z]; least: 0
_OWN = 3 * CELLS
PARTS: Mapping[str, slice] = {
    "board": slice(0, CELLS),
    "bomb_blast": slice(CELLS, 2 * CELLS),
    "bomb_life": slice(2 * CELLS, _OWN),
    "row": slice(_OWN, _OWN + 1),
    "column": slice(_OWN + 1, _OWN + 2),
    "ammo": slice(_OWN + 2, _OWN + 3),
    "blast": slice(_OWN + 3, _OWN + 4),
    "kick": slice(_OWN + 4, _OWN + 5),
}
# Of several numbers together, that are right when all are.
WHOLE: Mapping[str, slice] = {
    "position": slice(_OWN, _OWN + 2),
    "whole_board": PARTS["board"],
    "everything": slice(0, Z),
}
COMPONENTS = (*PARTS, *WHOLE)
INPUTS = int((RANGE + 1).sum()) + ACTIONS  # numbers that the network reads of a step
# Of each number that the network reads but the actions': whose value it is, and which.
ENTRY = np.repeat(np.arange(Z), RANGE + 1)
VALUE = np.concatenate([np.arange(most + 1) for most in RANGE])


def one_hot(states: jax.Array, actions: jax.Array, dtype: str) -> jax.Array:
    """Return integers [..., Z] and the action [...] as ones among zeros, [..., I]."""
    ones = jnp.take(states, ENTRY, axis=-1) == VALUE.astype(np.int8)
    acted = actions[..., None] == np.arange(ACTIONS, dtype=np.int8)
    return jnp.concatenate([ones, acted], axis=-1).astype(dtype)


def rounded(numbers: jax.Array) -> jax.Array:
    """Return the nearest possible integers, int8 [..., Z]."""
    return jnp.clip(jnp.round(numbers), 0, RANGE).astype(jnp.int8)


def counted(
    truths: np.ndarray, together: Callable[..., np.ndarray]
) -> dict[str, np.ndarray]:
    """Return how many numbers of each component are true, int [...], of bool [..., Z].

    A component in `WHOLE` is one: 1 or 0.

    Args:
        together: `np.all` or `np.any`, of the numbers of such a component.
    """
    counts = {name: truths[..., part].sum(-1) for name, part in PARTS.items()}
    whole = {name: together(truths[..., part], axis=-1) for name, part in WHOLE.items()}
    return counts | {name: found.astype(int) for name, found in whole.items()}


def entries(component: str) -> int:
    """Return how many numbers of a component are right or wrong in one state."""
    part = PARTS.get(component)
    return 1 if part is None else part.stop - part.start
