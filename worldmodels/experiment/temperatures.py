"""Temperatures: one C for each, which learns in the dream of one and the same M.

Each temperature is a run of its own, for each seed, that begins at the last round's
controller. V, M and the latents are those of the experiment's last round, trained with
that seed. Every C starts anew, even where the last round's C starts from the C of the
round before: that C learnt at one temperature, and would give the temperatures near it
a better start. No JAX is imported here: the Snakefile reads it.
"""

from collections.abc import Iterable, Iterator

from worldmodels.experiment import paths, seeds
from worldmodels.experiment.config import Config
from worldmodels.experiment.runs import Beginning, PipelineRun
from worldmodels.experiment.settings import Round


def folder(config: Config, temperature: float, seed: int) -> str:
    """Return the folder below `results/` of the run of a temperature and a seed.

    It is the folder of that seed's training where the last round's C learns in that
    very way.
    """
    trained = seeds.folder(config, seed)
    if _at(config, temperature) == config.rounds[-1]:
        return trained
    return f"{trained}/temperatures/{temperature!r}"


def runs(config: Config) -> Iterator[PipelineRun]:
    """Yield the run of each temperature and seed, but for those of the experiment.

    The experiment's own seed is always among them: its report tells of them.
    """
    first = Beginning(len(config.rounds) - 1, "controller")
    for temperature in config.temperatures:
        rounds = (*config.rounds[:-1], _at(config, temperature))
        for seed in dict.fromkeys((config.run.seed, *config.seeds)):
            place, lender = (
                folder(config, temperature, seed),
                seeds.folder(config, seed),
            )
            if place != lender:
                run = config.run.changed(seed=seed)
                changed = config.changed(experiment=place, run=run, rounds=rounds)
                yield PipelineRun(changed, config.experiment, lender, first)


def of_the_report(config: Config) -> list[str]:
    """Return the path of the scores at each temperature, of the experiment's own seed.

    There is none where no temperature is asked for.
    """
    return _evaluations(config, [config.run.seed])


def evaluations(config: Config) -> list[str]:
    """Return the path of the scores at each temperature, of all seeds."""
    return _evaluations(config, config.seeds)


def _evaluations(config: Config, given: Iterable[int]) -> list[str]:
    last = len(config.rounds) - 1
    return [
        paths.EVALUATION.format(run=folder(config, temperature, seed), round=last)
        for temperature in config.temperatures
        for seed in given
    ]


def _at(config: Config, temperature: float) -> Round:
    """Return the last round's settings with a C that learns at a temperature."""
    dreaming = {"train_in": "dream", "temperature": temperature, "warm_start": False}
    return config.rounds[-1].changed(controller=dreaming)
