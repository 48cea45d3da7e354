"""The real games, at the edge: processes, physics engines.

Nothing in here imports JAX: environment workers load this package and must stay light.
"""

import importlib.util
from dataclasses import dataclass
from typing import TYPE_CHECKING

from worldmodels.environments.games import CARRACING, Game, game_of
from worldmodels.runtime.errors import UserError

if TYPE_CHECKING:
    import gymnasium


@dataclass(frozen=True)
class EnvironmentSpec:
    """Which environment a worker builds; plain scalars, so that it can be sent to it.

    Raises:
        UserError: for a name that does not exist, or a game that is not installed.
    """

    name: str = CARRACING.name
    max_steps: int = 1000  # steps until truncation; the paper's 1000, TakeCover 2100

    def __post_init__(self) -> None:
        package = self.game.package
        if package and importlib.util.find_spec(package) is None:
            raise UserError(
                f"environment {self.name!r} needs the package {package}, which is not "
                f"installed; get it with: pip install --editable '.[{self.game.extra}]'"
            )

    @property
    def game(self) -> Game:
        """The facts of the game."""
        return game_of(self.name)

    def make(self) -> "gymnasium.Env":
        """Build the environment; its frames go through `frames.preprocess`."""
        if self.game is CARRACING:
            from worldmodels.environments.carracing import reference as module
        else:
            from worldmodels.environments import takecover as module

        return module.make(self.max_steps)
