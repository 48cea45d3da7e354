"""One step of Pommerman: ten rules, one function each, in the order in which they act.

Source: `forward_model.py` of MultiAgentLearning/playground 0.2.0, whose loops over
agents and bombs are sweeps over all at once here. That is exact: within a rule, counts
only grow, so what gives way does not depend on the order. Actions are int [4, ...].
"""

from collections.abc import Callable
from functools import partial, reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp

from worldmodels.environments.pommerman.blasts import blast
from worldmodels.environments.pommerman.state import (
    AGENT,
    AGENTS,
    BOMB,
    BOMB_LIFE,
    DIRECTIONS,
    EXTRA_BOMB,
    FLAME_LIFE,
    FLAMES,
    KICK,
    LAY,
    MOST,
    OFFSETS,
    OPPOSITE,
    PASSAGE,
    RANGE,
    STOP,
    Agents,
    Bombs,
    State,
    ahead,
    at,
    count,
    is_item,
    is_wall,
    look,
    neighbour,
    pushed,
)
from worldmodels.runtime.barrier import stored

_BITS = (0, 15), (4, 15), (8, 3), (10, 7)  # shift and mask of each plane of `Bombs`
LIES = 5  # a bomb that is met where it lies; 1 to 4: it comes rolling


class Wishes(NamedTuple):
    """Where all want to go, and how many ever wanted to be on each cell."""

    cell: jax.Array  # int32 [4, ...], of the agents
    rolls: jax.Array  # int8 [11, 11, ...]: the bomb here wants to roll; 0: it stays
    agents: jax.Array  # int8 [11, 11, ...], those who wanted to be here
    bombs: jax.Array  # int8 [11, 11, ...]


class Kicks(NamedTuple):
    """The kicks of a step, [4, ...] by agent."""

    done: jax.Array  # bool
    origin: jax.Array  # int32: the cell from which the bomb comes,
    target: jax.Array  # and to which it is sent
    direction: jax.Array  # int8


def advance(state: State, actions: jax.Array) -> State:
    """Make one step; an action that does not exist is to stop."""
    exists = (actions >= STOP) & (actions <= LAY)
    actions = jnp.where(exists, actions, STOP).astype(jnp.int8)
    # Fused, the rules would be computed again for each of their many uses.
    keep = partial(stored, always=(state.step >= 0).all())
    state = keep(age_flames(state))
    state, cell = keep(act(state, actions))
    board, rolls = keep(roll(state))
    state = state._replace(board=board)
    cell, rolls = keep(cross(state.agents, actions, cell, rolls))
    wishes = settle(state.agents, state.bombs, cell, rolls)
    wishes, kicks, met = kick(state, actions, wishes)
    wishes, kicks = give_way(state.agents, wishes, kicks, met)
    state = move(state, wishes, kicks)
    state, burnt = explode(state)
    state = draw(state, burnt)
    return state._replace(step=state.step + 1)


def age_flames(state: State) -> State:
    """1. Flames of life 0 die and show what they hid; the others lose 1.

    Under a younger flame the item is shown and drawn over at once: it is lost.
    """
    dies = (state.flames & 1) == 1
    board = jnp.where(dies, state.items, state.board)
    flames = state.flames >> 1
    return state._replace(
        board=jnp.where(flames > 0, FLAMES, board),
        items=jnp.where(dies, PASSAGE, state.items),
        flames=flames,
    )


def act(state: State, actions: jax.Array) -> tuple[State, jax.Array]:
    """2. Agents leave the board and lay bombs; return also where they want to be."""
    agents, bombs = state.agents, state.bombs
    board = jnp.where(count(agents.cell, agents.alive) > 0, PASSAGE, state.board)
    free = look(bombs.life, agents.cell) == 0
    lays = agents.alive & (actions == LAY) & (agents.ammo > 0) & free
    laid = bombs
    for i in range(AGENTS):
        here = at(agents.cell[i]) & lays[i]
        fresh = Bombs(BOMB_LIFE, agents.blast[i], i, 0)
        laid = _each(lambda new, old, here=here: jnp.where(here, new, old), fresh, laid)
    target, inside = neighbour(agents.cell, actions)
    goes = agents.alive & inside & ~look(is_wall(board), target)
    agents = agents._replace(ammo=agents.ammo - lays)
    state = state._replace(board=board, agents=agents, bombs=laid)
    return state, jnp.where(goes, target, agents.cell)


def roll(state: State) -> tuple[jax.Array, jax.Array]:
    """3. Bombs leave the board; return it, and in which directions they want to roll.

    Walls and items stop the wish; flames and agents do not.
    """
    bombs = state.bombs
    board = jnp.where(bombs.life > 0, PASSAGE, state.board)
    open_ = ~(is_wall(board) | is_item(board))
    rolls = jnp.zeros_like(bombs.direction)
    for d in DIRECTIONS:
        rolls += jnp.int8(d) * ((bombs.direction == d) & ahead(open_, d))
    return board, rolls


