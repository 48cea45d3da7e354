"""Stores of all steps with made-up numbers, as the steps publish them."""

from itertools import product

import numpy as np
import pytest

from worldmodels.stores import publication
from worldmodels.stores.artifact import open_artifact
from worldmodels.studies.evolution.beside import searchers
from worldmodels.studies.evolution.functions import FUNCTIONS
from worldmodels.studies.evolution.restarted import SCHEDULES
from worldmodels.studies.evolution.settings import Evolution, cases
from worldmodels.studies.evolution.steps import STUDY

SETTINGS = Evolution(
    searches=4, sigmas=(0.3, 3.0), parents=(0, 0.25), strategies=("snes",),
    restart_searches=4, restart_sigmas=(3.0,), budget=800,
)  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Return a function that publishes the arrays of a step, and opens the store."""

    def publish(step, arrays, **extra):
        path = tmp_path_factory.mktemp("made") / f"{step}.zarr"
        with publication.create(
            path, STUDY.kind(step), config=STUDY.used(step, SETTINGS) | extra,
            inputs={}, stage_version=1,
        ) as written:  # fmt: skip
            for name, values in arrays.items():
                written.write(name, np.asarray(values))
        return open_artifact(path)

    return publish


@pytest.fixture(scope="module")
def stores(store):
    """Return the stores that the page is made of.

    Of every case three of four searches find it, in their second generation.
    """
    count = len(cases(SETTINGS))
    best = np.ones((count, 4, SETTINGS.generations))
    best[:, :3, 1:] = 1e-12
    rates = {
        "best": best,
        "over": np.full((count, 4), 9),
        "end": np.zeros((count, 4, 2)),
    }
    columns = [column.name for column in searchers(SETTINGS.strategies)]
    losses = np.full((len(columns), len(FUNCTIONS), 4, 60), 100.0)
    losses[..., 1, 10:] = 0  # one of four early, and another late
    losses[..., 2, 30:] = 0
    paths = {
        f"path/{name}": np.zeros((len(FUNCTIONS), 60, 2)) for name in ("es", "cma")
    }
    kinds = len(list(product(SCHEDULES, SETTINGS.restart_sigmas)))
    chains = {
        "found": np.tile([True, True, False, True], (kinds, 1)),
        "evaluations": np.tile([80, 300, 800, 700], (kinds, 1)),
        "begun": np.tile([1, 2, 5, 4], (kinds, 1)),
    }
    return {
        "rates": store("rates", rates),
        "beside": store("beside", {"best": losses, **paths}, columns=columns),
        "restarted": store("restarted", chains),
    }
