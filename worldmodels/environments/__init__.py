"""The real games, at the edge: processes, physics engines.

Nothing in here imports JAX: environment workers load this package and must stay light.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from worldmodels.errors import UserError

if TYPE_CHECKING:
    import gymnasium

_KNOWN = ("carracing",)


@dataclass(frozen=True)
class EnvironmentSpec:
    """Which environment a worker builds; plain scalars, so that it can be sent to it.

    Raises:
        UserError: for a name that does not exist.
    """

    name: str = "carracing"
    max_steps: int = 1000  # steps until truncation; the paper's 1000

    def __post_init__(self) -> None:
        if self.name not in _KNOWN:
            raise UserError(
                f"environment {self.name!r} does not exist; choose one of: "
                + ", ".join(_KNOWN)
            )

    def make(self) -> "gymnasium.Env":
        """Build the environment; its frames go through `frames.preprocess`."""
        from worldmodels.environments.carracing import reference

        return reference.make(self.max_steps)
