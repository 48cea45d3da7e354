"""What all rules share: the checked configuration and where every artifact lies.

It is read at each start of Snakemake, so nothing here imports JAX.
"""

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

from worldmodels.experiment import ablations, temperatures
from worldmodels.experiment.checkout import refuse_another
from worldmodels.runtime.devices import within_quota
from worldmodels.experiment.config import load
from worldmodels.runtime.errors import UserError
from worldmodels.experiment.overlays import merged
from worldmodels.experiment.settings import uses_simulator
from worldmodels.experiment.stage_settings import as_json
from worldmodels.experiment.stages import STAGES as STAGE_TABLE
from worldmodels.experiment.runs import by_folder, whole

if workflow.config_settings.replace_workflow_config:
    # Jobs of a cluster are not given it, and would do something else.
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
except UserError as error:
    sys.exit(f"error: {error}")

ROUNDS = range(len(CONFIG.rounds))

# A run is a folder below results/: the experiment itself, or a training of an ablation
# or of a temperature.
RUNS = by_folder(
    [
        whole(CONFIG),
        *ablations.trainings(CONFIG),
        *temperatures.trainings(CONFIG),
    ]
)
EXPERIMENT = CONFIG.experiment

RUN = "results/{run}"
ROUND = f"{RUN}/round-{{round}}"
SHARD = f"{ROUND}/rollouts/shard-{{shard}}.zarr"
VISION = f"{ROUND}/vision.zarr"
LATENTS = f"{ROUND}/latents/shard-{{shard}}.zarr"
EARLIER = f"{ROUND}/latents/round-{{source}}-shard-{{shard}}.zarr"
MEMORY = f"{ROUND}/memory.zarr"
BLOCK = f"{ROUND}/controller/block-{{block}}.zarr"
EVALUATION = f"{ROUND}/evaluation.zarr"
RESULTS = f"results/{EXPERIMENT}"
REPORT = f"{RESULTS}/report/index.html"
SUMMARY = f"{RESULTS}/report/summary.txt"
PRETRAINED = f"{RESULTS}/pretrained.zarr"

# The scores of the controllers that learn at given temperatures, if there are any.
SWEEP = [
    EVALUATION.format(run=temperatures.folder(CONFIG, tau), round=ROUNDS[-1])
    for tau in CONFIG.temperatures
]

# No outputs: Snakemake deletes those before a job starts, and a job resumes from these.
CHECKPOINTS = f"{RUN}/checkpoints/round-{{round}}"
LOGS = f"{RUN}/logs/round-{{round}}"
BENCHMARKS = f"{RUN}/benchmarks/round-{{round}}"

# Used with `--software-deployment-method conda` only; ../envs/cuda.yaml has CUDA.
CONDA = "../envs/cpu.yaml"


wildcard_constraints:
    run="|".join(map(re.escape, RUNS)),
    round="|".join(map(str, ROUNDS)),
    source=r"\d+",
    shard=r"\d+",
    block=r"\d+",


def settings(run, round):
    """Return the settings of one round of a run."""
    return RUNS[run].config.rounds[int(round)]


def settings_json(stage):
    """Return the params function that gives exactly the settings `stage` uses."""

    @cache  # all shards of a round are given the same
    def words(run, round):
        return as_json(stage, RUNS[run].config.run, settings(run, round), round)

    return lambda wildcards: words(wildcards.run, int(wildcards.round))


def version(stage):
    """Return the version of a stage's result, which is raised with its code."""
    return STAGE_TABLE[stage].version


def slots(wildcards):
    """Return the environments stepped together: more worker processes than that idle."""
    return settings(wildcards.run, wildcards.round).environment.slots


def driving_cores(wildcards):
    """Return the cores that rollouts are driven on: the simulator shares out its cars."""
    environment = settings(wildcards.run, wildcards.round).environment
    return all_cores(wildcards) if uses_simulator(environment) else slots(wildcards)


def learning_cores(wildcards):
    """Return the cores that C learns on, where dreams are shared out as cars are."""
    controller = settings(wildcards.run, wildcards.round).controller
    dreams = controller.train_in == "dream"
    return all_cores(wildcards) if dreams else driving_cores(wildcards)


def all_cores(wildcards):
    """Return the cores of this machine; a cluster's job asks for as many as slots."""
    cores = workflow.resource_settings.cores
    return within_quota(cores) if cores else slots(wildcards)


def used(stage, pattern):
    """Return the input function of the store of `stage` that a run uses.

    This is where runs share: it is the run's own store or that of another.
    """
    return lambda wildcards: pattern.format(
        run=RUNS[wildcards.run].home(stage), round=wildcards.round
    )


def kept(path):
    """Return the output of rollouts, which Snakemake deletes if they are not kept."""
    return path if CONFIG.rounds[0].rollouts.keep else temp(path)


