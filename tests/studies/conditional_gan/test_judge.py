"""The classifier: what it computes, that it learns, that it survives a kill."""

import jax
import numpy as np
import pytest
from support.resumed import assert_same_arrays, killed

from worldmodels.runtime.errors import UserError
from worldmodels.stores.artifact import open_artifact
from worldmodels.studies.conditional_gan import classifier, judge, source
from worldmodels.studies.conditional_gan.classifier import Classifier
from worldmodels.studies.conditional_gan.source import Stream
from worldmodels.studies.conditional_gan.steps import STUDY

SMALL = {"judge": {"updates": 6, "batch_size": 10}}


@pytest.fixture
def fit(tmp_path, packed, monkeypatch):
    """Train a small judge with these settings; return its store."""
    monkeypatch.setattr(judge, "_GROUP", 2)

    def run(name: str, **settings):
        judge.run(
            settings=STUDY.load(SMALL | settings), pictures=packed,
            checkpoint=tmp_path / f"{name}.ckpt", checkpoint_seconds=0,
            out=tmp_path / f"{name}.zarr", log=None,
        )  # fmt: skip
        return open_artifact(tmp_path / f"{name}.zarr", "conditional_gan_judge")

    return run


def test_the_loss_is_the_cross_entropy_of_all_labels(key, float64):
    model = Classifier(3, (8, 9), np.float64)
    params = classifier.initial(key, model)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (5, 8, 9, 3)).astype(np.uint8)
    labels = rng.integers(0, 2, (5, 3)).astype(np.uint8)
    batch = {"images": images, "labels": labels}

    @jax.jit
    def both(params):
        loss = classifier.loss(params, batch, key, model=model)
        return model.apply({"params": params}, images), loss

    (numbers, features), (value, metrics) = both(params)
    assert features.shape == (5, 64)
    shares = 1 / (1 + np.exp(-np.asarray(numbers)))
    right = np.where(labels, shares, 1 - shares)
    assert float(value) == pytest.approx(-np.log(right).sum(axis=1).mean())
    assert float(metrics["all_right"]) == (right > 0.5).all(axis=1).mean()


def test_pictures_are_judged_alike_in_pieces(key, monkeypatch):
    monkeypatch.setattr(classifier, "_AT_ONCE", 8)
    model = Classifier(2, (8, 8))
    params = classifier.initial(key, model)
    images = np.random.default_rng(0).integers(0, 255, (20, 8, 8, 3))
    images = images.astype(np.uint8)
    told, features = classifier.judged(params, model, images)
    numbers, seen = jax.jit(model.apply)({"params": params}, images)
    assert told.shape == (20, 2)
    np.testing.assert_allclose(features, seen, rtol=1e-3, atol=1e-4)
    sure = np.abs(numbers) > 1e-3
    np.testing.assert_array_equal(told[sure], (numbers > 0)[sure])


class Nowhere:
    """A checkpoint that keeps nothing."""

    load = staticmethod(lambda: None)
    save = staticmethod(lambda state: None)


def learnt(rows, key, updates: int, size: int):
    """Train a classifier of pictures of 8 x 8 from rows in memory."""
    settings = STUDY.load({"judge": {"updates": updates, "learning_rate": 0.01}})
    model = Classifier(2, (8, 8))
    stream = source.batches_of(rows, key, size, updates)
    state, history = judge.learnt(
        model, stream, key, settings, checkpoint=Nowhere, title="a", log=None,
        interval=60,
    )  # fmt: skip
    return model, state, history


@pytest.mark.slow
def test_a_loss_that_is_not_finite_names_its_rate_and_the_first_gradients(key):
    images = np.zeros((4, 8, 8, 3), np.uint8)
    rows = {"images": images, "labels": np.full((4, 2), np.nan, np.float32)}
    with pytest.raises(UserError) as refused:
        learnt(rows, key, 1, 4)
    assert "those of conv_0.bias to labels.kernel, from input to" in str(refused.value)
    assert "lower studies.conditional_gan.judge.learning_rate" in str(refused.value)


@pytest.mark.slow
def test_it_learns_from_rows_what_can_be_learnt(key):
    """A label that is bright or dark, and one that is nothing but noise."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (256, 2)).astype(np.uint8)
    images = rng.integers(0, 100, (256, 8, 8, 3)) + 100 * labels[:, :1, None, None]
    images = images.astype(np.uint8)
    rows = {"images": images[:128], "labels": labels[:128]}
    model, state, history = learnt(rows, key, 60, 64)
    told, _ = classifier.judged(state.params, model, images[128:])
    right = (told == labels[128:]).mean(axis=0)
    assert right[0] > 0.97
    assert right[1] < 0.65
    assert history["loss"][-1] < history["loss"][0]


@pytest.mark.slow
def test_a_judge_in_double_precision_with_its_gradients(fit, float64, pictures):
    store = fit("double", dtype="float64", debug=True)
    kernel = store.read("params/conv_0/kernel")
    assert kernel.dtype == np.float64
    assert (kernel.astype(np.float32) != kernel).any()
    norms = store.read("history/grad_norm.labels.bias")
    assert norms.shape == (6,)
    assert (norms > 0).all()
    each, all_right = store.read("held_out/accuracy"), store.read("held_out/all")
    assert each.shape == (5,)
    assert all_right <= each.min()
    # Of the held-out pictures, by another way.
    model = judge.model_of(pictures, "float64")
    images = pictures.images(pictures.held_out)
    numbers, _ = model.apply({"params": judge.weights(store)}, images)
    right = (np.asarray(numbers) > 0) == pictures.labels(pictures.held_out)
    np.testing.assert_allclose(each, right.mean(axis=0))


@pytest.mark.slow
def test_a_judge_that_was_killed_goes_on_to_an_equal_result(fit, monkeypatch):
    killed(monkeypatch, Stream, fit)
    again, whole = fit("killed"), fit("whole")
    assert_same_arrays(again.path, whole.path)
    assert jax.tree.leaves(judge.weights(whole))[0].dtype == np.float32
