"""States of Pommerman made by hand, one piece after the other."""

import numpy as np

from support.pommerman_states import SHAPES, pack, stepped

STOP, UP, DOWN, LEFT, RIGHT, LAY = range(6)


class Made:
    """A state made by hand, on an empty board; agents are dead until they are put."""

    def __init__(self):
        self.state = {
            "board": {(r, c): 0 for r in range(11) for c in range(11)},
            "hidden": {},
            "flames": [],
            "agents": [
                {
                    "position": (10, i),
                    "alive": False,
                    "ammo": 1,
                    "blast": 2,
                    "kick": False,
                }
                for i in range(4)
            ],
            "bombs": [],
        }
        self.acts = [STOP] * 4

    def show(self, kind, *cells):
        self.state["board"] |= dict.fromkeys(cells, kind)
        return self

    def agent(self, number, cell, act=STOP, **facts):
        self.state["agents"][number] |= {"position": cell, "alive": True, **facts}
        self.acts[number] = act
        return self.show(10 + number, cell)

    def bomb(self, cell, direction=0, life=9, blast=2, owner=0):
        bomb = {"position": cell, "life": life, "blast": blast}
        self.state["bombs"].append(bomb | {"owner": owner, "direction": direction})
        return self if self.state["board"][cell] >= 10 else self.show(3, cell)

    def flames(self, cell, *lives, hides=0):
        self.state["flames"] += [(cell, life) for life in lives]
        if hides:
            self.state["hidden"][cell] = hides
        return self.show(4, cell)

    def step(self):
        """Let one step pass and return what is there then."""
        after = stepped(pack([self.state]), np.array([self.acts]))
        return After(**{name: after[name][0] for name in SHAPES})


class After:
    def __init__(self, board, items, flames, agents, bombs):
        self.board, self.items, self.flames = board, items, flames
        self.cells = [tuple(agent[:2].tolist()) for agent in agents]
        self.alive, self.ammo, self.blast, self.kick = agents[:, 2:].T.tolist()
        self.bombs = {
            (int(r), int(c)): int(bombs[3, r, c])
            for r, c in zip(*np.nonzero(bombs[0]), strict=True)
        }  # cells and directions
        self.lives = {cell: int(bombs[0][cell]) for cell in self.bombs}
