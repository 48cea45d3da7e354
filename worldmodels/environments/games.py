"""The games: every fact in which they differ.

Policies, C, the workers and the report take bounds, crops and words from here, so that
none of them knows a game. Two games have their code beside this file and stand in
`GAMES`. Any other world is gymnasium's: `environment.name: gymnasium` with its
`environment.id`. Its facts are read from the world itself (`gymnasium_game`) when the
first rollouts are made. Every store keeps them (`facts`), so that what only looks at
stores builds no world.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from worldmodels.runtime.errors import UserError

# The command line reads the names, and has to answer at once.
if TYPE_CHECKING:
    import numpy as np

GYMNASIUM = "gymnasium"  # the name of every game that is found by its id
# What is seen of a game: as this project shows it, or as the original's V saw it.
VIEWS = V3, V0 = "v3", "v0"


class Action(NamedTuple):
    """One number of an action."""

    name: str
    low: float
    high: float
    squash: str  # what makes it of any real number; `controller.squash` has these


class View(NamedTuple):
    """What V sees of a world's picture: it is cut, scaled, resized, lowered."""

    top: int = 0  # pixels that are cut off there,
    bottom: int = 0
    left: int = 0
    right: int = 0
    size: int = 64  # of both sides, in pixels, after the cut: 48 + 16 s, s from 1 on
    stretched: bool = False  # each frame's least byte becomes 0, its greatest 255
    lowered: bool = False  # by 1 in the end, modulo 256: black becomes white
    name: str = V3  # which pictures these are: one of VIEWS

    @property
    def crop(self) -> tuple[int, int, int, int]:
        """What is cut off, in pixels: top, bottom, left, right."""
        return self.top, self.bottom, self.left, self.right

    @property
    def shape(self) -> tuple[int, int, int]:
        """A frame's shape: height, width, RGB."""
        return self.size, self.size, 3


@dataclass(frozen=True)
class Game:
    """What is true of one game."""

    name: str  # in the configuration
    title: str  # for readers
    actions: tuple[Action, ...]  # the numbers of an action; of a choice, one a choice
    view: View
    frames_per_second: float  # of its own clock, skipped frames left out
    max_steps: int  # in a whole episode
    home: str  # whose game it is: scores are taken there
    place: str  # what a seed decides
    score: str  # what the sum of an episode's rewards is
    simulated: bool  # whether the simulator plays it as well
    published: tuple[tuple[int, float], ...] = ()  # the original's mean by generation
    package: str = ""  # what it needs beyond the dependencies, if anything,
    extra: str = ""  # and the extra of this project that brings it
    id: str = ""  # by which gymnasium finds it
    frame_skip: int = 1  # frames of the world that each action lasts for
    discrete: bool = False  # an action is one of several choices: 1 at it, else 0

    @property
    def low(self) -> "np.ndarray":
        """The least action, float32 [A]."""
        return _array([action.low for action in self.actions])

    @property
    def high(self) -> "np.ndarray":
        """The greatest action, float32 [A]."""
        return _array([action.high for action in self.actions])

    @property
    def world(self) -> tuple:
        """What two stores of one game agree on, however long their episodes are."""
        return self.name, self.id, self.actions, self.view, self.frame_skip

    @property
    def label(self) -> str:
        """The name, or the id: for sentences."""
        return self.id or self.name


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
    view=View(bottom=12),  # of 96 rows: the indicators, which V never sees
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
    view=View(bottom=20),  # of 120 rows, as the paper's first 400 of 480
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
# The same games as the original's V saw them. The rows that it cut off are an eighth of
# CarRacing's 96 and a sixth of TakeCover's 480. scipy's `imresize` stretched the bytes,
# and `((1.0 - obs) * 255).round().astype(np.uint8)` lowered them: they were no longer
# in [0, 1] then.
_ORIGINAL = {
    game.name: replace(
        game,
        title=f"{game.title} in the original view",
        view=View(bottom=bottom, stretched=True, lowered=True, name=V0),
    )
    for game, bottom in ((CARRACING, 12), (TAKECOVER, 80))
}
NAMES = (*GAMES, GYMNASIUM)


def imported(
    low: "np.ndarray", high: "np.ndarray", discrete: bool, view: View, steps: int
) -> Game:
    """Return the game of a person's own episodes, of at most `steps` steps.

    Args:
        low, high: bounds of an action, [A].
        discrete: whether an action is one of several choices.
    """
    bounds = zip(low.tolist(), high.tolist(), strict=True)
    squash = "choice" if discrete else "scaled"
    return Game(
        name=IMPORTED,
        title="imported episodes",
        actions=tuple(Action(f"a{n}", *pair, squash) for n, pair in enumerate(bounds)),
        view=view,
        frames_per_second=30,
        max_steps=steps,
        home="the recordings",
        place="episode",
        score="return",
        simulated=False,
        discrete=discrete,
    )


def game_of(name: str, view: str = V3) -> Game:
    """Return the game of that name, of those that have their code here.

    Args:
        view: what is seen of it, one of VIEWS.

    Raises:
        UserError: when there is none.
    """
    if name not in GAMES:
        raise UserError(
            f"environment {name!r} does not exist; choose one of: " + ", ".join(NAMES)
        )
    return GAMES[name] if view == V3 else _ORIGINAL[name]


def is_simulated(name: str) -> bool:
    """Return whether the simulator plays the game of that name.

    Raises:
        UserError: when there is none.
    """
    return name != GYMNASIUM and game_of(name).simulated
