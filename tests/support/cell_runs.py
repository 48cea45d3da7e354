"""Trainings of cells to compare, written by hand: stores without any network."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from worldmodels.environments.games import TAKECOVER
from worldmodels.experiment.cells import CELLS, DNC
from worldmodels.stores import publication
from worldmodels.stores.artifact import Artifact, open_artifact

HORIZONS = np.array([1, 2, 50])
EPISODES = 4
SECONDS = 60.0  # that each training of M records
_SORTS = {name: "dnc" if name == DNC else "lstm" for name in CELLS}

Trainings = dict[str, list[str]]  # paths of the stores of all seeds, by cell


def updates(seed: int) -> int:
    """Return how many updates M makes: episodes of another seed have other lengths."""
    return 60 + seed


def make_cells(
    folder: Path,
    played: Mapping[str, Mapping[int, Sequence[float]]],
    foreseen: Mapping[str, Mapping[int, float]],
    shard: int = 0,
) -> Trainings:
    """Write the stores of cells and return their paths.

    Args:
        played: returns in the game by cell and seed; in the dream they are 1,000 more.
        foreseen: NLL of the next step by cell and seed; k steps on it is k / 100 more,
            and after 50 it is not known.
        shard: of the latents: those of another are others.
    """
    make = _Maker(folder, shard)
    return {
        cell: [
            str(store.path)
            for seed, returns in played[cell].items()
            for store in make.training(cell, seed, returns, foreseen[cell][seed])
        ]
        for cell in CELLS
    }


class _Maker:
    def __init__(self, folder: Path, shard: int):
        self.folder, self.shard = folder, shard
        self.latents: dict[int, Artifact] = {}

    def training(
        self, cell: str, seed: int, returns: Sequence[float], nll: float
    ) -> list[Artifact]:
        """Write the stores of a training of one cell with a seed."""
        place, returns = Path(cell) / str(seed), np.array(returns, np.float32)
        if seed not in self.latents:
            where = Path("latents") / f"{seed}.zarr"
            config = {"seed": seed, "shard": self.shard}
            self.latents[seed] = self._store(where, "latents", config, {}, {})
        config = {"round": 1, "seed": seed}
        curve = nll + np.exp(-np.arange(updates(seed)) / 9)
        memory = self._store(
            place / "memory.zarr", "memory", config | {"cell": _SORTS[cell]},
            {"latents": self.latents[seed]}, {"history/nll": curve.astype(np.float32)},
            seconds=SECONDS,
        )  # fmt: skip
        block = self._store(
            place / "block.zarr", "controller", config | {"block": 0},
            {"memory": memory}, {"mean": np.zeros((2, 3), np.float32)},
        )  # fmt: skip
        scores = {
            "agent/returns": returns,
            "agent/seed": np.arange(len(returns)) + 7,
            "dream/returns": returns + 1000,
            "random/returns": returns[:2],
        }
        evaluation = self._store(
            place / "evaluation.zarr", "evaluation", config,
            {"memory": memory, "controller": [block]}, scores,
        )  # fmt: skip
        ahead = nll + HORIZONS / 100
        ahead[-1] = np.nan
        sizes = {"cell": cell, "hidden_size": 10 + len(cell), "parameters": 1000 * seed}
        forecast = self._store(
            place / "forecast.zarr", "forecast", config | sizes,
            {"memory": memory, "latents": self.latents[seed]},
            {
                "held_out/nll": np.float64(nll),
                "held_out/horizon": HORIZONS,
                "held_out/horizon_nll": ahead,
                "held_out/death/nll": np.float64(nll / 100),
                "held_out/death/base": np.float64(0.02),
                "held_out/episode_steps": np.full(EPISODES, 25),
                "held_out/seed": np.arange(EPISODES),
            },
        )  # fmt: skip
        return [memory, block, evaluation, forecast]

    def _store(
        self, place: Path, kind: str, config, inputs, arrays, seconds: float = 0.0
    ) -> Artifact:
        path = self.folder / place
        with publication.create(
            path,
            kind,
            config=config,
            inputs=inputs,
            stage_version=1,
            game=TAKECOVER,
        ) as store:
            for name, values in arrays.items():
                store.write(name, values)
            store.seconds_before = seconds
        return open_artifact(path)
