"""Trainings: an interruption, precision, what a store keeps and what is drawn of it."""

import jax
import numpy as np
import pytest
from support.resumed import assert_same_arrays, killed

from worldmodels.runtime import devices
from worldmodels.runtime.errors import UserError
from worldmodels.stores.artifact import open_artifact
from worldmodels.studies.conditional_gan import (
    filming,
    findings,
    networks,
    painting,
    train,
)
from worldmodels.studies.conditional_gan.settings import Network
from worldmodels.studies.conditional_gan.source import Stream
from worldmodels.studies.conditional_gan.steps import STUDY

SMALL = {
    "network": {"latent_size": 3, "generator": [2, 3, 4], "discriminator": [3, 4]},
    "learning": {"updates": 6, "batch_size": 4, "average": 0.5},
}


def small_painter() -> painting.Painter:
    """A generator whose weights are not near 0."""
    network = Network(latent_size=3, generator=[2, 3], discriminator=[3])
    shapes = networks.Shapes(network, 6, 4, 2)
    rng = np.random.default_rng(0)
    weights = jax.tree.map(lambda x: 20 * x, networks.initial(shapes, rng)["generator"])
    batches = rng.normal(size=(2, 4, 3)), rng.integers(0, 2, (2, 4, 2))
    batches = [values.astype(np.float32) for values in batches]
    statistics = painting.measured(weights, shapes, *batches)
    return painting.Painter(shapes, ("A", "B"), (weights, statistics))


@pytest.fixture
def fit(packed, tmp_path, monkeypatch):
    """Train a small model; return its store."""
    monkeypatch.setattr(train, "_GROUP", 2)
    monkeypatch.setattr(train, "_MEASURED", (2, 4))

    def run(name: str, **changes):
        train.run(
            settings=STUDY.load(SMALL | changes), pictures=packed, model="main", seed=3,
            checkpoint=tmp_path / f"{name}.ckpt", checkpoint_seconds=0,
            out=tmp_path / f"{name}.zarr", log=None,
        )  # fmt: skip
        return open_artifact(tmp_path / f"{name}.zarr")

    return run


@pytest.mark.slow
def test_a_training_that_was_killed_goes_on_to_an_equal_result(fit, monkeypatch):
    killed(monkeypatch, Stream, fit)
    again, whole = fit("killed"), fit("whole")
    assert_same_arrays(again.path, whole.path)
    assert whole.read("history/loss").shape == (6,)
    assert whole.read("film/pictures").shape == (3, 8, 8, 16, 16, 3)
    assert whole.read("film/update").tolist() == [2, 4, 6]
    assert whole.config["names"] == list(STUDY.settings().data.labels.split())
    # What was drawn last is what the store's own weights draw of the same z.
    labels = np.repeat(whole.read("film/labels"), 2, axis=0)
    rng = np.random.default_rng(0)
    images = painting.painted(whole, labels, rng)
    assert images.shape == (16, 16, 16, 3)
    assert images.dtype == np.uint8
    assert all(0 < ratio <= 1.001 for ratio in findings.ratios(whole).values())


@pytest.mark.slow
def test_float64_and_gradient_norms_reach_a_training(fit):
    devices.prepare("float64")
    try:
        store = fit("double", dtype="float64", debug=True)
    finally:
        devices.prepare("float32")
    for name in ("params", "average", "statistics", "vectors"):
        assert {store.read(n).dtype for n in store.names(name)} == {np.dtype("float64")}
    assert store.read("history/grad_norm.generator.up_0.kernel").shape == (6,)


@pytest.mark.parametrize(
    ("model", "changed"),
    [("main", {}), ("concat", {"labels": "concat"}), ("unnormalised",
     {"spectral": False})],
)  # fmt: skip
def test_an_ablation_changes_one_thing_and_is_recorded(pictures, model, changed):
    settings = STUDY.load(SMALL)
    config = train.recorded(settings, model, 3, pictures)
    assert config["model"] == model
    assert painting.shapes_of(config).network == settings.network.changed(**changed)


def test_networks_that_double_and_halve_unequally_often_are_refused():
    with pytest.raises(UserError, match="its generator must list one size more"):
        STUDY.load({"network": {"generator": [4, 4]}})


def test_an_ablation_that_changes_nothing_is_refused():
    with pytest.raises(UserError, match="its ablation concat changes nothing"):
        STUDY.load(
            {"network": {"labels": "concat"}, "ablations": "concat unnormalised"}
        )


def test_the_film_has_early_frames_more_often_and_ends_with_the_training():
    times = filming.times(10_000, 1, 10)
    assert times.tolist() == [100, 400, 900, 1600, 2500, 3600, 4900, 6400, 8100, 10_000]
    # Drawn between calls: after a whole number of them, or in the end.
    assert filming.times(1025, 50, 6).tolist() == [50, 150, 300, 500, 750, 1025]
    assert filming.times(3, 50).tolist() == [3]


def test_a_picture_does_not_depend_on_how_many_are_drawn(monkeypatch):
    """They are drawn some at a time; zeros fill the last ones up."""
    monkeypatch.setattr(painting, "_AT_ONCE", 4)
    known = small_painter()
    rng = np.random.default_rng(0)
    z, labels = rng.normal(size=(6, 3)), rng.integers(0, 2, (6, 2))
    whole = painting.paint(known, z, labels)
    np.testing.assert_array_equal(painting.paint(known, z[:3], labels[:3]), whole[:3])
    assert len(np.unique(whole)) > 20
