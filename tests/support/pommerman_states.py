"""States of Pommerman as dictionaries and as arrays, and crowded ones to be drawn.

A dictionary, for the rules in plain Python; a position is (row, column):

    board      {position: item}
    hidden     {position: item}
    flames     [(position, life)], the oldest first
    agents     [{position, alive, ammo, blast, kick}] * 4
    bombs      [{position, life, blast, owner, direction}], in the order of laying

Arrays int8, for many states [N, ...]: board and items [11, 11]; flames [11, 11], with
bit k for life k; agents [4, 6]: row, column, alive, ammo, blast, kick; bombs
[4, 11, 11]: life, blast, owner, direction.
"""

from collections.abc import Iterator
from functools import cache

import numpy as np

from support.commands import REPOSITORY

RECORDED = REPOSITORY / "tests/fixtures/pommerman.npz"
AT_ONCE = 256  # states: one program serves all tests
SIZE = 11
CELLS = [(row, column) for row in range(SIZE) for column in range(SIZE)]
KINDS = (0, 1, 2, 6, 7, 8)  # passage, rigid, wood, and the three items
SHAPES = {
    "board": (SIZE, SIZE),
    "items": (SIZE, SIZE),
    "flames": (SIZE, SIZE),
    "agents": (4, 6),
    "bombs": (4, SIZE, SIZE),
}
AGENT = ("alive", "ammo", "blast", "kick")
BOMB = ("life", "blast", "owner", "direction")


@cache
def recorded() -> dict[str, np.ndarray]:
    """Return what `tests/fixtures/record_pommerman.py` recorded."""
    with np.load(RECORDED) as file:
        return dict(file)


def part(name: str) -> dict[str, np.ndarray]:
    """Return the recorded states of that name."""
    return {field: recorded()[f"{name}/{field}"] for field in SHAPES}


def crowded(rng: np.random.Generator) -> dict:
    """Draw a state that games rarely reach: a corner full of agents, bombs and flames.

    It could stand at the end of a step: living agents are drawn over bombs, and neither
    is on flames; items are hidden by wood and by flames.
    """
    side = int(rng.integers(3, 6))
    top, left = (int(n) for n in rng.choice([0, SIZE - side, 3], 2))
    kinds = rng.choice(KINDS, SIZE * SIZE, p=[0.7, 0.07, 0.11, 0.04, 0.04, 0.04])
    board = dict(zip(CELLS, kinds.tolist(), strict=True))
    cells = [(top + r, left + c) for r in range(side) for c in range(side)]
    cells = [cells[i] for i in rng.permutation(side * side)]
    chance = iter(rng.random(256).tolist())  # one draw is cheaper than many
    agents = [_agent(cells.pop(), chance) for _ in range(4)]
    under = [agent["position"] for agent in agents if next(chance) < 0.2]
    most = 1 + int(6 * next(chance))
    bombs = [_bomb(cell, chance) for cell in (under + cells[::-1])[:most]]
    lying = {bomb["position"] for bomb in bombs}
    dead = [agent["position"] for agent in agents if not agent["alive"]]
    fire = [cell for cell in cells[:8] + dead if cell not in lying]
    flames = [(cell, life) for life in range(3) for cell in fire if next(chance) < 0.2]
    board |= dict.fromkeys(lying, 3) | {cell: 4 for cell, _ in flames}
    for i, agent in enumerate(agents):
        if agent["alive"]:
            board[agent["position"]] = 10 + i
    hiding = [cell for cell, kind in board.items() if kind in (2, 4)]
    hidden = {cell: 6 + int(3 * next(chance)) for cell in hiding if next(chance) < 0.5}
    return {
        "board": board,
        "hidden": hidden,
        "flames": flames,
        "agents": agents,
        "bombs": bombs,
    }


def _agent(position: tuple[int, int], chance: Iterator[float]) -> dict:
    return {
        "position": position,
        "alive": next(chance) < 0.9,
        "ammo": int(3 * next(chance)) if next(chance) < 0.9 else 10,
        "blast": 2 + int(4 * next(chance)) if next(chance) < 0.9 else 10,
        "kick": next(chance) < 0.7,
    }


