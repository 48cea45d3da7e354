"""Where every artifact of the pipeline lies, and which artifacts each job reads.

The patterns are Snakemake's: the rules name their outputs by them. {run} is a folder
below `results/`, as of `PipelineRun`; {round}, {shard} and {block} are numbers from 0;
{source} is the round whose rollouts a later round encodes again; {cell} and {seed} are
those of a comparison of cells. The functions fill in the patterns: each takes a run and
a round and returns the paths that a job of that round reads. Paths are relative to the
working folder. No JAX is imported here: the Snakefile reads it.
"""

from typing import Any

from worldmodels.experiment.runs import PipelineRun
from worldmodels.experiment.stages import sections_of, used

RUN = "results/{run}"
_ROUND = f"{RUN}/round-{{round}}"

# The stores of a round.
ROLLOUTS = f"{_ROUND}/rollouts/shard-{{shard}}.zarr"
VISION = f"{_ROUND}/vision.zarr"
LATENTS = f"{_ROUND}/latents/shard-{{shard}}.zarr"
EARLIER_LATENTS = f"{_ROUND}/latents/round-{{source}}-shard-{{shard}}.zarr"
MEMORY = f"{_ROUND}/memory.zarr"
BLOCK = f"{_ROUND}/controller/block-{{block}}.zarr"
RANDOM = f"{_ROUND}/random.zarr"
EVALUATION = f"{_ROUND}/evaluation.zarr"

# What a whole run makes beside its rounds.
REPORT = f"{RUN}/report/index.html"
SUMMARY = f"{RUN}/report/summary.txt"
PRETRAINED = f"{RUN}/pretrained.zarr"
PLAY = f"{RUN}/play.html"
FORECAST = f"{RUN}/cells/{{cell}}/seed-{{seed}}/forecast.zarr"

# Folders of a round that hold no artifacts.
CHECKPOINTS = f"{RUN}/checkpoints/round-{{round}}"
LOGS = f"{RUN}/logs/round-{{round}}"
BENCHMARKS = f"{RUN}/benchmarks/round-{{round}}"


# The stores that a round's settings ask for


def vision(run: PipelineRun, round: int) -> str:
    """Return the path of a round's V."""
    return VISION.format(run=run.home("vision", round), round=round)


def memory(run: PipelineRun, round: int) -> str:
    """Return the path of a round's M."""
    return MEMORY.format(run=run.home("memory", round), round=round)


def scored_rounds(run: PipelineRun) -> list[int]:
    """Return the numbers of the rounds whose agents are scored."""
    return [n for n in run.rounds if run.settings(n).evaluation.episodes]


def evaluation(run: PipelineRun, round: int) -> str:
    """Return the path of the scores of a round's agent."""
    return EVALUATION.format(run=run.home("evaluation", round), round=round)


def random(run: PipelineRun, round: int) -> str:
    """Return the path of the random policy's scores beside those of a round's agent.

    They are of the first round whose settings ask for the same ones, in the folder of
    the experiment itself.
    """
    asked = _asked_of_random(run, round)
    first = next(n for n in run.rounds if _asked_of_random(run, n) == asked)
    return RANDOM.format(run=run.home("random", first), round=first)


def _asked_of_random(run: PipelineRun, round: int) -> dict[str, Any]:
    sections = sections_of("random", run.config.run, run.settings(round))
    return used("random", round, *sections)


def rollouts(run: PipelineRun, round: int) -> list[str]:
    """Return the paths of the episodes that are driven in a round, a path a shard."""
    return [rollouts_shard(run, round, shard) for shard in _shards(run, round)]


def rollouts_shard(run: PipelineRun, round: int, shard: str) -> str:
    """Return the path of one shard of a round's episodes; `shard` as it is in paths."""
    return ROLLOUTS.format(run=run.home("rollouts", round), round=round, shard=shard)


def blocks(run: PipelineRun, round: int) -> list[str]:
    """Return the paths of a round's C, a path a block of generations, in order."""
    controller = run.settings(round).controller
    count = controller.generations // controller.generations_per_block
    return [_block(run, round, number) for number in range(count)]


def _block(run: PipelineRun, round: int, number: int) -> str:
    home = run.home("controller", round)
    return BLOCK.format(run=home, round=round, block=f"{number:04d}")


def _shards(run: PipelineRun, round: int) -> list[str]:
    """Return the numbers of a round's shards, as they are written in paths."""
    rollouts = run.settings(round).rollouts
    count = rollouts.episodes // rollouts.episodes_per_shard
    return [f"{number:03d}" for number in range(count)]


