"""How a piece of work is timed, and what of it grows with the networks."""

import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax

from worldmodels.experiment.rates import BUILT_IN
from worldmodels.experiment.section import of_the_paper
from worldmodels.experiment.settings import Environment, Round
from worldmodels.models.precision import Precision
from worldmodels.runtime import quiet_time

_REPEATS = 3

Seconds = dict[str, float]  # by unit
Timer = Callable[..., float]
# How often a unit is done that does not grow with a network, and one that does, and the
# seconds of both.
Point = tuple[float, float, float]
Points = dict[str, list[Point]]  # by what was timed


class Sizes(NamedTuple):
    """Settings whose networks are timed, with the batch of M."""

    settings: Round
    rows: int
    steps: int
    # Cores that V's and M's trainings keep busy: of two, CPU time by wall time.
    vision_busy: float
    memory_busy: float


DEFAULT = Sizes(Round(), 16, 300, 1.15, 1.45)
PAPER = Sizes(of_the_paper(Round), 100, 50, 1.8, 1.8)


class Machine(NamedTuple):
    """What is timed, and how.

    Attributes:
        timer: returns the seconds of a call, as `quiet_time.seconds`.
        clock: that says when the time is up.
    """

    environment: Environment
    precision: Precision
    cores: int
    timer: Timer = quiet_time.seconds
    clock: quiet_time.Clock = time.perf_counter


def fitted(fixed: str, grown: str, points: Sequence[Point]) -> Seconds:
    """Return the seconds of two units from works in which both are done.

    Of one work, or of works that contradict each other, both units are as many times
    slower than the built-in ones as the first work is.

    Args:
        points: one or two works.
    """
    if len(points) == 2:
        (a, b, s), (c, d, t) = points
        determinant = a * d - b * c
        if determinant:
            both = (s * d - b * t) / determinant, (a * t - s * c) / determinant
            if min(both) > 0:
                return dict(zip((fixed, grown), both, strict=True))
    a, b, s = points[0]
    ratio = s / (a * BUILT_IN[fixed] + b * BUILT_IN[grown])
    return {fixed: ratio * BUILT_IN[fixed], grown: ratio * BUILT_IN[grown]}


def typical(machine: Machine, run: Callable[[], Any], **timing: Any) -> float:
    """Return the median seconds of some calls, after one that compiles.

    Not the least: on a busy machine, what is taken out is at times too much.
    """
    jax.block_until_ready(run())
    timed = partial(machine.timer, lambda: jax.block_until_ready(run()), **timing)
    return statistics.median(timed() for _ in range(_REPEATS))


def more(machine: Machine, play: Callable[[int], Any], short: int, long: int) -> float:
    """Return the seconds that longer episodes take more: without their beginning."""
    whole, beginning = (
        typical(machine, lambda s=steps: play(s)) for steps in (long, short)
    )
    return max(whole - beginning, 0.1 * whole)
