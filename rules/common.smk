"""What all rules share: the checked configuration, the runs, and input functions.

Where artifacts lie and which of them a job reads is worked out in
worldmodels/experiment/paths.py. Snakemake reads this file at each start, so nothing here
imports JAX.
"""

import os
import re
import shlex
import sys
from functools import cache
from pathlib import Path

from snakemake.settings.types import DeploymentMethod

import worldmodels

PACKAGE = (Path(workflow.basedir) / "worldmodels").resolve()
if PACKAGE.exists() and Path(worldmodels.__file__).resolve().parent != PACKAGE:
    # A copy may be so old that it lacks what is imported below.
    sys.exit(
        f"error: Snakemake uses the package {worldmodels.__file__}, not that in "
        f"{PACKAGE}; install it with pip install --editable "
        f"{shlex.quote(str(PACKAGE.parent))}"
    )

from worldmodels.experiment import (
    ablations,
    cells,
    paths,
    seeds,
    stale_stores,
    temperatures,
)
from worldmodels.experiment.checkout import refuse_another
from worldmodels.experiment.compared import compared
from worldmodels.experiment.config import load
from worldmodels.experiment.overlays import merged
from worldmodels.experiment.runs import by_folder, main_run
from worldmodels.experiment.stage_settings import as_json
from worldmodels.experiment.stages import CONFIGURED, STAGES
from worldmodels.runtime import path_lists
from worldmodels.runtime.errors import UserError
from worldmodels.studies import registry

##### the configuration #####

if workflow.config_settings.replace_workflow_config:
    # A cluster's jobs are not given this option and would use other settings.
    sys.exit("error: leave out --replace-workflow-config; overlays change config.yaml")

try:
    # With conda the command is in the environment of the jobs.
    if DeploymentMethod.CONDA not in workflow.deployment_settings.deployment_method:
        refuse_another(PACKAGE)
    config = merged(
        Path(workflow.basedir) / "config.yaml",
        workflow.config_settings.configfiles,
        workflow.config_settings.config_args,
    )
    CONFIG = load(config)
    registry.check(CONFIG.studies)
except UserError as error:
    sys.exit(f"error: {error}")

EXPERIMENT = CONFIG.experiment
RESULTS = paths.RUN.format(run=EXPERIMENT)
ROUNDS = range(len(CONFIG.rounds))
LAST = ROUNDS[-1]

# The experiment itself, its other seeds, the ablations, the temperatures and the cells,
# by their folders below results/: the wildcard {run}.
MAIN = main_run(CONFIG)
COMPARED = [
    run for part in (seeds, ablations, temperatures) for run in part.runs(CONFIG)
]
CELL_RUNS = list(cells.runs(CONFIG))
RUNS = by_folder([MAIN, *COMPARED, *CELL_RUNS])

# Used with `--software-deployment-method conda` only; ../envs/cuda.yaml has CUDA.
CONDA = "../envs/cpu.yaml"

# Lists of paths that are too long for a command lie here, as files.
LISTS = Path(".snakemake/lists")


wildcard_constraints:
    run="|".join(map(re.escape, RUNS)),
    round="|".join(map(str, ROUNDS)),
    source=r"\d+",
    shard=r"\d+",
    block=r"\d+",
    cell="|".join(cells.CELLS),
    seed=r"\d+",


##### input functions #####


def get_place(wildcards):
    """Return the run and the round that a job belongs to."""
    return RUNS[wildcards.run], int(wildcards.round)


def get_vision(wildcards):
    """Return the V that C and the scores use: the run's own, or one that it shares."""
    return paths.vision(*get_place(wildcards))


def get_memory(wildcards):
    """Return the M that C and the scores use: the run's own, or one that it shares."""
    return paths.memory(*get_place(wildcards))


def get_blocks(wildcards):
    """Return all blocks of generations of a round's C."""
    return paths.blocks(*get_place(wildcards))


def get_driver(wildcards):
    """Return the agent that drives a round's rollouts: V, M and C of the round before.

    This is the recursion over rounds. It ends at round 0, where a random policy drives.
    """
    return paths.driver(*get_place(wildcards))


def get_vision_data(wildcards):
    """Return the rollouts that a round's V learns from."""
    return paths.vision_data(*get_place(wildcards))


def get_vision_start(wildcards):
    """Return the V of the round before, where a round's V starts from it."""
    return paths.vision_start(*get_place(wildcards))


def get_earlier_rollouts(wildcards):
    """Return the shard of an earlier round that a later round's V encodes again."""
    run, source = RUNS[wildcards.run], int(wildcards.source)
    return paths.rollouts_shard(run, source, wildcards.shard)


def get_memory_data(wildcards):
    """Return the latents that a round's M learns from."""
    return paths.memory_data(*get_place(wildcards))


def get_memory_start(wildcards):
    """Return the M of the round before, where a round's M starts from it."""
    return paths.memory_start(*get_place(wildcards))


def get_dream_starts(wildcards):
    """Return the latents that dreams begin at, where C learns in dreams."""
    return paths.dream_starts(*get_place(wildcards))


def get_search_latents(wildcards):
    """Return the latents that a block of C's search reads: in dreams, or centred."""
    return paths.search_latents(*get_place(wildcards), int(wildcards.block))


def get_controller_start(wildcards):
    """Return the C of the round before, where block 0 starts from it."""
    return paths.controller_start(*get_place(wildcards), int(wildcards.block))


def get_previous_block(wildcards):
    """Return the block that a block continues."""
    return paths.previous_block(*get_place(wildcards), int(wildcards.block))


def get_random(wildcards):
    """Return the random policy's scores that a round's agent is scored beside."""
    return get_random_scores(*get_place(wildcards))


