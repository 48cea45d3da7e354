"""One step of Pommerman in plain Python, one agent and one bomb after the other.

The oracle of the simulator's step: it shares no code with it, and walks through
dictionaries where the other sweeps over planes. States are those of `pommerman_states`.
"""

from collections import Counter

MOVES = {1: (-1, 0), 2: (1, 0), 3: (0, -1), 4: (0, 1)}
RIGID, WOOD, BOMB, FLAMES = 1, 2, 3, 4
WALLS, ITEMS = (1, 2), (6, 7, 8)


def step(state: dict, actions: list[int]) -> dict:
    """Return the state after one step."""
    state = {
        "board": dict(state["board"]),
        "hidden": dict(state["hidden"]),
        "flames": list(state["flames"]),
        "agents": [dict(agent) for agent in state["agents"]],
        "bombs": [dict(bomb) for bomb in state["bombs"]],
    }
    _flames(state)
    living = [agent for agent in state["agents"] if agent["alive"]]
    moves = {id(a): move for a, move in zip(state["agents"], actions, strict=True)}
    for agent in living:
        agent["wish"] = agent["position"]
        state["board"][agent["position"]] = 0
    for agent in living:
        _act(state, agent, moves[id(agent)], state["agents"].index(agent))
    bombs = state["bombs"]
    for bomb in bombs:
        bomb["wish"], bomb["kicker"] = bomb["position"], None
        state["board"][bomb["position"]] = 0
    for bomb in bombs:
        target = _next(bomb["position"], bomb["direction"])
        if state["board"].get(target, RIGID) not in (*WALLS, *ITEMS):
            bomb["wish"] = target
    _cross(living, bombs)
    agents_on = Counter(agent["wish"] for agent in living)
    bombs_on = Counter(bomb["wish"] for bomb in bombs)
    _settle(living, bombs, agents_on, bombs_on)
    if _kick(state, living, moves, agents_on, bombs_on):
        _give_way(living, bombs, agents_on, bombs_on)
    _move(state, living, bombs)
    burnt = _explode(state)
    _draw(state, living, burnt)
    return state


def _next(cell: tuple[int, int], direction: int) -> tuple[int, int]:
    down, right = MOVES.get(direction, (0, 0))
    return cell[0] + down, cell[1] + right


def _flames(state: dict) -> None:
    board, left = state["board"], []
    for cell, life in state["flames"]:
        if life:
            left.append((cell, life - 1))
        else:
            board[cell] = state["hidden"].pop(cell, 0)
    for cell, _ in left:
        board[cell] = FLAMES
    state["flames"] = left


def _act(state: dict, agent: dict, action: int, number: int) -> None:
    cell = agent["position"]
    if action in MOVES:
        target = _next(cell, action)
        if state["board"].get(target, RIGID) not in WALLS:
            agent["wish"] = target
    elif action == 5 and agent["ammo"] > 0:
        if any(bomb["position"] == cell for bomb in state["bombs"]):
            return
        agent["ammo"] -= 1
        bomb = {"position": cell, "life": 10, "blast": agent["blast"]}
        state["bombs"].append(bomb | {"owner": number, "direction": 0})


def _cross(living: list[dict], bombs: list[dict]) -> None:
    def border(one: dict) -> frozenset:
        return frozenset((one["position"], one["wish"]))

    first = [(each, border(each)) for each in living + bombs if len(border(each)) == 2]
    for one, over in first:
        others = [each for each, same in first if same == over and each is not one]
        is_bomb = "kicker" in one
        if any(is_bomb or "kicker" not in other for other in others):
            one["wish"] = one["position"]


def _settle(living, bombs, agents_on: Counter, bombs_on: Counter) -> None:
    again = True
    while again:
        again = False
        for some, counts in ((living, agents_on), (bombs, bombs_on)):
            for one in some:
                wish, here = one["wish"], one["position"]
                if wish != here and (agents_on[wish] > 1 or bombs_on[wish] > 1):
                    one["wish"] = here
                    counts[here] += 1
                    again = True


