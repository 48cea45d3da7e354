"""Small runs to compare, written by hand: stores without any network in them."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from support.presets import PAPER
from worldmodels.environments.games import Game, game_of
from worldmodels.experiment.settings import Round, Run
from worldmodels.experiment.stages import recorded, sections_of
from worldmodels.runtime.randomness import Purpose, episode_seeds
from worldmodels.stores import publication
from worldmodels.stores.artifact import Artifact, open_artifact

STEPS, PARAMETERS, UPDATES = 20, 6, 40
SETTINGS = PAPER.changed(
    environment={"max_steps": STEPS},
    rollouts={"episodes": 4, "episodes_per_shard": 4, "steps": STEPS},
    vision={"latent_size": 4},
    controller={
        "population": 4,
        "rollouts": 2,
        "generations_per_block": 4,
        "select_every": 2,
        "selection_episodes": 3,
    },
)


def make_run(
    folder: Path,
    returns: Sequence[float] | None = None,
    *,
    seed: int = 0,
    round: int = 0,
    first: int = 0,
    blocks: int = 1,
    kinds: Iterable[str] = ("vision", "memory", "controller", "evaluation"),
    settings: Round = SETTINGS,
    start: Sequence[Artifact] = (),
) -> Path:
    """Write the stores of one round of a run and return the run's folder.

    Args:
        returns: on the test tracks from number `first` on; none: no evaluation.
        blocks: of generations; block n's tested means are 100 n + 10 and 100 n + 20.
        kinds: of the stores to write.
        start: what the controller starts from.
    """
    place, kinds = folder / f"round-{round}", set(kinds)
    made = _Maker(place, seed, round, settings)
    inputs: dict[str, Artifact | list[Artifact]] = {}
    if "vision" in kinds:
        history = {"loss": 50 + np.exp(-np.arange(UPDATES)), "recon": np.ones(UPDATES)}
        inputs["vision"] = made("vision.zarr", "vision", _history(history), {})
    if "memory" in kinds:
        arrays = _history({"nll": 1.3 - 0.01 * np.arange(UPDATES)})
        more = {"latent_size": 4, "action_size": 3}
        inputs["memory"] = made("memory.zarr", "memory", arrays, {}, **more)
    if "controller" in kinds:
        found: list[Artifact] = []
        for block in range(blocks):
            given = dict(inputs, start=list(start)) if not found else dict(inputs)
            given |= {"previous": found[-1]} if found else {}
            name = f"controller/block-{block:04d}.zarr"
            arrays = _generations(block)
            found.append(made(name, "controller", arrays, given, block=block))
        inputs["controller"] = found
    if "evaluation" in kinds and returns is not None:
        scores = {
            "agent/returns": np.array(returns, np.float32),
            "agent/seed": episode_seeds(Purpose.TEST, 0, 0, first, len(returns)),
        }
        made("evaluation.zarr", "evaluation", scores, inputs)
    return folder


class _Maker:
    """Writes stores of one round."""

    def __init__(self, place: Path, seed: int, round: int, settings: Round):
        self.place, self.round = place, round
        self.given = Run(seed=seed), settings
        self.game: Game = game_of(settings.environment.name)

    def __call__(
        self, name: str, kind: str, arrays: Mapping[str, np.ndarray], inputs, **more
    ) -> Artifact:
        used = recorded(kind, self.round, *sections_of(kind, *self.given))
        with publication.create(
            self.place / name,
            kind,
            config=used | {"round": self.round} | more,
            inputs=inputs,
            stage_version=1,
            game=self.game,
        ) as store:
            for array, values in arrays.items():
                store.write(array, values)
        return open_artifact(self.place / name)


def _history(metrics: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {f"history/{name}": v.astype(np.float32) for name, v in metrics.items()}


def _generations(block: int) -> dict[str, np.ndarray]:
    tested = np.array([2, 4], np.int32)
    returns = 100 * block + np.array([[0, 10, 20], [10, 20, 30]], np.float32)
    return {
        "mean": np.zeros((4, PARAMETERS), np.float32),
        "selection/generation": 4 * block + tested,
        "selection/returns": returns,
        "selection/mean": np.zeros((2, PARAMETERS), np.float32),
    }


def write_peak(folder: Path, job: str, megabytes: float | str, round: int = 0) -> None:
    """Write what Snakemake measures of a job."""
    path = folder / f"benchmarks/round-{round}/{job}.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"s\tmax_rss\tcpu_time\n1.5\t{megabytes}\t1.0\n")
