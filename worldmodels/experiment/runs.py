"""The runs of the pipeline that a configuration asks for, and which of them makes what.

The experiment itself is one run; each further seed, each seed of an ablation and each
temperature is one more. A run makes everything from its own first stage on, and uses
what another run made before that stage. No JAX is imported here: the Snakefile reads
it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from worldmodels.experiment.config import Config
from worldmodels.experiment.settings import Round
from worldmodels.experiment.stages import OF_A_ROUND, STAGES


class Beginning(NamedTuple):
    """Where the own artifacts of a run begin."""

    round: int
    stage: str


_EVERYTHING = Beginning(0, OF_A_ROUND[0])


@dataclass(frozen=True)
class PipelineRun:
    """One run of the pipeline.

    Attributes:
        config: its settings; `config.experiment` is its folder below `results/`.
        main: the folder of the experiment itself, whose artifacts of the stages that
            work once are used.
        lender: the folder of the run whose artifacts of all that comes before `first`
            are used. The settings of those rounds and stages are the same in both.
        first: the first round and stage whose artifacts the run makes itself.
    """

    config: Config
    main: str
    lender: str
    first: Beginning = _EVERYTHING

    @property
    def folder(self) -> str:
        """The folder of this run below `results/`."""
        return self.config.experiment

    @property
    def rounds(self) -> range:
        """The numbers of its rounds."""
        return range(len(self.config.rounds))

    def settings(self, round: int) -> Round:
        """Return the settings of a round."""
        return self.config.rounds[round]

    def home(self, stage: str, round: int) -> str:
        """Return the folder below `results/` of a round's artifacts of a stage."""
        if STAGES[stage].once:
            return self.main
        place, first = (
            (number, OF_A_ROUND.index(name))
            for number, name in ((round, stage), self.first)
        )
        return self.folder if place >= first else self.lender


def main_run(config: Config) -> PipelineRun:
    """Return the run of the experiment itself, which makes everything."""
    return PipelineRun(config, main=config.experiment, lender=config.experiment)


def by_folder(runs: Iterable[PipelineRun]) -> dict[str, PipelineRun]:
    """Return runs by their folders below `results/`."""
    return {run.folder: run for run in runs}
