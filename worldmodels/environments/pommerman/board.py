"""Boards of Pommerman, drawn as the original draws them, and the games on them.

A board is symmetric about its main diagonal: 36 rigid cells, 36 of wood, of which 20
hide an item. Source: `make_board` and `make_items` of `utility.py` in
MultiAgentLearning/playground 0.2.0.
"""

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.environments.pommerman.state import (
    AGENT,
    AGENTS,
    CELLS,
    DIRECTIONS,
    EXTRA_BOMB,
    KICK,
    PASSAGE,
    RIGID,
    SIZE,
    WOOD,
    Agents,
    Bombs,
    State,
    ahead,
)

RIGID_PAIRS, WOOD_PAIRS, ITEMS = 18, 12, 20
UNREACHABLE = 4  # passages that may be cut off from agent 2
HOMES = ((1, 1), (9, 1), (9, 9), (1, 9))  # of the agents: row, column
_FREE = ((1, 2), (1, 3), (1, 7), (1, 8), (2, 9), (3, 9), (7, 9), (8, 9))  # and mirrored
_WOODEN = ((1, 4), (1, 5), (1, 6), (4, 9), (5, 9), (6, 9))  # and mirrored


def start(keys: jax.Array) -> State:
    """Begin games, each on a board of its own, from typed keys [...]."""
    draw = _one
    for _ in range(keys.ndim):
        draw = jax.vmap(draw, out_axes=-1)
    board, items = draw(keys)
    batch = keys.shape
    plane = jnp.zeros((SIZE, SIZE, *batch), jnp.int8)
    four = (AGENTS, *batch)
    homes = jnp.array([SIZE * row + column for row, column in HOMES], jnp.int32)
    return State(
        board=board,
        items=items,
        flames=plane,
        agents=Agents(
            cell=jnp.broadcast_to(homes.reshape(AGENTS, *(1,) * len(batch)), four),
            alive=jnp.ones(four, bool),
            ammo=jnp.full(four, 1, jnp.int8),
            blast=jnp.full(four, 2, jnp.int8),
            kick=jnp.zeros(four, bool),
        ),
        bombs=Bombs(plane, plane, plane, plane),
        step=jnp.zeros(batch, jnp.int32),
    )


def _one(key: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Draw a board and its items, int8 [11, 11] each, until enough can be reached."""
    walls, laid = jax.random.split(key)

    def again(carry: tuple[jax.Array, jax.Array, jax.Array]):
        attempt, *_ = carry
        return attempt + 1, *_walls(jax.random.fold_in(walls, attempt))

    def refused(carry: tuple[jax.Array, jax.Array, jax.Array]) -> jax.Array:
        return unreachable(carry[1]) > UNREACHABLE

    drawn = 0, *_walls(walls)
    _, board, wood = jax.lax.while_loop(refused, again, drawn)
    return board, _items(laid, wood)


def _walls(key: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Draw a board, int8 [11, 11], and return the 36 cells of its wood as well."""
    order = jax.random.permutation(key, _PAIRS)
    rigid = order[:RIGID_PAIRS].ravel()
    wood = order[RIGID_PAIRS : RIGID_PAIRS + WOOD_PAIRS].ravel()
    board = jnp.asarray(_BARE).at[rigid].set(RIGID).at[wood].set(WOOD)
    return board.reshape(SIZE, SIZE), jnp.concatenate([_BY_RULE, wood])


def _items(key: jax.Array, wood: jax.Array) -> jax.Array:
    """Hide items of the three kinds under some of the wood."""
    where, which = jax.random.split(key)
    cells = jax.random.permutation(where, wood)[:ITEMS]
    kinds = jax.random.randint(which, (ITEMS,), EXTRA_BOMB, KICK + 1, jnp.int8)
    items = jnp.zeros(CELLS, jnp.int8).at[cells].set(kinds)
    return items.reshape(SIZE, SIZE)


def unreachable(board: jax.Array) -> jax.Array:
    """Return how many passages agent 2 cannot reach over cells that are not rigid."""
    open_ = board != RIGID
    home = jnp.zeros((SIZE, SIZE), bool).at[HOMES[2]].set(True)

    def spread(carry: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        reached, _ = carry
        further = reached
        for d in DIRECTIONS:
            further |= ahead(reached, d)
        further &= open_
        return further, (further != reached).any()

    reached, _ = jax.lax.while_loop(lambda carry: carry[1], spread, (home, True))
    return ((board == PASSAGE) & ~reached).sum()


def _bare() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what every board has: cells [121], wood by rule, and the free pairs."""
    board = np.zeros((SIZE, SIZE), np.int8)
    for i, home in enumerate(HOMES):
        board[home] = AGENT + i
    for row, column in _WOODEN:
        board[row, column] = board[column, row] = WOOD
    kept = {*_FREE, *_WOODEN, HOMES[3]}
    upper = [(r, c) for r in range(SIZE) for c in range(r + 1, SIZE)]
    pairs = [(SIZE * r + c, SIZE * c + r) for r, c in upper if (r, c) not in kept]
    return board.ravel(), np.flatnonzero(board == WOOD), np.array(pairs)


_BARE, _BY_RULE, _PAIRS = _bare()
