"""What a job asks a machine for: cores, memory and minutes, by its stage and round.

The amounts follow from the settings of the round and from the episodes that the stage
reads. No JAX is imported here: the Snakefile reads it.
"""

from collections.abc import Mapping

from worldmodels.experiment import durations, needs, paths, site
from worldmodels.experiment.needs import Data, Need
from worldmodels.experiment.runs import PipelineRun
from worldmodels.experiment.settings import Round
from worldmodels.experiment.site import Site
from worldmodels.experiment.worlds import uses_simulator
from worldmodels.runtime.errors import UserError

# The stages whose jobs ask for what their settings need; other rules ask for constants.
STAGES = tuple(needs.STAGES)

_NETWORK_CORES = 2  # of a job that trains or applies a network, and of the report


def cores(stage: str, settings: Round, machine: int | None) -> int:
    """Return the cores that a job of a stage runs on.

    Cars of the simulator and dreams share all cores of the machine. Gymnasium has a
    worker process for each of its slots; more of them would idle.

    Args:
        machine: its cores; None on a cluster, where such a job asks for `slots` cores.
    """
    slots = settings.environment.slots
    if stage in ("random", "evaluation"):
        return slots
    if stage not in ("rollouts", "controller"):
        return _NETWORK_CORES
    dreams = stage == "controller" and settings.controller.train_in == "dream"
    if dreams or uses_simulator(settings.environment):
        return machine or slots
    return slots


def data(stage: str, run: PipelineRun, round: int) -> Data:
    """Return the episodes that a job of a stage reads in a round of a run.

    For the stages that work on one shard: the episodes of that shard.
    """
    if stage in ("rollouts", "latents"):
        own = run.settings(round).rollouts
        read = {round: own.changed(episodes=own.episodes_per_shard)}
    elif stage == "report":
        read = {number: run.settings(number).rollouts for number in run.rounds}
    else:
        rounds = (*paths.earlier_rounds(run, round), round)
        read = {number: run.settings(number).rollouts for number in rounds}
    return needs.planned(read, run.settings(round).environment.name)


def need(stage: str, run: PipelineRun, round: int, cores: int) -> Need:
    """Return the memory that a job needs, in bytes by the settings that decide it."""
    settings, read = run.settings(round), data(stage, run, round)
    return needs.memory(stage, run.config.run, settings, read, cores)


def megabytes(
    stage: str, run: PipelineRun, round: int, cores: int, limits: Site, attempt: int
) -> int:
    """Return the MB of memory to ask for: twice as many at each try, within limits."""
    return site.megabytes(need(stage, run, round, cores), limits, attempt)


def minutes(
    stage: str, run: PipelineRun, round: int, cores: int, limits: Site, attempt: int
) -> int:
    """Return the minutes to ask for: twice as many at each try, within limits."""
    settings, read = run.settings(round), data(stage, run, round)
    allowed = durations.minutes(stage, settings, read, cores)
    return site.growing(allowed, limits.max_minutes, attempt)


def check(run: PipelineRun, round: int, cores: Mapping[str, int], limits: Site) -> None:
    """Refuse a round with a job that cannot end within what the site allows.

    Args:
        cores: of the jobs, by stage.

    Raises:
        UserError: naming the run, the round and the settings that decide.
    """
    settings = run.settings(round)
    for stage, count in cores.items():
        read, needed = data(stage, run, round), need(stage, run, round, count)
        try:
            site.check(stage, settings, read, count, needed, limits)
        except UserError as error:
            raise UserError(f"{run.folder}, round {round}: {error}") from None
