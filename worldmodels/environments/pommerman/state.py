"""The state of Pommerman's games in integers, and how a plane of cells is read.

A plane has the shape [11, 11, ...]: rows, columns, and behind them the games of a
batch, if there are several. So one code serves one game and many, and games lie side by
side in memory. A cell is a number, 11 * row + column.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

SIZE = 11  # rows, and columns
CELLS = SIZE * SIZE
AGENTS = 4
BOMBS = 24  # at most at once: the 4 of the start and one for each of 20 items
MAX_STEPS = 800  # of a game
MOST = 10  # of ammo, and of blast
FLAME_LIFE = 2  # of a fresh flame
BOMB_LIFE = 10  # of a bomb as it is laid; the same step already takes 1

# What a cell of the board shows.
PASSAGE, RIGID, WOOD, BOMB, FLAMES, FOG = range(6)
EXTRA_BOMB, RANGE, KICK, NOBODY, AGENT = 6, 7, 8, 9, 10  # agent i is AGENT + i

# Actions; the moves are also the directions in which bombs roll.
STOP, UP, DOWN, LEFT, RIGHT, LAY = range(6)
DIRECTIONS = (UP, DOWN, LEFT, RIGHT)
OPPOSITE = {UP: DOWN, DOWN: UP, LEFT: RIGHT, RIGHT: LEFT}
OFFSETS = np.array([0, -SIZE, SIZE, -1, 1, 0], np.int32)  # cells, by action


class Agents(NamedTuple):
    """The four agents, [4, ...] each. A dead one keeps its last cell."""

    cell: jax.Array  # int32
    alive: jax.Array  # bool
    ammo: jax.Array  # int8, bombs that it may lay, at most 10
    blast: jax.Array  # int8, of the bombs that it lays, 2 to 10
    kick: jax.Array  # bool, whether it can


class Bombs(NamedTuple):
    """All bombs, as planes int8 [11, 11, ...]: no two lie on one cell.

    So a plane holds as many as there can be, which are 24. Their order is of no
    importance to any rule. Where there is no bomb all planes are 0.
    """

    life: jax.Array  # steps until it explodes
    blast: jax.Array  # cells that a ray of it is long, the centre among them
    owner: jax.Array  # 0 to 3
    direction: jax.Array  # in which it rolls; 0: it lies


class State(NamedTuple):
    """Games of Pommerman."""

    board: jax.Array  # int8 [11, 11, ...], as shown
    items: jax.Array  # int8 [11, 11, ...], hidden by wood or flames; 0: none
    flames: jax.Array  # int8 [11, 11, ...]: with bit k a flame of life k burns here
    agents: Agents
    bombs: Bombs
    step: jax.Array  # int32 [...], steps made


def at(cell: jax.Array) -> jax.Array:
    """Return the plane that is true at one cell of each game; `cell` is [...]."""
    numbers = np.arange(CELLS, dtype=np.int32).reshape(SIZE, SIZE)
    return numbers.reshape(SIZE, SIZE, *(1,) * cell.ndim) == cell


def count(cells: jax.Array, which: jax.Array) -> jax.Array:
    """Return how many of the cells [4, ...] that `which` chooses lie where, int8."""
    chosen = [at(cells[i]) & which[i] for i in range(AGENTS)]
    return sum(each.astype(jnp.int8) for each in chosen)


def look(plane: jax.Array, cells: jax.Array) -> jax.Array:
    """Return what the plane says at `cells`, [4, ...]."""
    flat = plane.reshape(CELLS, *plane.shape[2:])
    return jnp.take_along_axis(flat, cells, axis=0, mode="promise_in_bounds")


def pushed(plane: jax.Array, direction: int) -> jax.Array:
    """Return the plane moved by one cell; what leaves it is lost, zeros come in."""
    axis, back = (direction - 1) // 2, direction in (UP, LEFT)
    shift = (-1, 1, 0) if back else (1, -1, 0)
    config = [shift if each == axis else (0, 0, 0) for each in range(plane.ndim)]
    return jax.lax.pad(plane, np.zeros((), plane.dtype), config)


def ahead(plane: jax.Array, direction: int) -> jax.Array:
    """Return what the plane says one cell further on; 0 off the board."""
    return pushed(plane, OPPOSITE[direction])


def neighbour(cell: jax.Array, action: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return the cell where a move leads, and whether it is a move that stays on board.

    Where it is none, the cell is the same.
    """
    row, column = cell // SIZE, cell % SIZE
    inside = (
        ((action == UP) & (row > 0))
        | ((action == DOWN) & (row < SIZE - 1))
        | ((action == LEFT) & (column > 0))
        | ((action == RIGHT) & (column < SIZE - 1))
    )
    offset = jnp.where(action > DOWN, 1, SIZE) * jnp.where(action % 2 == 1, -1, 1)
    return jnp.where(inside, cell + offset, cell).astype(jnp.int32), inside


def is_wall(board: jax.Array) -> jax.Array:
    """Return where rigid walls or wood stand."""
    return (board == RIGID) | (board == WOOD)


def is_item(board: jax.Array) -> jax.Array:
    """Return where an item is shown."""
    return (board >= EXTRA_BOMB) & (board <= KICK)
