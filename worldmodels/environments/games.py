"""The games: every fact in which they differ, looked up by name.

Policies, C, the workers and the report take bounds, crops and words from here, so that
none of them knows a game.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from worldmodels.runtime.errors import UserError

# The command line reads the names, and has to answer at once.
if TYPE_CHECKING:
    import numpy as np


class Action(NamedTuple):
    """One number of an action."""

    name: str
    low: float
    high: float
    squash: str  # what makes it of any real number; `controller.squash` has these


@dataclass(frozen=True)
class Game:
    """What is true of one game, whoever plays it."""

    name: str  # in the configuration
    title: str  # for readers
    actions: tuple[Action, ...]
    visible_rows: int  # of its frames: those above the indicators, which V never sees
    frames_per_second: int  # of its own clock
    max_steps: int  # in a whole episode
    home: str  # whose game it is: scores are taken there
    place: str  # what a seed decides
    score: str  # what the sum of an episode's rewards is
    simulated: bool  # whether the simulator plays it as well
    published: tuple[tuple[int, float], ...] = ()  # the original's mean by generation
    package: str = ""  # what it needs beyond the dependencies, if anything,
    extra: str = ""  # and the extra of this project that brings it
    discrete: bool = False  # an action is one of several choices: 1 at it, else 0

    @property
    def low(self) -> "np.ndarray":
        """The least action, float32 [A]."""
        return _array([action.low for action in self.actions])

    @property
    def high(self) -> "np.ndarray":
        """The greatest action, float32 [A]."""
        return _array([action.high for action in self.actions])


def _array(numbers: list[float]) -> "np.ndarray":
    import numpy as np

    return np.array(numbers, np.float32)


CARRACING = Game(
    name="carracing",
    title="CarRacing-v3",
    actions=(
        Action("steer", -1, 1, "tanh"),  # left to right
        Action("gas", 0, 1, "shifted"),
        Action("brake", 0, 1, "positive"),
    ),
    visible_rows=84,  # of 96
    frames_per_second=50,
    max_steps=1000,
    home="gymnasium",
    place="track",
    score="return",
    simulated=True,
    # Over 1,024 episodes: the released log's, but the last, which is the appendix's.
    published=((25, 823.0), (50, 867.0), (100, 867.0), (200, 880.0), (1800, 900.46)),
)
TAKECOVER = Game(
    name="takecover",
    title="TakeCover",
    actions=(Action("move", -1, 1, "tanh"),),  # left to right; the middle third stays
    visible_rows=100,  # of 120, as the paper's first 400 of 480
    frames_per_second=35,
    max_steps=2100,
    home="ViZDoom",
    place="episode",
    score="survival in tics",
    simulated=False,
    package="vizdoom",
    extra="doom",
)
IMPORTED = "imported"  # the name of the game of a person's own episodes
GAMES = {game.name: game for game in (CARRACING, TAKECOVER)}


def imported(low: "np.ndarray", high: "np.ndarray", steps: int) -> Game:
    """Return the game of a person's own episodes, of at most `steps` steps.

    Args:
        low, high: bounds of an action, [A].
    """
    bounds = zip(low.tolist(), high.tolist(), strict=True)
    return Game(
        name=IMPORTED,
        title="imported episodes",
        actions=tuple(Action(f"a{n}", *pair, "tanh") for n, pair in enumerate(bounds)),
        visible_rows=2**31,
        frames_per_second=30,
        max_steps=steps,
        home="the recordings",
        place="episode",
        score="return",
        simulated=False,
    )


def game_of(name: str) -> Game:
    """Return the game of that name.

    Raises:
        UserError: when there is none.
    """
    if name not in GAMES:
        raise UserError(
            f"environment {name!r} does not exist; choose one of: " + ", ".join(GAMES)
        )
    return GAMES[name]
