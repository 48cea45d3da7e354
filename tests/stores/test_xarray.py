"""Every kind of store opens in xarray by its path alone; a name is one axis."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray

from worldmodels.commands import SHIPPED
from worldmodels.stores.artifact import open_artifact


def assert_opens(path: Path) -> None:
    """Compare every array of a store with what xarray makes of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tree = xarray.open_datatree(path, engine="zarr")
        root = xarray.open_zarr(path)
    store = open_artifact(path)
    leaves = {name for name in store.names() if "/" not in name}
    assert set(root.variables) == leaves
    for name in store.names():
        found = tree[name]
        assert found.dims == tuple(store.array(name).metadata.dimension_names or ())
        np.testing.assert_array_equal(found.values, store.read(name), err_msg=name)


def test_every_store_of_a_round(stores):
    for path in stores.paths:
        assert_opens(path)


def test_stores_that_the_stages_made(learnt):
    for path in (learnt.shards[0], learnt.vision, learnt.latents[0], learnt.memory):
        assert_opens(path)


def test_an_agent(pretrained):
    assert_opens(pretrained)


@pytest.mark.parametrize("path", sorted(SHIPPED.parent.glob("*.zarr")))
def test_the_shipped_agents(path):
    assert_opens(path)


def test_a_folder_that_snakemake_has_marked(stores, tmp_path):
    stamp = stores.vision.path / ".snakemake_timestamp"
    stamp.touch()
    assert_opens(stores.vision.path)
    stamp.unlink()
