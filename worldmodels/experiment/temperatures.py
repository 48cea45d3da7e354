"""Temperatures: one C for each, which learns in the dream of one and the same M.

Each temperature is a run of its own that begins at the controller. V, M and the latents
are those of the experiment's last round. Every C starts anew, even where the last
round's C starts from the C of the round before: that C learnt at one temperature, and
would give the temperatures near it a better start. No JAX is imported here: the
Snakefile reads it.
"""

from collections.abc import Iterator

from worldmodels.experiment import paths
from worldmodels.experiment.config import Config
from worldmodels.experiment.runs import PipelineRun
from worldmodels.experiment.settings import Round


def folder(config: Config, temperature: float) -> str:
    """Return the folder below `results/` of the run of a temperature.

    It is the experiment's own folder where the last round's C learns in that very way.
    """
    if _at(config, temperature) == config.rounds[-1]:
        return config.experiment
    return f"{config.experiment}/temperatures/{temperature!r}"


def runs(config: Config) -> Iterator[PipelineRun]:
    """Yield the run of each temperature, but for the experiment's own."""
    for temperature in config.temperatures:
        place = folder(config, temperature)
        if place == config.experiment:
            continue
        changed = config.changed(
            experiment=place,
            rounds=(*config.rounds[:-1], _at(config, temperature)),
            ablation_seeds=(),
            temperatures=(),
        )
        main = config.experiment
        yield PipelineRun(changed, "controller", lender=main, main=main)


def evaluations(config: Config) -> list[str]:
    """Return the path of the scores at each temperature; none if none is asked for."""
    last = len(config.rounds) - 1
    return [
        paths.EVALUATION.format(run=folder(config, temperature), round=last)
        for temperature in config.temperatures
    ]


def _at(config: Config, temperature: float) -> Round:
    """Return the last round's settings with a C that learns at a temperature."""
    dreaming = {"train_in": "dream", "temperature": temperature, "warm_start": False}
    return config.rounds[-1].changed(controller=dreaming)
