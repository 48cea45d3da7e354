"""The real games, at the edge: processes, physics engines.

Nothing in here imports JAX: environment workers load this package and must stay light.
"""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from worldmodels.environments.games import (
    CARRACING,
    GYMNASIUM,
    V3,
    Game,
    View,
    game_of,
)
from worldmodels.runtime.errors import UserError

if TYPE_CHECKING:
    import gymnasium


@dataclass(frozen=True)
class EnvironmentSpec:
    """Which environment a worker builds; plain scalars, so that it can be sent to it.

    `view` is for the games that have their code here, the others after `max_steps` for
    worlds of gymnasium.

    Raises:
        UserError: for a name that does not exist, or a game that is not installed.
    """

    name: str
    max_steps: int = 1000  # steps until truncation; the paper's 1000, TakeCover 2100
    id: str = ""  # by which gymnasium finds the world
    crop: tuple[int, int, int, int] = (0, 0, 0, 0)  # pixels: top, bottom, left, right
    size: int = 64  # pixels of a frame's sides
    frame_skip: int = 1  # frames of the world that each action lasts for
    view: str = V3  # what is seen of another game: one of `games.VIEWS`

    def __post_init__(self) -> None:
        if self.name == GYMNASIUM:
            return
        game = game_of(self.name, self.view)
        if game.package and importlib.util.find_spec(game.package) is None:
            raise UserError(
                f"environment {self.name!r} needs the package {game.package}, which is "
                "not installed; get it with: pip install --editable "
                f"'.[{game.extra}]'"
            )

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "EnvironmentSpec":
        """Return the spec of recorded settings, in which the name is "environment"."""
        given = {**settings, "name": settings["environment"]}
        if "crop" in given:
            given["crop"] = tuple(given["crop"])
        names = [field.name for field in fields(cls)]
        return cls(**{name: given[name] for name in names if name in given})

    @property
    def seen(self) -> View:
        """What V sees of its pictures."""
        if self.name == GYMNASIUM:
            return View(*self.crop, self.size)
        return game_of(self.name, self.view).view

    @property
    def game(self) -> Game:
        """The facts of the game; of a world of gymnasium, which is built for them.

        Raises:
            UserError: for a world of gymnasium that cannot be played.
        """
        if self.name == GYMNASIUM:
            from worldmodels.environments import gymnasium_game

            return gymnasium_game.facts(self)
        return game_of(self.name, self.view)

    def make(self) -> "gymnasium.Env":
        """Build the environment; its frames go through `frames.preprocess`."""
        if self.name == GYMNASIUM:
            from worldmodels.environments import gymnasium_game

            return gymnasium_game.make(self)
        if self.name == CARRACING.name:
            from worldmodels.environments.carracing import reference as module
        else:
            from worldmodels.environments import takecover as module

        return module.make(self.max_steps, view=self.view)
