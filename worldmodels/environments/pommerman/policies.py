"""Two policies that play all four agents: uniform, and one that shuns blasts.

Uniform agents soon blow themselves up. Cautious ones live on and clear the wood.
"""

from functools import partial

import jax
import jax.numpy as jnp

from worldmodels.environments.pommerman.blasts import blast
from worldmodels.environments.pommerman.state import (
    AGENTS,
    DIRECTIONS,
    State,
    is_wall,
    look,
    neighbour,
)

ACTIONS = 6
SOON = 3  # steps within which a cell that burns is all but forbidden


def uniform(keys: jax.Array, state: State) -> jax.Array:
    """Return actions int8 [B, 4], each of the six as likely, from typed keys [B]."""
    draw = partial(jax.random.randint, shape=(AGENTS,), minval=0, maxval=ACTIONS)
    return jax.vmap(draw)(keys).astype(jnp.int8)


def cautious(keys: jax.Array, state: State) -> jax.Array:
    """Return actions int8 [B, 4], drawn with `preferences`, from typed keys [B].

    So what is played in a game depends on its own key alone.
    """
    draw = partial(jax.random.categorical, axis=0)
    chosen = jax.vmap(draw, in_axes=(0, -1))(keys, preferences(state))
    return chosen.astype(jnp.int8)


def preferences(state: State) -> jax.Array:
    """Return the logits of the six actions of each agent, float32 [6, 4, ...].

    0 to stop, 0.3 for a move, -0.8 for a bomb; 30 less for a move that is blocked, 20
    less where it burns within 3 steps, 3 less within the reach of any bomb, and 10 less
    for a bomb where the agent is in reach of one.
    """
    cells, bombs = state.agents.cell, state.bombs
    there, wall = bombs.life > 0, is_wall(state.board)
    reach = blast(state.board, bombs.blast, there, chain=False)
    soon = blast(state.board, bombs.blast, there & (bombs.life <= SOON), chain=True)
    burns = soon | (state.flames > 1)  # a flame of life 0 dies before anyone moves
    fear = 20.0 * burns + 3.0 * reach
    stay = look(fear, cells)
    logits = [-stay]
    for direction in DIRECTIONS:
        target, inside = neighbour(cells, jnp.full_like(cells, direction))
        blocked = ~inside | look(wall | (there & ~burns), target)
        logits.append(0.3 - look(fear, target) - 30.0 * blocked)
    logits.append(-0.8 - stay - 10.0 * look(reach, cells))
    return jnp.stack(logits)
