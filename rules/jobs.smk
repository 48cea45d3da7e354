"""What each job asks for, and the optional words of its command."""

from functools import cache
from pathlib import Path
from types import SimpleNamespace

from worldmodels.experiment import durations, needs, site
from worldmodels.runtime import path_lists

# Lists of paths that are too long for a command lie here, as files.
LISTS = Path(".snakemake/lists")

# The rule of each stage whose needs are known, and the cores that it runs on.
STAGES = {
    "rollouts": ("rollouts_shard", driving_cores),
    "vision": ("train_vision", lambda wildcards: 2),
    "latents": ("encode_shard", lambda wildcards: 2),
    "memory": ("train_memory", lambda wildcards: 2),
    "controller": ("evolve_block", learning_cores),
    "evaluation": ("evaluate", slots),
    "report": ("report", lambda wildcards: 2),
}


def memory_of(stage):
    """Return the resource function of a stage's MB, twice as many at each try."""

    def megabytes(wildcards, threads, attempt):
        found = need(stage, *where(wildcards), threads)
        return site.megabytes(found, CONFIG.site, attempt)

    return megabytes


def minutes_of(stage):
    """Return the resource function of a stage's minutes, twice as many at each try."""

    def minutes(wildcards, threads, attempt):
        place = where(wildcards)
        given = settings(*place), data(stage, *place)
        asked = durations.minutes(stage, *given, threads)
        return site.growing(asked, CONFIG.site.max_minutes, attempt)

    return minutes


def growing(amount, most):
    """Return the resource function of one amount for every job, twice at each try."""
    return lambda wildcards, attempt: site.growing(amount, most, attempt)


def where(wildcards):
    """Return the run and the round of a job, that of the rollouts which it encodes."""
    round = wildcards.get("source", wildcards.get("round", ROUNDS[-1]))
    return wildcards.get("run", EXPERIMENT), int(round)


@cache
def need(stage, run, round, cores):
    """Return the memory that a stage needs in a round of a run."""
    found = data(stage, run, round)
    return needs.memory(stage, RUNS[run].config.run, settings(run, round), found, cores)


@cache
def data(stage, run, round):
    """Return the episodes that a stage reads, or those of the shard that it makes."""
    every = range(len(RUNS[run].config.rounds))
    rounds = every if stage == "report" else [*earlier(run, round), round]
    read = {each: settings(run, each).rollouts for each in rounds}
    if stage in ("rollouts", "latents"):
        own = read[round]
        read = {round: own.changed(episodes=own.episodes_per_shard)}
    return needs.planned(read, settings(run, round).environment.name)


def check_site(run, round):
    """Stop with one sentence where a stage cannot end within the site's limits."""
    place = SimpleNamespace(run=run, round=round)
    for stage, (rule, threads) in STAGES.items():
        given = workflow.resource_settings.overwrite_threads.get(rule)
        number = getattr(given, "raw", given)  # of --set-threads
        cores = number if isinstance(number, int) else threads(place)
        found = need(stage, run, round, cores)
        read = data(stage, run, round)
        try:
            site.check(stage, settings(run, round), read, cores, found, CONFIG.site)
        except UserError as error:
            sys.exit(f"error: {run}, round {round}: {error}")


def check_runs():
    """Do this for all rounds of all runs."""
    for run, training in RUNS.items():
        for round in range(len(training.config.rounds)):
            check_site(run, round)


if workflow.is_main_process:  # a job's own Snakemake has other cores
    check_runs()


def options(*names):
    """Return the params function that gives a job's inputs of these names as options.

    Those that it has none of are left out; long lists are handed over as files.
    """

    def given(wildcards, input):
        return " ".join(
            f"--{name} {listed(paths)}" for name in names if (paths := input.get(name))
        )

    return given


def listed(paths):
    """Return paths as words, or @ and the file that lists them if they are many.

    The file is written by whoever may run the command, and not for a dry run.
    """
    paths = [paths] if isinstance(paths, str) else list(paths)
    return path_lists.words(paths, LISTS, keep=not workflow.dryrun)
