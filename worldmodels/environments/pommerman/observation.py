"""What an agent sees: the original's dictionary, and its 372 integers.

The whole board is seen. `featurize` gives, in this order: the board 121, the bombs'
blasts 121, their lives 121, the agent's row and column, its ammo, its blast, whether it
can kick, its teammate (nobody: 9) and its three enemies. `HIGH` bounds each number; all
are 0 at least. The last four never change.

Source: `get_observations` of `forward_model.py` and `featurize` of `envs/v0.py` in
MultiAgentLearning/playground 0.2.0.
"""

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.environments.pommerman.state import (
    AGENT,
    AGENTS,
    BOMB_LIFE,
    CELLS,
    MOST,
    NOBODY,
    SIZE,
    State,
)

FEATURES = 3 * CELLS + 9
CHANGING = FEATURES - 4  # the first so many numbers may change in a game
LAST = AGENT + AGENTS - 1
FREE_FOR_ALL = 1  # the original's number of this kind of game
HIGH = np.concatenate(
    [
        np.full(CELLS, LAST),
        np.full(CELLS, MOST),
        np.full(CELLS, BOMB_LIFE - 1),
        [SIZE - 1, SIZE - 1, MOST, MOST, 1],
        np.full(4, LAST),
    ]
).astype(np.int8)


def featurize(state: State, agent: int = 0) -> jax.Array:
    """Return the integers that an agent sees, int8 [372, ...]."""
    agents, batch = state.agents, state.board.shape[2:]
    planes = (state.board, state.bombs.blast, state.bombs.life)
    cell = agents.cell[agent].astype(jnp.int8)
    own = (
        cell // SIZE,
        cell % SIZE,
        agents.ammo[agent],
        agents.blast[agent],
        agents.kick[agent].astype(jnp.int8),
    )
    others = jnp.array([NOBODY, *enemies(agent)], jnp.int8)
    return jnp.concatenate(
        [
            *(plane.reshape(CELLS, *batch) for plane in planes),
            jnp.stack(own),
            jnp.broadcast_to(others.reshape(4, *(1,) * len(batch)), (4, *batch)),
        ]
    )


def flatten(seen: dict[str, np.ndarray]) -> np.ndarray:
    """Return the integers of dictionaries with leading axes [...], int8 [..., 372]."""
    lead = np.shape(seen["board"])[:-2]
    planes = ("board", "bomb_blast_strength", "bomb_life")
    own = ("ammo", "blast_strength", "can_kick", "teammate")
    parts = [
        *(np.reshape(seen[name], (*lead, CELLS)) for name in planes),
        seen["position"],
        *(np.reshape(seen[name], (*lead, 1)) for name in own),
        seen["enemies"],
    ]
    return np.concatenate(parts, axis=-1).astype(np.int8)


def enemies(agent: int) -> list[int]:
    """Return how the board shows the other three."""
    return [AGENT + i for i in range(AGENTS) if i != agent]


def as_dict(state: State, agent: int = 0) -> dict[str, jax.Array]:
    """Return what an agent sees, by the original's names.

    But `alive` is four truths where the original lists the numbers of those who live,
    and the name of the original's class, `game_env`, is left out.
    """
    agents, bombs, batch = state.agents, state.bombs, state.board.shape[2:]

    def constant(values: list[int]) -> jax.Array:
        numbers = jnp.array(values, jnp.int8).reshape(-1, *(1,) * len(batch))
        return jnp.broadcast_to(numbers, (len(values), *batch))

    cell = agents.cell[agent]
    return {
        "alive": agents.alive.astype(jnp.int8),
        "board": state.board,
        "bomb_blast_strength": bombs.blast,
        "bomb_life": bombs.life,
        "bomb_moving_direction": bombs.direction,
        "flame_life": flame_life(state),
        "game_type": constant([FREE_FOR_ALL])[0],
        "position": jnp.stack([cell // SIZE, cell % SIZE]),
        "blast_strength": agents.blast[agent],
        "can_kick": agents.kick[agent].astype(jnp.int8),
        "teammate": constant([NOBODY])[0],
        "ammo": agents.ammo[agent],
        "enemies": constant(enemies(agent)),
        "step_count": state.step,
    }


def flame_life(state: State) -> jax.Array:
    """Return for how many steps each cell still burns, int8 [11, 11, ...]."""
    flames = state.flames
    return sum((flames >= 1 << life).astype(jnp.int8) for life in range(3))
