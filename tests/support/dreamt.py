"""A small round whose C learnt in M's dream, with M's figures on held-out steps."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from support import synthetic
from worldmodels.pictures.imagery import FittedMemory
from worldmodels.report import calibration
from worldmodels.report.rounds import RoundStores, group
from worldmodels.stores import publication
from worldmodels.stores.artifact import Artifact, open_artifact
from worldmodels.training import assessment

TAU = 1.3


@dataclass(frozen=True)
class Steps:
    """Held-out steps, as M took them: what the histogram in its store is made of."""

    logit: np.ndarray  # [N] death's log-odds
    died: np.ndarray  # bool [N]

    @property
    def probability(self) -> np.ndarray:
        return 1 / (1 + np.exp(-self.logit))

    @property
    def foreseen(self) -> np.ndarray:
        return self.logit > 0

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """What the memory stage keeps of them."""
        edges = assessment.LOGIT_EDGES
        survived, died = (
            np.histogram(self.logit[self.died == on], edges)[0] for on in (False, True)
        )
        expected = np.histogram(self.logit, edges, weights=self.probability)[0]
        return {
            "death/recall": np.float64(self.foreseen[self.died].mean()),
            "death/false_alarms": 1000 * np.float64(self.foreseen[~self.died].mean()),
            "death/edges": edges,
            "death/survived": survived,
            "death/died": died,
            "death/expected": expected,
        }


def steps(count: int = 20_000, bias: float = 0.0) -> Steps:
    """Return steps in which death's true log-odds are `bias` above M's."""
    rng = np.random.default_rng(0)
    logit = rng.normal(-5, 2.5, count)
    died = rng.uniform(size=count) < 1 / (1 + np.exp(-logit - bias))
    return Steps(logit, died)


def deaths(steps: Steps) -> calibration.Deaths:
    """Return the histogram of held-out steps."""
    arrays = steps.arrays
    return calibration.Deaths(
        *(arrays[f"death/{n}"] for n in calibration.Deaths._fields)
    )


def horizons() -> dict[str, np.ndarray]:
    """Return figures by horizon, the longest of which no episode reached."""
    return {
        "horizon": np.array(assessment.HORIZONS),
        "horizon_nll": np.array([0.981, 1.102, 1.213, np.nan]),
        "horizon_starts": np.array([4321, 4000, 3210, 0]),
    }


def scored(
    folder: Path,
    held_out: Mapping[str, np.ndarray] | None = None,
    real: np.ndarray | None = None,
    dreamt: np.ndarray | None = None,
) -> RoundStores:
    """Make a round of TakeCover of which only the scores and M's figures are known."""
    figures = {f"held_out/{name}": array for name, array in (held_out or {}).items()}
    config = {"round": 0, "environment": "takecover"}
    m_store = _store(folder / "memory.zarr", "memory", config, {}, figures)
    stores = {"memory": [m_store]}
    if real is not None:
        returns = {"agent/returns": real, "random/returns": real - 99}
        if dreamt is not None:
            returns["dream/returns"] = dreamt
            config = config | {"train_in": "dream", "temperature": TAU}
        path, inputs = folder / "evaluation.zarr", {"memory": m_store}
        scores = _store(path, "evaluation", config, inputs, returns)
        stores["evaluation"] = [scores]
    return RoundStores(0, stores)


def _store(path: Path, kind: str, config, inputs, arrays) -> Artifact:
    with publication.create(
        path, kind, config=config, inputs=inputs, stage_version=1
    ) as store:
        for name, values in arrays.items():
            store.write(name, values)
    return open_artifact(path)


def make(folder: Path, game: str, test_in: str = "same") -> RoundStores:
    """Make the stores of a round of a game, but its latents and scores in the dream."""
    settings = synthetic.SETTINGS
    backend = "simulator" if game == "carracing" else "gymnasium"
    settings = settings.changed(
        environment={"name": game, "backend": backend},
        memory={"death_head": True},
        controller={"train_in": "dream", "temperature": TAU, "test_in": test_in},
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(synthetic, "SETTINGS", settings)
        patch.setattr(synthetic, "ACTION", 3 if game == "carracing" else 1)
        rng = np.random.default_rng(0)
        shards = [synthetic.make_rollouts(folder, 0, shard, rng) for shard in (0, 1)]
        v_store = synthetic.make_vision(folder, 0, shards, rng)
        m_store = synthetic.make_memory(folder, 0, (), rng)
        block = synthetic.make_controller(folder, 0, v_store, m_store, None, rng)
        scores = synthetic.make_evaluation(
            folder, 0, (v_store, m_store, block), rng, None
        )
    (round,) = group([*shards, v_store, m_store, block, scores])
    return round


def with_memory(
    round: RoundStores, death_bias: float, death_head: bool = True
) -> RoundStores:
    """Return the round with an M that expects death so much, or knows of none."""
    model, params = round.memory
    params = params | {"death_bias": np.array([death_bias], np.float32)}
    changed = RoundStores(round.number, round.stores)
    # Where the property keeps it: nothing is read from the store.
    vars(changed)["memory"] = FittedMemory(
        replace(model, death_head=death_head), params
    )
    return changed
