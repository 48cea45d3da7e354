"""Ablations: the system of the paper with one change each, and who makes what.

Every ablation is trained once a seed. A training of the baseline makes everything; an
ablation of the same seed begins at the stage that it changes and takes what comes
before from the baseline. No JAX is imported here: the Snakefile reads it.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from worldmodels.experiment.config import Config
from worldmodels.experiment.runs import Training
from worldmodels.experiment.settings import Round


class Change(NamedTuple):
    """What an ablation changes; its own artifacts begin at that stage."""

    stage: str
    settings: dict[str, Any]


# C sees z and h, z is sampled, and a generation's candidates drive the same tracks.
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
    """Return the folder below `results/` of an ablation's training."""
    return f"{experiment}/ablations/{name}/seed-{seed}"


def trainings(config: Config) -> Iterator[Training]:
    """Yield each training of each ablation."""
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
            yield Training(ablated, change.stage, lender)


def _changed(settings: Round, change: Change) -> Round:
    system = settings.changed(controller=_SYSTEM)
    return system.changed(**{change.stage: change.settings})