# What V and M learn from


def earlier_rounds(run: PipelineRun, round: int) -> range:
    """Return the rounds before `round` whose rollouts its V and M learn from too."""
    return range(round if run.settings(round).rollouts.accumulate else 0)


def vision_data(run: PipelineRun, round: int) -> list[str]:
    """Return the rollouts that a round's V learns from, its own round's first."""
    sources = (round, *earlier_rounds(run, round))
    return [path for source in sources for path in rollouts(run, source)]


def memory_data(run: PipelineRun, round: int) -> list[str]:
    """Return the latents that a round's M learns from, its own round's first.

    All are encoded by the round's V. Where that V is the V of earlier rounds, their
    latents are used as they are; rollouts from before it were encoded again in the
    first round that had it.
    """
    since, paths = vision_since(run, round), []
    for source in (round, *earlier_rounds(run, round)):
        again = source < since
        pattern, encoded = (EARLIER_LATENTS, since) if again else (LATENTS, source)
        home = run.home("latents", encoded)
        paths += [
            pattern.format(run=home, round=encoded, source=source, shard=shard)
            for shard in _shards(run, source)
        ]
    return paths


def vision_since(run: PipelineRun, round: int) -> int:
    """Return the first round that had a round's V.

    A V that starts from the V of the round before and learns for no epoch is that V.
    """
    vision = run.settings(round).vision
    if round > 0 and vision.warm_start and vision.epochs == 0:
        return vision_since(run, round - 1)
    return round


# What a job starts from


def driver(run: PipelineRun, round: int) -> dict[str, str | list[str]]:
    """Return the agent that drives a round's rollouts, by its parts.

    It is the agent of the round before; in round 0 a random policy drives and there is
    none.
    """
    if round == 0:
        return {}
    return {
        "vision": vision(run, round - 1),
        "memory": memory(run, round - 1),
        "controller": blocks(run, round - 1),
    }


def vision_start(run: PipelineRun, round: int) -> list[str]:
    """Return the V of the round before, if a round's V starts from it."""
    warm = round > 0 and run.settings(round).vision.warm_start
    return [vision(run, round - 1)] if warm else []


def memory_start(run: PipelineRun, round: int) -> list[str]:
    """Return the M of the round before, if a round's M starts from it."""
    warm = round > 0 and run.settings(round).memory.warm_start
    return [memory(run, round - 1)] if warm else []


def controller_start(run: PipelineRun, round: int, block: int) -> list[str]:
    """Return the C of the round before, if a block starts from it: only block 0 may."""
    warm = round > 0 and run.settings(round).controller.warm_start
    return blocks(run, round - 1) if warm and block == 0 else []


def previous_block(run: PipelineRun, round: int, block: int) -> list[str]:
    """Return the block that a block continues; block 0 continues none."""
    return [_block(run, round, block - 1)] if block > 0 else []


def dream_starts(run: PipelineRun, round: int) -> list[str]:
    """Return the latents in whose episodes dreams begin, if C learns in dreams."""
    dreams = run.settings(round).controller.train_in == "dream"
    return memory_data(run, round) if dreams else []


def search_latents(run: PipelineRun, round: int, block: int) -> list[str]:
    """Return the latents that a block of C's search reads.

    Dreams begin in their episodes. A centred search begins with the mean of what C
    reads over them: only block 0 does.
    """
    centred = run.settings(round).controller.centred and block == 0
    return memory_data(run, round) if centred else dream_starts(run, round)


# What is made of all rounds, or of one


def agent_stores(run: PipelineRun, round: int) -> list[str]:
    """Return a round's M, every block of its C and their scores."""
    return [memory(run, round), *blocks(run, round), evaluation(run, round)]


def compared_stores(run: PipelineRun) -> list[str]:
    """Return every store that a comparison of seeds reads of one, each once.

    They are those of the report but for earlier rounds' scores, which take long.
    """
    scores = {evaluation(run, round) for round in run.rounds[:-1]}
    return [path for path in report_stores(run) if path not in scores]


def report_stores(run: PipelineRun) -> list[str]:
    """Return every store that the report of a run reads, each once.

    Rollouts are not among them, for they may be deleted: the latents hold their
    numbers, and V some of their frames.
    """
    paths = []
    for round in run.rounds:
        paths += memory_data(run, round)
        paths += [vision(run, round), memory(run, round)]
        paths += [evaluation(run, round)] if round in scored_rounds(run) else []
        paths += blocks(run, round)
    return list(dict.fromkeys(paths))
