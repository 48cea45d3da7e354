"""Stores of trainings with fresh weights and made-up measures, as a step makes them."""

import jax
import numpy as np
import pytest

from worldmodels.stores import publication
from worldmodels.stores.artifact import Artifact, open_artifact
from worldmodels.studies.mixture_density import networks
from worldmodels.studies.mixture_density.networks import Model

SEEDS = [3, 5]
# Of squared error and of two Gaussians, by seed.
LOSS = {0: [0.03, 0.031], 2: [-1.5, -1.7]}
SQUARED = {0: [0.030, 0.031], 2: [0.0303, 0.0310]}


@pytest.fixture(scope="session")
def fresh():
    """The weights of networks that learnt nothing, by K."""
    keys = jax.random.split(jax.random.key(0), len(SEEDS))
    return {k: jax.device_get(networks.initial(keys, Model(k, (3,)))) for k in SQUARED}


@pytest.fixture(scope="session")
def training(tmp_path_factory, fresh):
    """Make a training's store of a toy and K."""

    def make(toy: str, mixtures: int, **changes) -> Artifact:
        config = {
            "seeds": SEEDS, "widths": [3], "learning_rate": 0.005,
            "gradient_clip": 0.3, "test_points": 300,
            toy: {"points": 20, "batch_size": 4, "updates": 6},
            "toy": toy, "mixtures": mixtures,
        }  # fmt: skip
        path = tmp_path_factory.mktemp("trained") / f"{toy}-{mixtures}.zarr"
        with publication.create(
            path, "mixture_density_train", config=config | changes, inputs={},
            stage_version=1,
        ) as store:  # fmt: skip
            store.tree("params", fresh[mixtures])
            for name in networks.Scale._fields:
                values = np.ones(2, np.float32) * name.endswith("std")
                store.write(f"scale/{name}", values)
            for name in ("loss", "held_out"):
                store.write(f"history/{name}", 2.0 - np.arange(6.0) / 3)
            for where in ("train", "test"):
                store.write(f"{where}/loss", np.array(LOSS[mixtures]))
                store.write(f"{where}/squared", np.array(SQUARED[mixtures]))
            store.write("test/near", np.array([0.4, 0.5]))
        return open_artifact(path)

    return make
