"""A small film, for the tests of drawing and of encoding."""

from dataclasses import replace

import numpy as np

from worldmodels.environments.games import CARRACING, Action, Game
from worldmodels.pictures.drawing import DriveFilm


def drive_film(steps: int, game: Game = CARRACING) -> DriveFilm:
    """Return a film of frames 16 x 16 in which nothing is done, of reward 1."""
    frames = np.zeros((steps, 16, 16, 3), np.uint8)
    frames[:, :, :, 1] = np.linspace(40, 220, steps, dtype=np.uint8)[:, None, None]
    blue = np.full_like(frames, (0, 0, 250))
    actions = np.zeros((steps, len(game.actions)), np.float32)
    return DriveFilm(frames, blue, 255 - frames, actions, np.ones(steps), game)


def made_up(actions: tuple[Action, ...], discrete: bool = False) -> Game:
    """Return a game that nobody has written, of such actions."""
    return replace(
        CARRACING, name="made up", title="Made Up", actions=actions, published=(),
        home="its home", place="level", score="points", simulated=False,
        frames_per_second=15, discrete=discrete,
    )  # fmt: skip


ARM = made_up(
    (
        Action("shoulder", -2, 2, "tanh"), Action("elbow", -1, 1, "tanh"),
        Action("wrist", -1, 1, "tanh"), Action("grip", 0, 1, "shifted"),
        Action("the lifting of the base", -300, 100, "tanh"),
        Action("heat", 5, 9, "tanh"),
    )
)  # fmt: skip
LANDER = made_up(
    tuple(Action(n, 0, 1, "tanh") for n in ("nothing", "left", "main engine", "3")),
    discrete=True,
)
