"""Made-up games, and scores as the step publishes them."""

import numpy as np
import pytest

from worldmodels.stores import publication
from worldmodels.stores.artifact import open_artifact
from worldmodels.studies.pommerman.components import COMPONENTS, RANGE, Z
from worldmodels.studies.pommerman.score import PREDICTORS

AHEAD, STEPS = (1, 3), 6


@pytest.fixture(scope="module")
def games():
    """Three games of 6 steps of random integers, of length 6, 2 and 4."""
    rng = np.random.default_rng(0)
    states = rng.integers(0, RANGE + 1, (3, STEPS + 1, Z))
    same = rng.random(states.shape) < 0.7  # most numbers stay
    for time in range(1, STEPS + 1):
        kept = same[:, time]
        states[:, time] = np.where(kept, states[:, time - 1], states[:, time])
    return {
        "states": states.astype(np.int8),
        "actions": rng.integers(0, 6, (3, STEPS)).astype(np.int8),
        "length": np.array([6, 2, 4], np.int32),
    }


@pytest.fixture(scope="module")
def score(tmp_path_factory, games):
    """Publish a score and open it: of 100 entries 40 changed, and 30 of them are right.

    Of all, 80 are right; a copy has 60 and counts 65. `more` are right besides.
    """

    def make(model="lstm", seed=0, more=0, name="scores", **changes):
        folder = tmp_path_factory.mktemp(name) / f"{model}-{seed}.zarr"
        config = {
            "model": model, "seed": seed, "cell": "lstm", "hidden_size": 4,
            "options": {}, "mixtures": 2, "start": "counts", "ahead": list(AHEAD),
            "weights": 1234, "multiply_adds": 500_000, "updates": 7, "batch_size": 2,
            "by_heart": False, "games": 3,
        }  # fmt: skip
        shape = len(AHEAD), len(COMPONENTS)
        right = np.array([80 + more, 70, 60, 65])[:, None, None]
        changed = np.array([30 + more, 20, 0, 10])[:, None, None]
        whole = len(PREDICTORS), *shape
        predicted = np.stack([games["states"][0, :-1]] * len(AHEAD))
        with publication.create(
            folder, "pommerman_score", config=config | changes, inputs={},
            stage_version=1,
        ) as store:  # fmt: skip
            store.write("entries", np.full(shape, 100))
            store.write("changed", np.full(shape, 40))
            store.write("right", np.broadcast_to(right, whole))
            store.write("right_changed", np.broadcast_to(changed, whole))
            store.write("training_seconds", 60.0)
            store.write("game/states", games["states"][0])
            store.write("game/predicted", predicted)
        return open_artifact(folder)

    return make
