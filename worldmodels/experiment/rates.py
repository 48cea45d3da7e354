"""The seconds that units of work take: built-in ones, or those of this machine.

The built-in rates were measured on two quiet cores of an Intel Xeon with AMX; the
default run's stages, for one, take what docs/cost.md says. No JAX is imported here: the
Snakefile reads it.
"""

import json
import math
import re
import statistics
from collections.abc import Mapping
from typing import Any, NamedTuple

import worldmodels
from worldmodels.environments.games import GYMNASIUM, V0, V3
from worldmodels.experiment import work
from worldmodels.experiment.settings import Environment
from worldmodels.experiment.work import Work

BUILT_IN_CORES = 2
BUILT_IN = {
    work.START: 1.6,
    work.COMPILED: 1.0,
    # 2.0 ms a frame of the default's V, 3.0 of the paper's.
    work.V_FRAME: 1.7e-3,
    work.V_MULTIPLY: 33e-12,
    work.STORED: 100e-6,
    # Among the 50 us of a driven step of the default's agent, 290 of the paper's.
    work.ENCODED: 19e-6,
    work.ENCODER_MULTIPLY: 16e-12,
    # 38 ms a batch of 16 x 300 steps of the default's M, 1.7 s one of 100 x 1,000 of
    # the paper's.
    work.M_STEP: 92e-6,
    work.M_MULTIPLY: 40e-12,
    # 24 us a step of one sequence with 16 slots of 16 numbers beside 64 units, 570 us
    # with 256 of 64 beside 256, sixteen in a batch.
    work.M_SLOT: 6e-9,
    work.DREAMT: 1.5e-6,
    work.DREAM_MULTIPLY: 14e-12,
    # Among 4 us a step with 16 slots of 16 numbers beside 64 units, 200 with 256 of 64.
    work.DREAM_SLOT: 2.0e-9,
    work.CAR: 11e-6,
    work.RECORDED: 270e-6,
    work.TRACK: 10.7e-3,
    work.PLAYED["carracing"]: 1.65e-3,
    work.PLAYED["takecover"]: 0.9e-3,
    work.PLAYED[GYMNASIUM]: 1.5e-3,
    # By their CPU time beside the same in v3.
    work.seen(work.CAR, V0): 42e-6,
    work.seen(work.RECORDED, V0): 300e-6,
    work.seen(work.TRACK, V0): 7.1e-3,
    work.seen(work.PLAYED["carracing"], V0): 1.7e-3,
    work.seen(work.PLAYED["takecover"], V0): 10e-3,
    work.BEGUN: 40e-3,
    work.WORKERS: 2.0,
    work.CUBE: 50e-12,
    work.FILMED: 5e-3,
    work.SHARD: 0.02,
}
_FORM = 1  # of the kept file; raised when what is measured changes


class Rates(NamedTuple):
    """What units of work take.

    Attributes:
        seconds: by unit, on all `cores`.
        measured: the units that were timed on this machine, not inferred.
        source: where they come from, in words.
    """

    seconds: Mapping[str, float]
    cores: int
    measured: frozenset[str]
    source: str

    def of(self, done: Work, cores: int) -> float:
        """Return the seconds that work takes on so many cores."""
        return sum(
            count * self.seconds[unit] * self._longer(unit, cores)
            for unit, count in done.items()
        )

    def _longer(self, unit: str, cores: int) -> float:
        """Return how many times as long a unit takes as on the cores of the rates."""
        return 1.0 if unit in work.ALONE else self.cores / max(cores, 1)


def built_in() -> Rates:
    """Return the rates that need no measurement."""
    return Rates(BUILT_IN, BUILT_IN_CORES, frozenset(), "built-in")


def measured(seconds: Mapping[str, float], cores: int) -> Rates:
    """Return rates of this machine from those that were timed on it.

    A unit that was not timed is as many times slower or faster than the built-in one as
    the timed ones are in the median.
    """
    timed = {
        unit: value
        for unit, value in seconds.items()
        if unit in BUILT_IN and unit not in work.ALONE
    }
    ratio = statistics.median(
        value / (BUILT_IN[unit] * BUILT_IN_CORES / cores)
        for unit, value in timed.items()
    )
    inferred = {
        unit: value * ratio * (1 if unit in work.ALONE else BUILT_IN_CORES / cores)
        for unit, value in BUILT_IN.items()
    }
    known = {unit: value for unit, value in seconds.items() if unit in BUILT_IN}
    return Rates(inferred | known, cores, frozenset(known), "measured here")


# What a calibration leaves in the user's cache


def file_name(
    kind: str, cores: int, precision: str, environment: Environment, jax: str
) -> str:
    """Return the name of the file that keeps a machine's rates.

    Args:
        kind: of the processor that the programs run on.
        precision: of V's and M's products, never `auto`.
        jax: the versions of what compiles.
    """
    game = environment.name
    if game == GYMNASIUM:
        game = f"{environment.id}-{environment.size}"
    elif environment.view != V3:
        game = f"{game}-{environment.view}"
    version = worldmodels.__version__
    parts = f"rates-{_FORM}-{version}-{kind}-{cores}-cores-{precision}-{game}-{jax}"
    return re.sub(r"[^\w.-]+", "-", parts) + ".json"


def as_text(rates: Rates) -> str:
    """Return the measured rates as the text of a kept file."""
    seconds = {unit: rates.seconds[unit] for unit in sorted(rates.measured)}
    return json.dumps({"cores": rates.cores, "seconds": seconds}, indent=1) + "\n"


def from_kept(content: Any) -> Rates | None:
    """Return the rates that a kept file holds; None: it holds none."""
    try:
        cores, seconds = content["cores"], content["seconds"]
        good = type(cores) is int and cores > 0 and _are_rates(seconds)
    except (TypeError, KeyError, AttributeError):
        return None
    return measured(seconds, cores) if good else None


def _are_rates(seconds: Mapping[str, Any]) -> bool:
    """Tell whether units that all are known have times, enough of them."""
    return (
        bool(seconds.keys() - set(work.ALONE))
        and seconds.keys() <= BUILT_IN.keys()
        and all(
            type(value) in (int, float) and 0 < value < math.inf
            for value in seconds.values()
        )
    )