def _bomb(position: tuple[int, int], chance: Iterator[float]) -> dict:
    return {
        "position": position,
        "life": 1 + int(9 * next(chance)) if next(chance) < 0.8 else 1,
        "blast": 2 + int(3 * next(chance)) if next(chance) < 0.9 else 10,
        "owner": int(4 * next(chance)),
        "direction": 1 + int(4 * next(chance)) if next(chance) < 0.6 else 0,
    }


def moves(rng: np.random.Generator, count: int) -> np.ndarray:
    """Draw the actions of four agents, int [count, 4], most of them moves."""
    return rng.choice(6, (count, 4), p=[0.1, *[0.19] * 4, 0.14])


def pack(states: list[dict]) -> dict[str, np.ndarray]:
    """Return the states as arrays."""
    arrays = {
        name: np.zeros((len(states), *shape), np.int8) for name, shape in SHAPES.items()
    }
    for n, state in enumerate(states):
        board = [state["board"][cell] for cell in CELLS]
        arrays["board"][n] = np.reshape(board, (SIZE, SIZE))
        for cell, kind in state["hidden"].items():
            arrays["items"][n][cell] = kind
        for cell, life in state["flames"]:
            arrays["flames"][n][cell] |= 1 << life
        for i, agent in enumerate(state["agents"]):
            arrays["agents"][n, i] = *agent["position"], *(agent[key] for key in AGENT)
        for bomb in state["bombs"]:
            place = (slice(None), *bomb["position"])
            arrays["bombs"][n][place] = [bomb[key] for key in BOMB]
    return arrays


def to_state(arrays: dict[str, np.ndarray]):
    """Return the simulator's state of arrays, games last."""
    from worldmodels.environments.pommerman.state import Agents, Bombs, State

    planes = {name: np.moveaxis(array, 0, -1) for name, array in arrays.items()}
    row, column, alive, ammo, blast, kick = np.moveaxis(planes["agents"], 1, 0)
    cell = row.astype(np.int32) * SIZE + column
    return State(
        planes["board"],
        planes["items"],
        planes["flames"],
        Agents(cell, alive > 0, ammo, blast, kick > 0),
        Bombs(*planes["bombs"]),
        np.zeros(cell.shape[1:], np.int32),
    )


def from_state(state) -> dict[str, np.ndarray]:
    """Return the arrays of the simulator's state."""
    cell, *others = (np.asarray(each) for each in state.agents)
    agents = np.stack([cell // SIZE, cell % SIZE, *others], axis=1)
    planes = {
        "board": state.board,
        "items": state.items,
        "flames": state.flames,
        "agents": agents,
        "bombs": np.stack(state.bombs),
    }
    return {
        name: np.moveaxis(np.asarray(plane), -1, 0) for name, plane in planes.items()
    }


def differences(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> dict:
    """Return in how many numbers each field differs, where it does."""
    counts = {name: int((ours[name] != theirs[name]).sum()) for name in SHAPES}
    return {name: count for name, count in counts.items() if count}


@cache
def _program():
    import jax

    from worldmodels.environments.pommerman import functional

    return jax.jit(functional.step)


def stepped(arrays: dict[str, np.ndarray], actions: np.ndarray, steps: int = 0) -> dict:
    """Return the arrays after the simulator's step, and what else it returns.

    Args:
        actions: int [N, 4].
        steps: made before.
    """
    count, parts = len(actions), []
    for begin in range(0, count, AT_ONCE):
        # The last ones are filled up with copies of the last state.
        chosen = np.minimum(np.arange(begin, begin + AT_ONCE), count - 1)
        state = to_state({name: array[chosen] for name, array in arrays.items()})
        state = state._replace(step=state.step + np.int32(steps))
        state, *told = _program()(state, np.asarray(actions, np.int32)[chosen])
        names = ("seen", "rewards", "terminated", "truncated")
        parts.append(from_state(state) | dict(zip(names, told, strict=True)))
    return {
        name: np.concatenate([part[name] for part in parts])[:count]
        for name in parts[0]
    }
