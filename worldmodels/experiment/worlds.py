"""Which world is played: the settings that name it, checked together.

No JAX is imported here: the Snakefile reads it.
"""

import re

from worldmodels.environments import EnvironmentSpec
from worldmodels.environments.facts import SIZES
from worldmodels.environments.games import GAMES, GYMNASIUM, V3, is_simulated
from worldmodels.experiment.settings import Environment
from worldmodels.runtime.errors import UserError

# Settings that are a gymnasium world's alone, and all that name a world.
OWN = ("id", "crop", "size", "frame_skip")
NAMING = ("name", "view", *OWN)


def spec_of(environment: Environment) -> EnvironmentSpec:
    """Return the environment that settings name.

    Raises:
        UserError: for a game that is not installed.
    """
    names = ("max_steps", *NAMING)
    return EnvironmentSpec(**{name: getattr(environment, name) for name in names})


def check_world(environment: Environment) -> None:
    """Refuse a world of gymnasium without its id, and settings that no world uses.

    Raises:
        UserError: naming the setting.
    """
    if environment.name == GYMNASIUM:
        if not re.fullmatch(r"\w[\w:./-]{0,99}", environment.id, re.ASCII):
            raise UserError(
                f"environment.id is {environment.id!r}; environment.name gymnasium "
                "needs the id of a world, such as Pendulum-v1 or module:World-v0"
            )
        if environment.size not in SIZES:
            raise UserError(
                f"environment.size is {environment.size}; V makes frames of "
                f"{', '.join(map(str, SIZES))} pixels"
            )
        if environment.view != V3:
            raise UserError(
                f"environment.view is {environment.view}, which is for "
                f"{' and '.join(GAMES)}; what is seen of a world of gymnasium, its "
                f"crop and size say: leave it {V3}"
            )
        return
    for name in OWN:
        value, unused = getattr(environment, name), getattr(Environment(), name)
        if value != unused:
            raise UserError(
                f"environment.{name} is {value!r}, which is for environment.name "
                f"gymnasium alone; {environment.name} has its own: leave it "
                f"{unused!r}"
            )


def uses_simulator(environment: Environment) -> bool:
    """Return whether the episodes that are learnt from are played in the simulator.

    Raises:
        UserError: when the simulator has not that game.
    """
    if environment.backend != "simulator":
        return False
    if not is_simulated(environment.name):
        raise UserError(
            f"environment.backend is simulator; {environment.name} has none: it "
            "must be gymnasium"
        )
    return True
