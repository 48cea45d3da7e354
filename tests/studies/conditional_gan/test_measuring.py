"""All measures together: of real pictures in the place of drawn ones, and of others."""

import numpy as np
import pytest

from worldmodels.stores import publication
from worldmodels.stores.artifact import open_artifact
from worldmodels.studies.conditional_gan import classifier, measuring, scored
from worldmodels.studies.conditional_gan.classifier import Classifier
from worldmodels.studies.conditional_gan.measuring import Drawn, Judge


@pytest.fixture
def known(key, pictures) -> Judge:
    """A judge that knows nothing."""
    model = Classifier(5, pictures.size)
    return Judge(classifier.initial(key, model), model)


def test_labels_are_asked_for_as_often_as_they_are_in_training(pictures):
    rows = measuring.reference(pictures, 70, 0)
    assert sorted(rows[:30]) == sorted(rows[30:60]) == pictures.training.tolist()
    assert len(set(rows[60:])) == 10
    np.testing.assert_array_equal(rows[:12], measuring.reference(pictures, 12, 0))
    assert (rows[:12] != measuring.reference(pictures, 12, 1)).any()


@pytest.fixture
def measure(pictures, known):
    """Measure pictures that are drawn for the labels of the reference."""
    labels = pictures.labels(measuring.reference(pictures, 20, 0))

    def run(images):
        return measuring.measured(Drawn(images, labels), pictures, known, known, 0, 3)

    return run


def test_copies_of_the_training_pictures_are_measured_as_such(measure, pictures):
    rows = measuring.reference(pictures, 20, 0)
    found = measure(pictures.images(rows))
    assert found.frechet.drawn == pytest.approx(0, abs=1e-5)
    assert found.frechet.real > 1
    assert found.features.ratio == found.pixels.ratio == 1
    assert found.copies.distance.drawn == pytest.approx(0, abs=0.2)
    assert found.copies.distance.real > 5
    np.testing.assert_array_equal(found.copies.drawn, found.copies.training)
    assert found.sliced.side.tolist() == [16]
    assert found.sliced.drawn < found.sliced.held_out
    np.testing.assert_array_equal(found.copies.drawn, pictures.images(rows[:3]))


def test_one_picture_for_all_has_no_diversity(measure, pictures):
    rows = measuring.reference(pictures, 1, 0)
    found = measure(np.repeat(pictures.images(rows), 20, axis=0))
    assert found.features.ratio == found.pixels.ratio == 0
    assert found.frechet.drawn > found.frechet.real


def test_what_is_measured_is_stored_and_read_again(measure, pictures, tmp_path):
    found = measure(pictures.images(measuring.reference(pictures, 20, 3)))
    with publication.create(
        tmp_path / "score.zarr", "conditional_gan_score", config={}, inputs={},
        stage_version=1,
    ) as store:  # fmt: skip
        scored.write(store, found)
    again = scored.read(open_artifact(tmp_path / "score.zarr"))
    for one, other in zip(found, again, strict=True):
        for name, values in one._asdict().items():
            np.testing.assert_array_equal(values, getattr(other, name))
