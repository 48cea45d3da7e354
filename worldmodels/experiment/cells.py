"""Cells: M with another recurrent cell each, on the very same data.

Each cell is a run of its own, for each seed, that begins at the last round's M. V, the
rollouts and the latents of all rounds are those of the experiment, trained with that
seed; so all cells learn from the same episodes and hold out the same. M and C start
anew, even where the last round's start from those of the round before: these are of one
cell. No JAX is imported here: the Snakefile reads it.
"""

from bisect import bisect_left
from collections.abc import Iterator
from functools import cache

from worldmodels.experiment import paths, seeds, sizes
from worldmodels.experiment.bounds import MAX_WIDTH
from worldmodels.experiment.config import Config
from worldmodels.experiment.network_settings import DNC as Dnc
from worldmodels.experiment.runs import Beginning, PipelineRun
from worldmodels.experiment.settings import Round
from worldmodels.models.cells import registry
from worldmodels.runtime.errors import UserError

LSTM, AS_LARGE, DNC = "lstm", "lstm_as_large", "dnc"
# How a reader knows them; the larger one has as many parameters as the DNC.
CELLS = {LSTM: "LSTM", AS_LARGE: "larger LSTM", DNC: "DNC"}


def check(config: Config) -> None:
    """Refuse an experiment whose M is scored on no held-out episodes.

    Raises:
        UserError: saying what to set.
    """
    if not config.rounds[-1].memory.held_out:
        raise UserError(
            f"round {len(config.rounds) - 1}: memory.held_out is 0, so that no "
            "episodes are kept to compare cells on; set memory.held_out to 0.1 or so, "
            "in all rounds"
        )


def folder(config: Config, cell: str, seed: int) -> str:
    """Return the folder below `results/` of the run of a cell and a seed.

    It is the folder of that seed's training where the last round has that very M.
    """
    if _last(config.rounds[-1], cell) == config.rounds[-1]:
        return seeds.folder(config, seed)
    return f"{config.experiment}/cells/{cell}/seed-{seed}"


def run_of(config: Config, cell: str, seed: int) -> PipelineRun:
    """Return the run of a cell and a seed."""
    lender = seeds.run_of(config, seed)
    if (place := folder(config, cell, seed)) == lender.folder:
        return lender
    changed = config.changed(
        experiment=place,
        run=config.run.changed(seed=seed),
        rounds=(*config.rounds[:-1], _last(config.rounds[-1], cell)),
    )
    first = Beginning(len(config.rounds) - 1, "memory")
    return PipelineRun(changed, config.experiment, lender.folder, first)


def runs(config: Config) -> Iterator[PipelineRun]:
    """Yield the run of each cell and seed, but for those of the experiment."""
    for cell in CELLS:
        for seed in config.seeds:
            run = run_of(config, cell, seed)
            if run.folder != seeds.folder(config, seed):
                yield run


def forecast(config: Config, cell: str, seed: int) -> str:
    """Return the path of what the M of a cell and a seed foresees."""
    return paths.FORECAST.format(run=config.experiment, cell=cell, seed=seed)


def stores(config: Config) -> dict[str, list[str]]:
    """Return every store that the comparison reads, by cell: of all its seeds."""
    return {
        cell: [
            path
            for seed in config.seeds
            for path in (
                *paths.agent_stores(run_of(config, cell, seed), len(config.rounds) - 1),
                forecast(config, cell, seed),
            )
        ]
        for cell in CELLS
    }


def as_large_as(settings: Round) -> int:
    """Return the units of the LSTM that gives M about as many parameters as it has.

    Of all numbers of units it is the one that comes nearest.
    """

    def parameters(units: int) -> int:
        lstm = {"cell": registry.LSTM, "hidden_size": units}
        return sizes.memory(settings.changed(memory=lstm)).parameters

    wanted = sizes.memory(settings).parameters
    above = bisect_left(range(1, MAX_WIDTH), wanted, key=parameters) + 1
    return min((max(above - 1, 1), above), key=lambda n: abs(parameters(n) - wanted))


@cache
def _last(last: Round, cell: str) -> Round:
    """Return the last round's settings with another cell, whose M and C start anew."""
    dnc = last.changed(memory={"cell": "dnc", "warm_start": False})
    if cell == DNC:
        return dnc.changed(controller={"warm_start": False})
    units = as_large_as(dnc) if cell == AS_LARGE else last.memory.hidden_size
    # An LSTM has no read vectors: where the DNC's C sees them too, its C does not.
    inputs = last.controller.inputs.removesuffix("_r")
    return last.changed(
        memory={
            "cell": registry.LSTM,
            "dnc": Dnc(),  # which an LSTM has no use for
            "hidden_size": units,
            "warm_start": False,
        },
        controller={"inputs": inputs, "warm_start": False},
    )