def shards(pattern, run, round):
    """Return the paths of a round's shards, of rollouts or of latents."""
    return [
        pattern.format(run=run, round=round, shard=shard)
        for shard in numbers(run, round)
    ]


def numbers(run, round):
    """Return the numbers of a round's shards, as they stand in paths."""
    rollouts = settings(run, round).rollouts
    count = rollouts.episodes // rollouts.episodes_per_shard
    return [f"{k:03d}" for k in range(count)]


def earlier(run, round):
    """Return the rounds before from whose rollouts V and M learn as well."""
    return range(int(round)) if settings(run, round).rollouts.accumulate else ()


def all_rollouts(wildcards):
    """Return the rollouts from which a round's V learns."""
    run, round = wildcards.run, wildcards.round
    sources = [round, *earlier(run, round)]
    return [path for source in sources for path in shards(SHARD, run, source)]


def all_latents(run, round):
    """Return the latents from which a round's M learns, of all rollouts by one V."""
    paths, since = shards(LATENTS, run, round), eyes_since(run, round)
    for source in earlier(run, round):
        if source >= since:
            paths += shards(LATENTS, run, source)
        else:
            paths += [
                EARLIER.format(run=run, round=since, source=source, shard=shard)
                for shard in numbers(run, source)
            ]
    return paths


def eyes_since(run, round):
    """Return the first round with a round's V: without epochs it stays as it was."""
    vision = settings(run, round).vision
    stays = int(round) > 0 and vision.warm_start and vision.epochs == 0
    return eyes_since(run, int(round) - 1) if stays else int(round)


def blocks(run, round):
    """Return the paths of a round's blocks of generations."""
    controller = settings(run, round).controller
    count = controller.generations // controller.generations_per_block
    return [BLOCK.format(run=run, round=round, block=f"{b:04d}") for b in range(count)]


def artifacts(run):
    """Return every artifact of a run that the report reads, each once.

    Not the rollouts, which may be deleted: the latents have their numbers, V some frames.
    """
    paths = []
    for round in ROUNDS:
        paths += all_latents(run, round)
        paths += [p.format(run=run, round=round) for p in (VISION, MEMORY, EVALUATION)]
        paths += blocks(run, round)
    return list(dict.fromkeys(paths))


def driver(wildcards):
    """Return the agent that drives a round's rollouts: that of the round before.

    This is the recursion over rounds; it ends at round 0, which drives at random.
    """
    run, before = wildcards.run, int(wildcards.round) - 1
    if before < 0:
        return {}
    return {
        "vision": VISION.format(run=run, round=before),
        "memory": MEMORY.format(run=run, round=before),
        "controller": blocks(run, before),
    }


def start(stage, pattern):
    """Return the input function of a warm start from the round before, if asked for."""

    def artifact(wildcards):
        run, before = wildcards.run, int(wildcards.round) - 1
        if before < 0 or not getattr(settings(run, before + 1), stage).warm_start:
            return []
        return pattern.format(run=run, round=before)

    return artifact


def start_blocks(wildcards):
    """Return the round before's controller, where block 0 starts from it."""
    run, before = wildcards.run, int(wildcards.round) - 1
    warm_start = settings(run, wildcards.round).controller.warm_start
    if before < 0 or int(wildcards.block) > 0 or not warm_start:
        return []
    return blocks(run, before)


def previous_block(wildcards):
    """Return the block that a block goes on from; block 0 has none."""
    before = int(wildcards.block) - 1
    if before < 0:
        return []
    return BLOCK.format(run=wildcards.run, round=wildcards.round, block=f"{before:04d}")


def dream_starts(wildcards):
    """Return the latents that dreams begin at, where C learns in the dream."""
    return dream_latents(wildcards.run, wildcards.round)


def dream_latents(run, round):
    """Return the latents that the dreams of a round begin at, if C learns there."""
    if settings(run, round).controller.train_in != "dream":
        return []
    return all_latents(RUNS[run].home("latents"), round)


def swept(wildcards):
    """Return the evaluations of the sweep, if the configuration asks for one."""
    if not SWEEP:
        sys.exit(
            "error: temperatures is []; give the list of those to compare, such as "
            "[0.5, 1.0, 1.15]"
        )
    return SWEEP


def spent_checkpoints(jobs):
    """Return the checkpoints of which nothing goes on.

    With --touch jobs may be on their way, and later blocks go on from that of theirs.
    """
    saving = [job for job in jobs if job.params.get("checkpoint")]
    going_on = {
        job.params.checkpoint
        for job in saving
        if not all(Path(store).exists() for store in saved_for(job))
    }
    return {Path(job.params.checkpoint) for job in saving} - set(map(Path, going_on))


def saved_for(job):
    """Return the stores that the checkpoint of a job is for."""
    if job.rule.name != "evolve_block":
        return job.output
    return blocks(job.wildcards.run, job.wildcards.round)
