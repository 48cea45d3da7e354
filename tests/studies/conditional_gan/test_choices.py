"""Which labels and which z are drawn."""

import numpy as np

from worldmodels.studies.conditional_gan import choices

LABELS = np.array([[0, 1], [1, 1], [0, 1], [1, 0], [1, 1], [0, 1]], np.uint8)


def test_the_most_frequent_settings_come_first():
    assert choices.frequent(LABELS).tolist() == [[0, 1], [1, 1], [1, 0]]
    assert choices.frequent(LABELS, 1).tolist() == [[0, 1]]


def test_each_label_is_turned_on_between_the_nearest_settings_that_occur():
    found = choices.toggles(LABELS)
    assert found.tolist() == [[[0, 1], [1, 1]], [[1, 0], [1, 1]]]
    one_hot = np.eye(3, dtype=np.uint8)[[0, 0, 1, 2]]
    for label, (without, having) in enumerate(choices.toggles(one_hot)):
        assert (without[label], having[label]) == (0, 1)
        assert without.sum() == having.sum() == 1
    assert choices.toggles(np.ones((3, 1), np.uint8)).shape == (0, 2, 1)


def test_a_grid_has_the_settings_as_rows_and_one_z_in_each_column():
    z = np.array([[1.0], [2.0], [3.0]])
    drawn, labels = choices.grid(np.array([[0, 1], [1, 1]]), z)
    assert drawn.reshape(2, 3).tolist() == [[1, 2, 3], [1, 2, 3]]
    assert labels.reshape(2, 3, 2)[1].tolist() == [[1, 1]] * 3


def test_an_arc_keeps_its_distance_from_the_middle():
    one, other = np.array([3.0, 0.0]), np.array([0.0, 3.0])
    found = choices.around(one, other, 5)
    np.testing.assert_allclose(found[[0, -1]], [one, other], atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 3)
    np.testing.assert_allclose(choices.around(one, one, 3), [one] * 3)
    middle = choices.between(one, other, 3)[1]
    np.testing.assert_allclose(middle, [1.5, 1.5])


def test_settings_are_told_in_words():
    assert choices.words(("Male", "Black_Hair"), np.array([1, 1])) == "Male, Black Hair"
    assert choices.words(("Male", "Black_Hair"), np.array([0, 0])) == "none of them"