def _kick(state, living, moves, agents_on: Counter, bombs_on: Counter) -> bool:
    """Return whether any agent met a bomb."""
    later = []
    for bomb in state["bombs"]:
        here = bomb["wish"]
        agent = next((agent for agent in living if agent["wish"] == here), None)
        if agent is None:
            continue
        if agent["position"] == here:
            if bomb["position"] != here:
                later.append((bomb, bomb["position"], bombs_on))
            continue
        target = _next(here, moves[id(agent)])
        free = state["board"].get(target, RIGID) not in (*WALLS, *ITEMS)
        if agent["kick"] and free and not agents_on[target] and not bombs_on[target]:
            bombs_on[here] = 0
            bomb["kicker"], bomb["direction"] = agent, moves[id(agent)]
            later.append((bomb, target, bombs_on))
        else:
            later.append((bomb, bomb["position"], bombs_on))
            later.append((agent, agent["position"], agents_on))
    for one, cell, counts in later:
        one["wish"] = cell
        counts[cell] += 1
    return bool(later)


def _give_way(living, bombs, agents_on: Counter, bombs_on: Counter) -> None:
    def back(one: dict, counts: Counter) -> None:
        one["wish"] = one["position"]
        counts[one["position"]] += 1

    again = True
    while again:
        again = False
        for agent in living:
            wish = agent["wish"]
            if wish != agent["position"] and (agents_on[wish] > 1 or bombs_on[wish]):
                for bomb in bombs:
                    if bomb["kicker"] is agent:
                        bomb["kicker"] = None
                        back(bomb, bombs_on)
                back(agent, agents_on)
                again = True
        for bomb in bombs:
            wish, kicker = bomb["wish"], bomb["kicker"]
            stays = wish == bomb["position"] and kicker is None
            if not stays and (bombs_on[wish] > 1 or agents_on[wish]):
                back(bomb, bombs_on)
                if kicker is not None:
                    bomb["kicker"] = None
                    back(kicker, agents_on)
                again = True


def _move(state: dict, living: list[dict], bombs: list[dict]) -> None:
    for bomb in bombs:
        if bomb["wish"] == bomb["position"] and bomb["kicker"] is None:
            bomb["direction"] = 0
        bomb["position"] = bomb.pop("wish")
        del bomb["kicker"]
    for agent in living:
        wish = agent.pop("wish")
        if wish == agent["position"]:
            continue
        agent["position"] = wish
        item = state["board"][wish]
        if item == 6:
            agent["ammo"] = min(agent["ammo"] + 1, 10)
        elif item == 7:
            agent["blast"] = min(agent["blast"] + 1, 10)
        elif item == 8:
            agent["kick"] = True


def _explode(state: dict) -> set:
    """Return the cells that burn."""
    board, burnt = state["board"], set()
    for bomb in state["bombs"]:
        bomb["life"] -= 1
        if board[bomb["position"]] == FLAMES:
            bomb["life"] = 0
    due = [bomb for bomb in state["bombs"] if bomb["life"] == 0]
    while due:
        for bomb in due:
            state["bombs"].remove(bomb)
            owner = state["agents"][bomb["owner"]]
            owner["ammo"] = min(owner["ammo"] + 1, 10)
            burnt.add(bomb["position"])
            for direction in MOVES:
                cell = bomb["position"]
                for _ in range(bomb["blast"] - 1):
                    cell = _next(cell, direction)
                    if board.get(cell, RIGID) == RIGID:
                        break
                    burnt.add(cell)
                    if board[cell] == WOOD:
                        break
        due = [bomb for bomb in state["bombs"] if bomb["position"] in burnt]
    return burnt


def _draw(state: dict, living: list[dict], burnt: set) -> None:
    board = state["board"]
    for bomb in state["bombs"]:
        board[bomb["position"]] = BOMB
    state["flames"] += [(cell, 2) for cell in sorted(burnt)]
    for cell, _ in state["flames"]:
        board[cell] = FLAMES
    for agent in living:
        if board[agent["position"]] == FLAMES:
            agent["alive"] = False
        else:
            board[agent["position"]] = 10 + state["agents"].index(agent)
