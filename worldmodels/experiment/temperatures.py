"""Temperatures: a controller for each, which learns in the dream of one and the same M.

All begin afresh, even where the last round's controller is to start from that of the
round before: that one learnt at a temperature of its own, to which those near it would
owe a better start. V, M and the latents are the experiment's, of its last round. No JAX
is imported here: the Snakefile reads it.
"""

from collections.abc import Iterator

from worldmodels.experiment.config import Config
from worldmodels.experiment.runs import Training
from worldmodels.experiment.settings import Round


def folder(config: Config, temperature: float) -> str:
    """Return the folder below `results/` of the controller of a temperature.

    It is the experiment's own where that one learns in just that way.
    """
    if _at(config, temperature) == config.rounds[-1]:
        return config.experiment
    return f"{config.experiment}/temperatures/{temperature!r}"


def trainings(config: Config) -> Iterator[Training]:
    """Yield the trainings of the sweep that are not the experiment's own."""
    for temperature in config.temperatures:
        place = folder(config, temperature)
        if place == config.experiment:
            continue
        swept = config.changed(
            experiment=place,
            rounds=(*config.rounds[:-1], _at(config, temperature)),
            ablation_seeds=(),
            temperatures=(),
        )
        yield Training(swept, "controller", config.experiment)


def _at(config: Config, temperature: float) -> Round:
    dreaming = {"train_in": "dream", "temperature": temperature, "warm_start": False}
    return config.rounds[-1].changed(controller=dreaming)
