"""Ablations: the system of the paper with one change each, and what each run makes.

Every ablation has one run a seed. The run of the baseline makes everything. The run of
another ablation begins at the stage that it changes, and uses what the baseline's run
of the same seed made before that stage. No JAX is imported here: the Snakefile reads
it.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from worldmodels.experiment import paths
from worldmodels.experiment.config import Config
from worldmodels.experiment.runs import PipelineRun
from worldmodels.experiment.settings import Round


class Change(NamedTuple):
    """What an ablation changes; its own artifacts begin at that stage."""

    stage: str
    settings: dict[str, Any]


# C sees z and h, z is sampled, and a generation has one set of tracks.
_SYSTEM = {"inputs": "z_h", "sample_z": True, "common_tracks": True}
_BASELINE = "baseline"

ABLATIONS = {
    _BASELINE: Change("rollouts", {}),
    "z": Change("controller", {"inputs": "z"}),
    "untrained_memory": Change("memory", {"epochs": 0}),
    "mean_z": Change("controller", {"sample_z": False}),
    "separate_tracks": Change("controller", {"common_tracks": False}),
}


def folder(experiment: str, name: str, seed: int) -> str:
    """Return the folder below `results/` of the run of an ablation and a seed."""
    return f"{experiment}/ablations/{name}/seed-{seed}"


def runs(config: Config) -> Iterator[PipelineRun]:
    """Yield the runs of all ablations, one a seed, each of one round."""
    for name, change in ABLATIONS.items():
        for seed in config.ablation_seeds:
            ablated = config.changed(
                experiment=folder(config.experiment, name, seed),
                run=config.run.changed(seed=seed),
                rounds=(_changed(config.rounds[0], change),),
                ablation_seeds=(),
                temperatures=(),
            )
            lender = folder(config.experiment, _BASELINE, seed)
            yield PipelineRun(ablated, change.stage, lender, config.experiment)


def evaluations(config: Config, name: str) -> list[str]:
    """Return the paths of the scores of an ablation, one a seed."""
    return [
        paths.EVALUATION.format(run=folder(config.experiment, name, seed), round=0)
        for seed in config.ablation_seeds
    ]


def _changed(settings: Round, change: Change) -> Round:
    """Return the settings of the paper's system with one change."""
    system = settings.changed(controller=_SYSTEM)
    return system.changed(**{change.stage: change.settings})
