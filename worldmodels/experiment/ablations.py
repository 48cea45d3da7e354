"""Ablations: the experiment with one change each, and what each run makes.

Every ablation has one run a seed, of all rounds. Its baseline is the experiment itself,
trained with that seed. The run of an ablation begins at the stage that it changes, in
the first round in which that is a change, and uses what the baseline made before. No
JAX is imported here: the Snakefile reads it.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from worldmodels.experiment import paths, seeds
from worldmodels.experiment.config import Config
from worldmodels.experiment.runs import Beginning, PipelineRun
from worldmodels.experiment.settings import Round


class Change(NamedTuple):
    """What an ablation changes in every round; its own artifacts begin at the stage."""

    stage: str
    settings: dict[str, Any]


BASELINE = "baseline"  # the experiment itself

ABLATIONS = {
    "z": Change("controller", {"inputs": "z"}),
    # The paper's: it scored 788 where C saw z and h and scored 906.
    "z_hidden": Change("controller", {"inputs": "z", "hidden_size": 40}),
    "untrained_memory": Change("memory", {"epochs": 0}),
    "sampled_z": Change("controller", {"sample_z": True}),
    "mean_z": Change("controller", {"sample_z": False}),
    "separate_tracks": Change("controller", {"common_tracks": False}),
    "common_tracks": Change("controller", {"common_tracks": True}),
}


def names(config: Config) -> list[str]:
    """Return the ablations of an experiment: those that change something in it."""
    return [name for name in ABLATIONS if _rounds(config, name) != config.rounds]


def folder(experiment: str, name: str, seed: int) -> str:
    """Return the folder below `results/` of the run of an ablation and a seed."""
    return f"{experiment}/ablations/{name}/seed-{seed}"


def runs(config: Config) -> Iterator[PipelineRun]:
    """Yield the runs of all ablations, one a seed, each of all rounds."""
    for name in names(config):
        rounds = _rounds(config, name)
        pairs = enumerate(zip(rounds, config.rounds, strict=True))
        number = next(n for n, (changed, before) in pairs if changed != before)
        first = Beginning(number, ABLATIONS[name].stage)
        for seed in config.seeds:
            ablated = config.changed(
                experiment=folder(config.experiment, name, seed),
                run=config.run.changed(seed=seed),
                rounds=rounds,
            )
            lender = seeds.folder(config, seed)
            yield PipelineRun(ablated, config.experiment, lender, first)


def evaluations(config: Config, name: str) -> list[str]:
    """Return the paths of the scores of an ablation's last round, one a seed.

    Of the baseline they are those of the experiment.
    """
    if name == BASELINE:
        return seeds.evaluations(config)
    last = len(config.rounds) - 1
    return [
        paths.EVALUATION.format(run=folder(config.experiment, name, seed), round=last)
        for seed in config.seeds
    ]


def _rounds(config: Config, name: str) -> tuple[Round, ...]:
    """Return the settings of all rounds with an ablation's change."""
    change = ABLATIONS[name]
    changed = {change.stage: change.settings}
    return tuple(round.changed(**changed) for round in config.rounds)
