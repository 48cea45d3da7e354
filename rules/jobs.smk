"""What each job asks a machine for: cores, memory and minutes.

The amounts are worked out in worldmodels/experiment/jobs.py.
"""

from worldmodels.experiment import jobs, site
from worldmodels.runtime.devices import within_quota


def get_data_place(wildcards):
    """Return the run and the round of the episodes that a job reads or makes.

    The report has no wildcards; it counts as a job of the experiment's last round.
    """
    run = RUNS[wildcards.get("run", EXPERIMENT)]
    return run, int(wildcards.get("source", wildcards.get("round", LAST)))


def get_cores(stage):
    """Return the threads function of a stage."""

    def cores(wildcards):
        run, round = get_data_place(wildcards)
        return count_cores(stage, run, round)

    return cores


def count_cores(stage, run, round):
    """Return the cores that a stage uses; on a cluster this machine's do not count."""
    here = workflow.resource_settings.cores
    machine = within_quota(here) if here else None
    return jobs.cores(stage, run.settings(round), machine)


def get_megabytes(stage):
    """Return the resource function of a stage's memory in MB, more at each try."""

    def megabytes(wildcards, threads, attempt):
        place = get_data_place(wildcards)
        return jobs.megabytes(stage, *place, threads, CONFIG.site, attempt)

    return megabytes


def get_minutes(stage):
    """Return the resource function of a stage's minutes, more at each try."""

    def minutes(wildcards, threads, attempt):
        place = get_data_place(wildcards)
        return jobs.minutes(stage, *place, threads, CONFIG.site, attempt)

    return minutes


def get_cell_megabytes(wildcards, threads, attempt):
    """Return the MB of memory of a cell's forecast: as its M's training has."""
    place = get_cell(wildcards), LAST
    return jobs.megabytes("memory", *place, threads, CONFIG.site, attempt)


def get_cell_minutes(wildcards, threads, attempt):
    """Return the minutes of a cell's forecast: as its M's training has."""
    place = get_cell(wildcards), LAST
    return jobs.minutes("memory", *place, threads, CONFIG.site, attempt)


def growing(amount, most):
    """Return the resource function of one amount for every job, more at each try."""
    return lambda wildcards, attempt: site.growing(amount, most, attempt)


##### jobs that cannot end within the site's limits are refused #####


def get_given_cores(stage, run, round):
    """Return the cores of a stage: those of --set-threads, or as the rule says."""
    rule_name = STAGES[stage].rules[0]
    given = workflow.resource_settings.overwrite_threads.get(rule_name)
    number = getattr(given, "raw", given)
    return number if isinstance(number, int) else count_cores(stage, run, round)


def refuse_impossible_jobs(runs):
    """End with one sentence where a stage cannot end within the site's limits."""
    for run in runs:
        for round in run.rounds:
            cores = {stage: get_given_cores(stage, run, round) for stage in jobs.STAGES}
            try:
                jobs.check(run, round, cores, CONFIG.site)
            except UserError as error:
                sys.exit(f"error: {error}")


if workflow.is_main_process:  # a job's own Snakemake has other cores
    # The cells' are checked when they are asked for: a DNC takes twice an LSTM's time.
    refuse_impossible_jobs([MAIN, *COMPARED])