def get_random_scores(run, round):
    """Return the random policy's scores that the evaluation of a round reads.

    Earlier versions scored the random policy in each evaluation. Such a store of the
    same version stays as it is, so a run that they finished stays finished.
    """
    made, version = paths.evaluation(run, round), get_version("evaluation")
    own = stale_stores.made_without(made, "random", version)
    return [] if own else [paths.random(run, round)]


def get_report_stores(wildcards):
    """Return every store that the report of the experiment reads, each once."""
    scored = paths.scored_rounds(MAIN)
    scores = [path for round in scored for path in get_random_scores(MAIN, round)]
    return list(dict.fromkeys([*paths.report_stores(MAIN), *scores]))


def get_ablation_scores(names):
    """Return the input function of the scores of some ablations, of all seeds.

    It refuses the ablation that is the experiment itself.
    """

    def scores(wildcards):
        for name in names:
            if name not in (ablations.BASELINE, *ablations.names(CONFIG)):
                sys.exit(
                    f"error: the ablation {name} is {EXPERIMENT} itself, whose "
                    "settings it does not change; those that change them are "
                    + ", ".join(ablations.names(CONFIG))
                )
        return [path for name in names for path in ablations.evaluations(CONFIG, name)]

    return scores


def get_seed_stores(wildcards):
    """Return every store that the comparison of the seeds reads."""
    return [path for given in seeds.stores(CONFIG).values() for path in given]


def get_cell(wildcards):
    """Return the run that is the training of a cell and a seed."""
    return cells.run_of(CONFIG, wildcards.cell, int(wildcards.seed))


def get_cell_memory(wildcards):
    """Return the M of a cell and a seed."""
    return paths.memory(get_cell(wildcards), LAST)


def get_cell_latents(wildcards):
    """Return the latents that the M of a cell and a seed learnt from."""
    return paths.memory_data(get_cell(wildcards), LAST)


def get_cell_stores(wildcards):
    """Return every store that the comparison of cells reads.

    It refuses an experiment without held-out episodes, and jobs that cannot end.
    """
    try:
        cells.check(CONFIG)
    except UserError as error:
        sys.exit(f"error: {error}")
    if workflow.is_main_process:  # a job's own Snakemake has other cores
        refuse_impossible_jobs(CELL_RUNS)
    return [path for given in cells.stores(CONFIG).values() for path in given]


def get_temperature_scores(wildcards):
    """Return the scores of all temperatures, if the configuration names any."""
    scores = temperatures.evaluations(CONFIG)
    if not scores:
        sys.exit(
            "error: temperatures is []; give the list of those to compare, such as "
            "[0.5, 1.0, 1.15]"
        )
    return scores


##### words of the commands #####


def get_settings(stage):
    """Return the params function of exactly the settings that a stage uses, as JSON.

    A param that takes `input` is not compared with that of a finished run:
    `get_compared` is.
    """
    written = get_written(as_json, stage)
    return lambda wildcards, input: written(wildcards)


def get_compared(stage):
    """Return the params function of these settings as earlier versions wrote them.

    Snakemake makes a store again when this param changes.
    """
    return get_written(compared, stage)


def get_written(form, stage):
    """Return the params function that writes a stage's settings in some form."""

    @cache  # all shards of a round are given the same
    def written(folder, round):
        run = RUNS[folder]
        return form(stage, run.config.run, run.settings(round), round)

    return lambda wildcards: written(wildcards.run, int(wildcards.round))


def get_version(stage):
    """Return the version of a stage's result, which is raised with its code."""
    return STAGES[stage].version


def get_options(*names):
    """Return the params function of a job's inputs of some names, as options.

    A name that the job has no input of is left out.
    """

    def written(wildcards, input):
        return " ".join(filter(None, (as_option(n, input.get(n)) for n in names)))

    return written


def as_option(name, paths):
    """Return paths as an option of a command; nothing where there are none."""
    return f"--{name} {as_words(paths)}" if paths else ""


def as_words(stores):
    """Return paths as words of a command: themselves, or @FILE if they are many.

    The file is written by each Snakemake that may run the command; a dry run writes
    none.
    """
    stores = [stores] if isinstance(stores, str) else list(stores)
    return path_lists.words(stores, LISTS, keep=not workflow.dryrun)


def get_ablation_options(names):
    """Return the params function of the scores of some ablations, as options."""
    scores = {name: ablations.evaluations(CONFIG, name) for name in names}
    return get_named_options("ablation", scores)


def get_seed_options():
    """Return the params function of all seeds' stores, as options."""
    return get_named_options("seed", seeds.stores(CONFIG))


def get_cell_options():
    """Return the params function of all cells' stores, as options."""
    return get_named_options("cell", cells.stores(CONFIG))


def get_named_options(option, stores):
    """Return the params function of lists of stores with a name each, as options."""
    return lambda wildcards: " ".join(
        f"--{option} {name} {as_words(listed)}" for name, listed in stores.items()
    )


##### files that are deleted #####


def kept(path):
    """Return an output that Snakemake deletes if `rollouts.keep` is false."""
    return path if CONFIG.rounds[0].rollouts.keep else temp(path)


def get_spent_checkpoints(jobs):
    """Return the checkpoints that nothing continues from: all their stores are there.

    With --touch other jobs may still be running, and later blocks continue from the
    checkpoint of theirs.
    """
    stores = {}
    for job in jobs:
        if job.params.get("checkpoint"):
            shared = job.rule.name == "evolve_block"  # by all blocks
            made = get_blocks(job.wildcards) if shared else job.output
            stores[Path(job.params.checkpoint)] = made
    return [file for file, made in stores.items() if all(map(os.path.exists, made))]
