"""What a job asks a cluster for: the need of its stage, within the site's limits.

A resumable stage may run into the site's time limit: its next try continues. A stage
that starts again at each try, or that needs more memory than the site has, is refused
before anything runs. No JAX is imported here: the Snakefile reads it.
"""

import math

from worldmodels.experiment import durations, needs
from worldmodels.experiment.needs import Data, Need
from worldmodels.experiment.section import Section, setting
from worldmodels.experiment.settings import Round
from worldmodels.runtime.errors import UserError

# The stages that start again at each try, and the setting that makes them shorter.
ATOMIC = {
    "rollouts": "rollouts.episodes_per_shard",
    "latents": "rollouts.episodes_per_shard",
    "random": "evaluation.episodes",
    "evaluation": "evaluation.episodes",
}
_DOUBLINGS = 2  # at most
_DRIVER_MB = 500  # of the Snakemake that starts a stage in its job


class Site(Section):
    """The most that a job may ask of a cluster; no result depends on it."""

    max_minutes: int = setting(
        4320, "that a job may ask for; 0: no limit", unit="minutes", low=0, high=10**6
    )
    max_mem_mb: int = setting(
        0, "of memory that a job may ask for; 0: no limit", unit="MB", low=0, high=10**9
    )


def megabytes(need: Need, site: Site, attempt: int) -> int:
    """Return the MB to ask for at a try, twice as many at each, within the limit."""
    asked = _whole(need) + _DRIVER_MB
    return growing(asked, site.max_mem_mb, attempt)


def growing(amount: int, most: int, attempt: int) -> int:
    """Return the amount to ask for at a try: twice as much at each, at most `most`.

    It grows for three tries only. Most further tries end for other reasons, and a job
    that asks for more than any node has waits for ever.

    Args:
        most: the limit; 0: none.
        attempt: the number of the try, from 1.
    """
    asked = amount * 2 ** min(attempt - 1, _DOUBLINGS)
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
    if site.max_minutes and stage in ATOMIC and minutes > site.max_minutes:
        raise UserError(
            f"{stage} takes about {minutes:.0f} minutes on {cores} cores, starts again "
            f"when it is cut off, and site.max_minutes is {site.max_minutes}; lower "
            f"{ATOMIC[stage]}, or raise that limit"
        )


def _whole(need: Need) -> int:
    return math.ceil(needs.total(need) / 1e6)
