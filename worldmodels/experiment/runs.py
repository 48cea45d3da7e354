"""The trainings that a configuration asks for, and which of them makes what.

The experiment itself is one; ablations and temperatures are others. Each begins at its
first stage of its own and takes what comes before from another. No JAX is imported
here: the Snakefile reads it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from worldmodels.experiment.config import Config
from worldmodels.experiment.stages import OF_A_ROUND


@dataclass(frozen=True)
class Training:
    """One run of the pipeline.

    Attributes:
        config: its settings; `config.experiment` is its folder below `results/`.
        first: the first stage whose artifacts are its own.
        lender: the folder of the run that made what comes before.
    """

    config: Config
    first: str
    lender: str

    def home(self, stage: str) -> str:
        """Return the folder below `results/` of the artifacts of `stage` to use."""
        own = OF_A_ROUND.index(stage) >= OF_A_ROUND.index(self.first)
        return self.config.experiment if own else self.lender


def whole(config: Config) -> Training:
    """Return the experiment itself, which makes everything."""
    return Training(config, OF_A_ROUND[0], config.experiment)


def by_folder(trainings: Iterable[Training]) -> dict[str, Training]:
    """Return trainings by their folders below `results/`."""
    return {training.config.experiment: training for training in trainings}
