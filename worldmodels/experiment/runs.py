"""The runs of the pipeline that a configuration asks for, and which of them makes what.

The experiment itself is one run; each seed of an ablation and each temperature is one
more. A run makes everything from its first own stage on, and uses what another run made
before that stage. No JAX is imported here: the Snakefile reads it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from worldmodels.experiment.config import Config
from worldmodels.experiment.settings import Round
from worldmodels.experiment.stages import OF_A_ROUND, STAGES


@dataclass(frozen=True)
class PipelineRun:
    """One run of the pipeline.

    Attributes:
        config: its settings; `config.experiment` is its folder below `results/`.
        first: the first stage whose artifacts the run makes itself.
        lender: the folder of the run whose artifacts of the stages before it uses. The
            settings of those stages are the same in both.
        main: the folder of the experiment itself, whose artifacts of the stages that
            work once are used.
    """

    config: Config
    first: str
    lender: str
    main: str

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

    def home(self, stage: str) -> str:
        """Return the folder below `results/` of the artifacts of a stage to use."""
        if STAGES[stage].once:
            return self.main
        own = OF_A_ROUND.index(stage) >= OF_A_ROUND.index(self.first)
        return self.folder if own else self.lender


def main_run(config: Config) -> PipelineRun:
    """Return the run of the experiment itself, which makes everything."""
    return PipelineRun(
        config, OF_A_ROUND[0], lender=config.experiment, main=config.experiment
    )


def by_folder(runs: Iterable[PipelineRun]) -> dict[str, PipelineRun]:
    """Return runs by their folders below `results/`."""
    return {run.folder: run for run in runs}
