"""Drawn faces: their labels are tied to nothing, and each shows where it should."""

import numpy as np
import pytest

from worldmodels.studies.conditional_gan import faces

MALE, SMILING, BLACK, BLOND, MUSTACHE = range(5)
NOTHING = np.zeros(5, np.uint8)


def changed(number: int, label: int) -> np.ndarray:
    """Return which pixels a label changes of a face, bool [218, 178]."""
    given = NOTHING.copy()
    given[label] = 1
    pair = [faces.face(0, number, labels) for labels in (NOTHING, given)]
    return (pair[0] != pair[1]).any(axis=-1)


def test_labels_are_independent_but_for_the_two_colours_of_hair():
    labels = faces.labels(0, 20_000).astype(float)
    assert labels.shape == (20_000, 5)
    shares = [0.5, 0.5, 1 / 3, 1 / 3, 0.5]
    np.testing.assert_allclose(labels.mean(axis=0), shares, atol=0.015)
    assert not (labels[:, BLACK] * labels[:, BLOND]).any()
    tied = np.corrcoef(labels.T) - np.eye(5)
    assert tied[BLACK, BLOND] == pytest.approx(-0.5, abs=0.02)  # of exclusive thirds
    tied[BLACK, BLOND] = tied[BLOND, BLACK] = 0
    assert np.abs(tied).max() < 0.03


def test_a_face_is_its_seed_number_and_labels_and_nothing_else():
    labels = faces.labels(3, 9)
    np.testing.assert_array_equal(labels[:4], faces.labels(3, 4))
    one, again = (faces.face(3, 2, labels[2]) for _ in range(2))
    np.testing.assert_array_equal(one, again)
    assert one.shape == (218, 178, 3)
    assert (one != faces.face(3, 4, labels[2])).any()
    assert (one != faces.face(4, 2, labels[2])).any()


@pytest.mark.parametrize(
    ("label", "top", "bottom", "least"),
    [(MALE, 0, 218, 6000), (SMILING, 90, 195, 500), (BLACK, 20, 218, 2000),
     (BLOND, 20, 218, 2000), (MUSTACHE, 118, 182, 250)],
)  # fmt: skip
def test_a_label_changes_its_place_and_no_other(label, top, bottom, least):
    for number in range(4):
        rows = np.flatnonzero(changed(number, label).any(axis=1))
        assert top <= rows.min()
        assert rows.max() <= bottom
        assert changed(number, label).sum() >= least


def test_black_hair_is_darker_than_other_hair_and_blond_hair_is_lighter():
    for number in range(4):
        hair = changed(number, BLACK) & changed(number, BLOND)
        shades = []
        for label in (BLACK, BLOND):
            given = NOTHING.copy()
            given[label] = 1
            shades.append(faces.face(0, number, given)[hair].mean())
        other = faces.face(0, number, NOTHING)[hair].mean()
        assert shades[0] + 15 < other < shades[1]
