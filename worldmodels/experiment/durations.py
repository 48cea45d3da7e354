"""How many minutes each stage is allowed, from its settings and the size of its data.

A cluster ends a job at its time limit. A limit that is too short costs one try, and a
resumable stage continues in the next. A limit that is too long keeps the job waiting in
the queue. So the minutes allowed are generous, but bounded: twice what the work takes
at the built-in rates, with whole episodes throughout. Rates that were measured on this
machine do not count: a cluster's nodes are other machines, and a plan must not depend
on what the planner's cache holds. No JAX is imported here: the Snakefile reads it.
"""

import math

from worldmodels.experiment import rates, work
from worldmodels.experiment.needs import Data
from worldmodels.experiment.settings import Round

_START = 600.0  # seconds to import, to compile and to open stores: up to 125 were seen
_GENEROUS = 2.0
_FILMS = 600.0  # seconds of the report, which may film many rounds


def minutes(stage: str, settings: Round, data: Data, cores: int) -> int:
    """Return the minutes to allow a stage.

    Args:
        data: the episodes that it reads; for rollouts: those that it makes, one shard.
        cores: the number on which it drives or learns.
    """
    more = _FILMS if stage == "report" else 0.0
    allowed = _GENEROUS * (seconds(stage, settings, data, cores) + more)
    return math.ceil((_START + allowed) / 60)


def seconds(stage: str, settings: Round, data: Data, cores: int) -> float:
    """Return the seconds that a stage's work takes, without its start."""
    done = work.of(stage, settings, data, work.at_most(settings))
    return rates.built_in().of(done, cores)
