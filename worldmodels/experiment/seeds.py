"""Seeds: the experiment trained once for each, and which run is that training.

The run of the experiment's own seed is the experiment itself. Each other seed has a run
of its own, which makes everything but what no seed decides. No JAX is imported here:
the Snakefile reads it.
"""

from collections.abc import Iterator

from worldmodels.experiment import paths
from worldmodels.experiment.config import Config
from worldmodels.experiment.runs import PipelineRun, main_run


def folder(config: Config, seed: int) -> str:
    """Return the folder below `results/` of the training of a seed."""
    if seed == config.run.seed:
        return config.experiment
    return f"{config.experiment}/seeds/seed-{seed}"


def run_of(config: Config, seed: int) -> PipelineRun:
    """Return the run that is the training of a seed."""
    if seed == config.run.seed:
        return main_run(config)
    seeded = config.changed(
        experiment=folder(config, seed), run=config.run.changed(seed=seed)
    )
    return PipelineRun(seeded, main=config.experiment, lender=seeded.experiment)


def runs(config: Config) -> Iterator[PipelineRun]:
    """Yield the run of each seed, but for the experiment's own."""
    for seed in config.seeds:
        if seed != config.run.seed:
            yield run_of(config, seed)


def evaluations(config: Config) -> list[str]:
    """Return the paths of the last round's scores, one a seed, in their order."""
    last = len(config.rounds) - 1
    return [paths.evaluation(run_of(config, seed), last) for seed in config.seeds]


def stores(config: Config) -> dict[int, list[str]]:
    """Return every store that the comparison of the seeds reads, by seed.

    Of the evaluations that is the last round's alone: no other seed needs more.
    """
    return {seed: paths.compared_stores(run_of(config, seed)) for seed in config.seeds}
