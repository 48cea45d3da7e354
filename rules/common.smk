"""What all rules share: the checked configuration and where every artifact lies.

It is read at each start of Snakemake, so nothing here imports JAX.
"""

import shlex
import sys

from worldmodels.config import load
from worldmodels.errors import UserError
from worldmodels.flags import flags
from worldmodels.stages import VERSIONS

try:
    CONFIG = load(config)
except UserError as error:
    sys.exit(f"error: {error}")

ROUNDS = range(len(CONFIG.rounds))

RESULTS = f"results/{CONFIG.experiment}"
ROUND = f"{RESULTS}/round-{{round}}"
SHARD = f"{ROUND}/rollouts/shard-{{shard}}.zarr"
VISION = f"{ROUND}/vision.zarr"
LATENTS = f"{ROUND}/latents/shard-{{shard}}.zarr"
MEMORY = f"{ROUND}/memory.zarr"
BLOCK = f"{ROUND}/controller/block-{{block}}.zarr"
EVALUATION = f"{ROUND}/evaluation.zarr"
REPORT = f"{RESULTS}/report/index.html"
SUMMARY = f"{RESULTS}/report/summary.txt"

# No outputs: Snakemake deletes those before a job starts, and a job resumes from these.
CHECKPOINTS = f"{RESULTS}/checkpoints/round-{{round}}"
LOGS = f"{RESULTS}/logs/round-{{round}}"
BENCHMARKS = f"{RESULTS}/benchmarks/round-{{round}}"

# Used with `--software-deployment-method conda` only; ../envs/cuda.yaml has CUDA.
CONDA = "../envs/cpu.yaml"


wildcard_constraints:
    round="|".join(map(str, ROUNDS)),
    shard=r"\d+",
    block=r"\d+",


def settings(round):
    """Return the settings of one round."""
    return CONFIG.rounds[int(round)]


def stage_flags(stage):
    """Return the params function that gives exactly the settings `stage` uses."""
    return lambda wildcards: flags(
        stage, CONFIG.run, settings(wildcards.round), int(wildcards.round)
    )


def slots(wildcards):
    """Return the environments stepped together: more worker processes than that idle."""
    return settings(wildcards.round).environment.slots


def shards(pattern, round):
    """Return the paths of a round's shards, of rollouts or of latents."""
    rollouts = settings(round).rollouts
    count = rollouts.episodes // rollouts.episodes_per_shard
    return [pattern.format(round=round, shard=f"{k:03d}") for k in range(count)]


def blocks(round):
    """Return the paths of a round's blocks of generations."""
    controller = settings(round).controller
    count = controller.generations // controller.generations_per_block
    return [BLOCK.format(round=round, block=f"{b:04d}") for b in range(count)]


def artifacts(round):
    """Return every artifact of a round that the report reads."""
    trained = [path.format(round=round) for path in (VISION, MEMORY, EVALUATION)]
    episodes = [*shards(SHARD, round), *shards(LATENTS, round)]
    return [*episodes, *trained, *blocks(round)]


def driver(wildcards):
    """Return the agent that drives a round's rollouts: that of the round before.

    This is the recursion over rounds; it ends at round 0, which drives at random.
    """
    before = int(wildcards.round) - 1
    if before < 0:
        return {}
    return {
        "vision": VISION.format(round=before),
        "memory": MEMORY.format(round=before),
        "controller": blocks(before),
    }


def start(stage, pattern):
    """Return the input function of a warm start from the round before, if asked for."""

    def artifact(wildcards):
        before = int(wildcards.round) - 1
        if before < 0 or not getattr(settings(wildcards.round), stage).warm_start:
            return []
        return pattern.format(round=before)

    return artifact


def start_blocks(wildcards):
    """Return the round before's controller, where block 0 starts from it."""
    before = int(wildcards.round) - 1
    warm_start = settings(wildcards.round).controller.warm_start
    if before < 0 or int(wildcards.block) > 0 or not warm_start:
        return []
    return blocks(before)


def previous_block(wildcards):
    """Return the block that a block goes on from; block 0 has none."""
    before = int(wildcards.block) - 1
    if before < 0:
        return []
    return BLOCK.format(round=wildcards.round, block=f"{before:04d}")


def options(*names):
    """Return the params function that gives a job's optional inputs as options."""

    def words(wildcards, input):
        given = [(name, input.get(name)) for name in names]
        return " ".join(
            f"--{name} {shlex.join([paths] if isinstance(paths, str) else paths)}"
            for name, paths in given
            if paths
        )

    return words
