"""Seconds of units of work on this machine, from short pieces of the real programs.

Networks are timed at the default's sizes and at the paper's: what does not grow with
them and what does. Pieces follow one another until the time is up; what was not timed
is inferred (`experiment.rates`). Programs run on JAX's default device.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from worldmodels.environments.games import is_simulated
from worldmodels.experiment import rates, work
from worldmodels.experiment.rates import Rates
from worldmodels.runtime import quiet_time
from worldmodels.tools import timed_games, timed_networks
from worldmodels.tools.timing import DEFAULT, PAPER, Machine, Points, Seconds, Sizes

_LIMIT = 100.0  # seconds after which no piece is begun: the last ends within 20 more
_IMPORTS = "import worldmodels.stages.controller; import worldmodels.runtime.devices"


def calibrate(
    machine: Machine,
    begun: Callable[[str], None],
    timed: Sequence[Sizes] = (DEFAULT, PAPER),
) -> Rates:
    """Return the rates of this machine, timed in two minutes at most.

    Args:
        begun: called with the name of each piece before it is timed.
        timed: sizes of the networks; the first ones count where time is short.

    Raises:
        UserError: for a world that cannot be played.
    """
    end, found = machine.clock() + _LIMIT, {}
    for name, piece in _pieces(machine, timed, found):
        if machine.clock() > end:
            break
        begun(name)
        found |= piece()
    return rates.measured(found, machine.cores)


def _pieces(
    machine: Machine, timed: Sequence[Sizes], found: Seconds
) -> Iterator[tuple[str, Callable[[], Seconds]]]:
    """Yield what is timed, the most important first.

    Args:
        found: what was timed so far.
    """
    points: Points = {}

    def network(time: Callable[..., Seconds], size: Sizes) -> Callable[[], Seconds]:
        return partial(time, machine, size, points)

    yield "the start of a process", partial(_start, machine)
    for size in timed:
        named = "V and M of " + ("the default" if size == DEFAULT else "the paper")
        yield f"{named}, encoding", network(timed_networks.time_encoding, size)
        yield f"{named}, dreaming", network(timed_networks.time_dreaming, size)
        if size is timed[0]:
            if is_simulated(machine.environment.name):
                yield "tracks", partial(timed_games.time_tracks, machine)
                yield "cars", partial(timed_games.time_cars, machine, size, found)
            yield "the game", partial(timed_games.time_game, machine)
        yield f"{named}, M's training", network(timed_networks.time_memory, size)
        yield f"{named}, V's training", network(timed_networks.time_vision, size)


def _start(machine: Machine) -> Seconds:
    """Time a process that imports what a stage does, from its start to its end."""
    told = f"{_IMPORTS}; from worldmodels.runtime import quiet_time as q"
    command = [sys.executable, "-c", f"{told}; print(*q.turns())"]
    taken = []
    for _ in range(2):
        begin = machine.clock()
        answer = subprocess.run(command, capture_output=True, text=True, check=True)
        wall, zero = machine.clock() - begin, quiet_time.Turns(0, 0)
        turns = quiet_time.Turns(*map(float, answer.stdout.split()[-2:]))
        taken.append(quiet_time.quiet(wall, zero, turns))
    return {work.START: min(taken)}