def cross(
    agents: Agents, actions: jax.Array, cell: jax.Array, rolls: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """4. Over one border: two agents both stay, a bomb stays, the agent it meets goes.

    Returns:
        The agents' and the bombs' wishes that are left.
    """
    moves = cell != agents.cell
    swaps = (
        (cell[:, None] == agents.cell[None])
        & (agents.cell[:, None] == cell[None])
        & moves[:, None]
        & moves[None]
    )
    heading = sum(
        jnp.where(at(agents.cell[i]) & moves[i], actions[i], 0) for i in range(AGENTS)
    )
    stays = jnp.zeros(rolls.shape, bool)
    for d in DIRECTIONS:
        back = OPPOSITE[d]
        met = (heading == d) | ahead((heading == back) | (rolls == back), d)
        stays |= (rolls == d) & met
    cell = jnp.where(swaps.any(axis=1), agents.cell, cell)
    return cell, jnp.where(stays, 0, rolls)


def settle(agents: Agents, bombs: Bombs, cell: jax.Array, rolls: jax.Array) -> Wishes:
    """5. Who wants a cell that several agents or several bombs want stays.

    Who stays counts at its own cell as well, and goes on counting at the other one.
    """
    wanted = (bombs.life > 0) & (rolls == 0)
    wanted = wanted.astype(jnp.int8)
    for d in DIRECTIONS:
        wanted += pushed((rolls == d).astype(jnp.int8), d)
    wishes = Wishes(cell, rolls, count(cell, agents.alive), wanted)

    def sweep(carry: tuple[Wishes, jax.Array]) -> tuple[Wishes, jax.Array]:
        wishes, _ = carry
        full = (wishes.agents > 1) | (wishes.bombs > 1)
        back = (wishes.cell != agents.cell) & look(full, wishes.cell)
        stops = _blocked(wishes.rolls, full)
        return _stay(agents, wishes, back, stops), back.any() | stops.any()

    return jax.lax.while_loop(lambda carry: carry[1], sweep, (wishes, True))[0]


def kick(
    state: State, actions: jax.Array, wishes: Wishes
) -> tuple[Wishes, Kicks, jax.Array]:
    """6. Where an agent and a bomb want one cell: a kick, or both go back.

    An agent that does not move stops the bomb that rolls to it. All meetings are
    judged at once: a kick takes its bomb off the count of the cell that its agent
    enters, and as that agent counts there no other bomb can be sent to it.

    Returns:
        The wishes, the kicks, and whether any agent met a bomb so, bool [...].
    """
    agents, bombs = state.agents, state.bombs
    comes = jnp.where((bombs.life > 0) & (wishes.rolls == 0), jnp.int8(LIES), 0)
    for d in DIRECTIONS:
        comes += pushed(jnp.where(wishes.rolls == d, jnp.int8(d), 0), d)
    met = jnp.where(agents.alive, look(comes, wishes.cell), 0)
    origin = wishes.cell - jnp.asarray(OFFSETS)[met]
    goes = (wishes.cell != agents.cell) & (met > 0)
    target, inside = neighbour(wishes.cell, actions)
    wall = is_wall(state.board) | is_item(state.board)
    free = (wishes.agents == 0) & (wishes.bombs == 0) & ~wall
    kicks = goes & agents.kick & inside & look(free, target)
    back = goes & ~kicks
    stops = back | ((wishes.cell == agents.cell) & (met > 0) & (met < LIES))
    left = count(wishes.cell, kicks) > 0
    wanted = jnp.where(left, 0, wishes.bombs)
    taken = count(origin, kicks | stops) > 0
    wishes = Wishes(
        jnp.where(back, agents.cell, wishes.cell),
        jnp.where(taken, 0, wishes.rolls),
        wishes.agents + count(agents.cell, back),
        wanted + count(target, kicks) + count(origin, stops),
    )
    return wishes, Kicks(kicks, origin, target, actions), (kicks | stops).any(axis=0)


def give_way(
    agents: Agents, wishes: Wishes, kicks: Kicks, met: jax.Array
) -> tuple[Wishes, Kicks]:
    """7. Where any agent met a bomb: nobody enters a cell that a bomb wants, no bomb
    one that an agent wants. A kick is undone with its agent or with its bomb.
    """

    def sweep(carry: tuple[Wishes, jax.Array, jax.Array]):
        wishes, kicked, _ = carry
        for_agents = (wishes.agents > 1) | (wishes.bombs > 0)
        for_bombs = (wishes.bombs > 1) | (wishes.agents > 0)
        hits = look(for_agents, wishes.cell) | (kicked & look(for_bombs, kicks.target))
        back = met & (wishes.cell != agents.cell) & hits
        stops = met & _blocked(wishes.rolls, for_bombs)
        undone = kicked & back
        wishes = _stay(agents, wishes, back, stops)
        wishes = wishes._replace(bombs=wishes.bombs + count(kicks.origin, undone))
        return wishes, kicked & ~back, back.any() | stops.any()

    begin = wishes, kicks.done, met.any()
    wishes, kicked, _ = jax.lax.while_loop(lambda carry: carry[2], sweep, begin)
    return wishes, kicks._replace(done=kicked)


def move(state: State, wishes: Wishes, kicks: Kicks) -> State:
    """8. All go where they may; agents take the items that they step on."""
    agents, keep = state.agents, partial(stored, always=(state.step >= 0).all())
    bombs = _pack(state.bombs._replace(direction=wishes.rolls))  # of those that lie: 0
    sent = _turned(look(bombs, kicks.origin), kicks.direction)
    gone = count(kicks.origin, kicks.done) > 0
    bombs = keep(_rolled(jnp.where(gone, 0, bombs), wishes.rolls))
    for i in range(AGENTS):
        bombs = jnp.where(at(kicks.target[i]) & kicks.done[i], sent[i], bombs)
    bombs = _unpack(keep(bombs))
    moved = wishes.cell != agents.cell
    item = jnp.where(moved, look(state.board, wishes.cell), PASSAGE)
    agents = agents._replace(
        cell=wishes.cell,
        ammo=jnp.minimum(agents.ammo + (item == EXTRA_BOMB), MOST),
        blast=jnp.minimum(agents.blast + (item == RANGE), MOST),
        kick=agents.kick | (item == KICK),
    )
    return state._replace(agents=agents, bombs=bombs)


def explode(state: State) -> tuple[State, jax.Array]:
    """9. Bombs lose 1 of life; those at 0, in flames or in a blast explode.

    Returns:
        The state, and where it burns.
    """
    agents, bombs = state.agents, state.bombs
    there = bombs.life > 0
    life = bombs.life - there
    lit = there & ((life == 0) | (state.board == FLAMES))
    burnt = blast(state.board, bombs.blast, lit, chain=True)
    explodes = there & burnt
    returned = [
        (explodes & (bombs.owner == i)).sum(axis=(0, 1), dtype=jnp.int8)
        for i in range(AGENTS)
    ]
    ammo = jnp.minimum(agents.ammo + jnp.stack(returned), MOST)
    bombs = bombs._replace(life=life)
    bombs = _each(lambda plane: jnp.where(explodes, 0, plane), bombs)
    return state._replace(agents=agents._replace(ammo=ammo), bombs=bombs), burnt


def draw(state: State, burnt: jax.Array) -> State:
    """10. Draw bombs and flames; a living agent on flames dies, others are drawn."""
    agents = state.agents
    flames = state.flames | jnp.where(burnt, jnp.int8(1 << FLAME_LIFE), 0)
    board = jnp.where(state.bombs.life > 0, BOMB, state.board)
    board = jnp.where(flames > 0, FLAMES, board)
    alive = agents.alive & (look(board, agents.cell) != FLAMES)
    for i in range(AGENTS):
        board = jnp.where(at(agents.cell[i]) & alive[i], AGENT + i, board)
    return state._replace(
        board=board, flames=flames, agents=agents._replace(alive=alive)
    )


def _blocked(rolls: jax.Array, full: jax.Array) -> jax.Array:
    """Return the bombs that want to roll onto a cell that is full."""
    return reduce(jnp.logical_or, [(rolls == d) & ahead(full, d) for d in DIRECTIONS])


def _stay(agents: Agents, wishes: Wishes, back: jax.Array, stops: jax.Array) -> Wishes:
    """Let the agents `back` [4, ...] and the bombs `stops` [11, 11, ...] stay."""
    return Wishes(
        jnp.where(back, agents.cell, wishes.cell),
        jnp.where(stops, 0, wishes.rolls),
        wishes.agents + count(agents.cell, back),
        wishes.bombs + stops,
    )


def _rolled(plane: jax.Array, rolls: jax.Array) -> jax.Array:
    """Return a plane of bombs after those that roll have moved."""
    moved = jnp.where(rolls == 0, plane, 0)
    for d in DIRECTIONS:
        moved += pushed(jnp.where(rolls == d, plane, 0), d)
    return moved


def _pack(bombs: Bombs) -> jax.Array:
    """Return the four planes of the bombs as one, int16, which moves in one piece."""
    planes = zip(bombs, _BITS, strict=True)
    return sum(plane.astype(jnp.int16) << shift for plane, (shift, _) in planes)


def _turned(bombs: jax.Array, direction: jax.Array) -> jax.Array:
    """Give packed bombs another direction."""
    shift = _BITS[-1][0]
    return bombs & (1 << shift) - 1 | direction.astype(jnp.int16) << shift


def _unpack(bombs: jax.Array) -> Bombs:
    return Bombs(*((bombs >> shift & most).astype(jnp.int8) for shift, most in _BITS))


def _each(rule: Callable[..., jax.Array], *bombs: Bombs) -> Bombs:
    """Apply a rule to every plane of the bombs."""
    return jax.tree.map(rule, *bombs)
