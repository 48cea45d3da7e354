"""What each job asks for, and the optional words of its command."""

from dataclasses import replace
from functools import cache
from pathlib import Path

from worldmodels import durations, lists, needs

# Lists of paths that are too long for a command lie here, as files.
LISTS = Path(".snakemake/lists")

# What a stage that cannot go on where it was depends on: it is not cut off knowingly.
ATOMIC = {
    "rollouts": "rollouts.episodes_per_shard",
    "latents": "rollouts.episodes_per_shard",
    "evaluation": "evaluation.episodes",
}


def memory_of(stage):
    """Return the resource function of a stage's MB: its need, twice that if lost."""

    def megabytes(wildcards, threads, attempt):
        place = where(wildcards)
        found = need(stage, *place, threads)
        mb, most = needs.megabytes(found), CONFIG.site.max_mem_mb
        if most and mb > most:
            refuse(
                place,
                f"{stage} needs about {mb} MB of memory and site.max_mem_mb is {most}",
                f"lower {needs.largest(found)}",
            )
        # The driver that Snakemake starts inside a job takes some as well.
        return capped((mb + 500) * 2 ** (attempt - 1), most)

    return megabytes


def minutes_of(stage):
    """Return the resource function of a stage's minutes: twice as many each try."""

    def minutes(wildcards, threads, attempt):
        place, most = where(wildcards), CONFIG.site.max_minutes
        given = stage, settings(*place), data(stage, *place), threads
        least = durations.seconds(*given) / 60
        if most and stage in ATOMIC and least > most:
            refuse(
                place,
                f"{stage} takes about {least:.0f} minutes on {threads} cores, cannot go "
                f"on where it was, and site.max_minutes is {most}",
                f"lower {ATOMIC[stage]}",
            )
        return capped(durations.minutes(*given) * 2 ** (attempt - 1), most)

    return minutes


def refuse(place, problem, remedy):
    """Stop with one sentence on a round of a run."""
    run, round = place
    sys.exit(f"error: {run}, round {round}: {problem}; {remedy}, or raise that limit")


def growing(amount, most):
    """Return the resource function of the same for every job, twice each try."""
    return lambda wildcards, attempt: capped(amount * 2 ** (attempt - 1), most)


def capped(amount, most):
    """Return an amount, or the most that the site allows; 0: it allows any."""
    return min(amount, most) if most else amount


def where(wildcards):
    """Return the run and the round of a job, that of the rollouts which it encodes."""
    round = wildcards.get("source", wildcards.get("round", ROUNDS[-1]))
    return wildcards.get("run", EXPERIMENT), int(round)


@cache
def need(stage, run, round, cores):
    """Return the memory that a stage needs in a round of a run."""
    config = RUNS[run].config
    found = data(stage, run, round)
    return needs.memory(stage, config.run, settings(run, round), found, cores)


@cache
def data(stage, run, round):
    """Return the episodes that a stage reads, or those of the shard that it makes."""
    rounds = ROUNDS if stage == "report" else [*earlier(run, round), round]
    read = {each: settings(run, each).rollouts for each in rounds}
    if stage in ("rollouts", "latents"):
        own = read[round]
        read = {round: replace(own, episodes=own.episodes_per_shard)}
    return needs.planned(read, settings(run, round).environment.environment)


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
    return lists.words(paths, LISTS, keep=not workflow.dryrun)
