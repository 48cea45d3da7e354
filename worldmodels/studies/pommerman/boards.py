"""Boards of a game as they were and as they were predicted, as pictures."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from worldmodels.environments.pommerman.painting import TILE, paint
from worldmodels.environments.pommerman.state import SIZE
from worldmodels.pictures import drawing, grids
from worldmodels.stores.artifact import Artifact
from worldmodels.studies.pommerman.components import PARTS
from worldmodels.studies.pommerman.findings import NAMES

_WRONG = (230, 0, 160)
_EDGE = 2  # pixels
_MOMENTS = 6


class Shown(NamedTuple):
    """What a model predicted of one game of T steps."""

    name: str
    ahead: tuple[int, ...]
    true: np.ndarray  # int8 [T + 1, 11, 11]
    predicted: np.ndarray  # int8 [H, T, 11, 11]: at t, of t + ahead

    def of(self, ahead: int, time: int) -> np.ndarray:
        """Return the picture [H, W, 3] of what was predicted of a time.

        Cells that are wrong are framed. What nobody could have predicted yet, early
        in a game, is white.
        """
        made = time - ahead
        if made < 0:
            return np.full((SIZE * TILE, SIZE * TILE, 3), 255, np.uint8)
        predicted = self.predicted[self.ahead.index(ahead), made]
        picture = paint(predicted).copy()
        for row, column in np.argwhere(predicted != self.true[time]):
            _frame(picture, row, column)
        return picture


def _frame(picture: np.ndarray, row: int, column: int) -> None:
    """Frame a cell of a picture."""
    cell = picture[row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE]
    cell[:_EDGE] = cell[-_EDGE:] = _WRONG
    cell[:, :_EDGE] = cell[:, -_EDGE:] = _WRONG


def shown(stores: Sequence[Artifact]) -> list[Shown]:
    """Return the first score of the LSTM and of the DNC, or of what there is."""
    found = {}
    for store in sorted(stores, key=lambda store: store.config["seed"]):
        found.setdefault(store.config["model"], store)
    names = [name for name in ("lstm", "dnc") if name in found] or [*found]
    return [_shown(found[name]) for name in names]


def _shown(store: Artifact) -> Shown:
    def boards(name: str) -> np.ndarray:
        states = store.read(f"game/{name}")[..., PARTS["board"]]
        return states.reshape(*states.shape[:-1], SIZE, SIZE)

    ahead = tuple(store.config["ahead"])
    name = NAMES[store.config["model"]].partition(",")[0]
    return Shown(name, ahead, boards("states"), boards("predicted"))


def rows(models: Sequence[Shown]) -> list[str]:
    """Return the names of the rows of `strip`."""
    ahead = models[0].ahead
    return [
        "truth",
        *(f"{one.name}, {k} ahead" for k in _ends(ahead) for one in models),
    ]


def _ends(ahead: Sequence[int]) -> tuple[int, ...]:
    return tuple(dict.fromkeys((ahead[0], ahead[-1])))


def moments(models: Sequence[Shown]) -> np.ndarray:
    """Return the steps that `strip` shows, of which all was predicted if it could be.

    Where the game is shorter than the farthest prediction it is its last step.
    """
    last = len(models[0].true) - 1
    first = min(max(models[0].ahead), last)
    return first + grids.spread(last - first + 1, _MOMENTS)


def strip(models: Sequence[Shown]) -> np.ndarray:
    """Return moments of a game side by side: the truth, and predictions below it."""
    true, times = models[0].true, moments(models)
    lines = [paint(true[times])]
    lines += [
        np.stack([one.of(k, time) for time in times])
        for k in _ends(models[0].ahead)
        for one in models
    ]
    return grids.grid(np.stack(lines)[:, :, ::2, ::2])


def film(models: Sequence[Shown]) -> Iterator[np.ndarray]:
    """Yield a picture for each step: a row for each model, the truth on the left."""
    ahead = models[0].ahead
    for time in range(len(models[0].true)):
        lines = []
        for one in models:
            views = [paint(one.true[time]), *(one.of(k, time) for k in ahead)]
            names = [f"step {time}", *(f"{one.name}, {k} ahead" for k in ahead)]
            lines.append(drawing.labelled(views, names))
        yield np.concatenate(lines)
