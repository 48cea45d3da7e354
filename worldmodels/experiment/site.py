"""What a job asks a cluster for: what its stage needs, within what the site allows.

A stage that can go on where it was may be cut off by the site's limit: the next try
goes on. What begins anew each time, or needs more memory than there is, is refused
before anything runs. No JAX is imported here: the Snakefile reads it.
"""

import math

from worldmodels.experiment import durations, needs
from worldmodels.experiment.needs import Data, Need
from worldmodels.experiment.settings import Round, Site
from worldmodels.runtime.errors import UserError

# The stages that begin anew when they are cut off, and what makes them shorter.
_ATOMIC = {
    "rollouts": "rollouts.episodes_per_shard",
    "latents": "rollouts.episodes_per_shard",
    "evaluation": "evaluation.episodes",
}
_DOUBLED = 2  # times, at most
_DRIVER_MB = 500  # of the Snakemake that starts a stage inside its job


def megabytes(need: Need, site: Site, attempt: int) -> int:
    """Return the MB to ask for at a try: twice as many at each."""
    asked = _whole(need) + _DRIVER_MB
    return growing(asked, site.max_mem_mb, attempt)


def growing(amount: int, most: int, attempt: int) -> int:
    """Return an amount, twice as much at each try, but `most`; 0: no limit.

    After three tries it grows no more: many tries are cut off for other reasons, and a
    job that asks for more than any node has waits for ever.
    """
    asked = amount * 2 ** min(attempt - 1, _DOUBLED)
    return min(asked, most) if most else asked


def check(
    stage: str, settings: Round, data: Data, cores: int, need: Need, site: Site
) -> None:
    """Refuse a stage that cannot end within what the site allows.

    Raises:
        UserError: naming the need, the limit and the settings that decide.
    """
    if site.max_mem_mb and _whole(need) > site.max_mem_mb:
        raise UserError(
            f"{stage} needs about {_whole(need)} MB of memory and site.max_mem_mb is "
            f"{site.max_mem_mb}; lower {needs.largest(need)}, or raise that limit"
        )
    minutes = durations.seconds(stage, settings, data, cores) / 60
    if site.max_minutes and stage in _ATOMIC and minutes > site.max_minutes:
        raise UserError(
            f"{stage} takes about {minutes:.0f} minutes on {cores} cores, cannot go on "
            f"where it was and site.max_minutes is {site.max_minutes}; lower "
            f"{_ATOMIC[stage]}, or raise that limit"
        )


def _whole(need: Need) -> int:
    return math.ceil(needs.total(need) / 1e6)
