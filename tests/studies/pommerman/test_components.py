"""Integers by component, and as ones among zeros, against plain loops."""

import numpy as np

from worldmodels.environments.pommerman.observation import HIGH
from worldmodels.studies.pommerman import components
from worldmodels.studies.pommerman.components import COMPONENTS, INPUTS, RANGE, Z


def test_every_integer_and_the_action_are_one_among_zeros(games):
    states, actions = games["states"][0, 0], games["actions"][0, 0]
    found = np.asarray(components.one_hot(states, actions, "float32"))
    expected = []
    for value, most in zip(states, HIGH[:368], strict=True):
        expected += [float(value == v) for v in range(most + 1)]
    expected += [float(actions == a) for a in range(6)]
    assert found.shape == (INPUTS,) == (121 * (14 + 11 + 10) + 46 + 6,)
    np.testing.assert_array_equal(found, expected)
    assert found.sum() == Z + 1


def test_numbers_are_rounded_to_what_can_be():
    numbers = np.tile([[-3.0], [0.4], [99.0]], Z)
    low, near, high = np.asarray(components.rounded(numbers))
    assert (low == 0).all()
    assert (near == 0).all()
    np.testing.assert_array_equal(high, RANGE)


def test_components_are_counted_and_those_of_many_numbers_are_one():
    truths = np.zeros((2, Z), bool)
    truths[0, [0, 5, 120, 363]] = True  # three cells of the board, and the row
    truths[1] = True
    every, some = (components.counted(truths, f) for f in (np.all, np.any))
    assert every.keys() == some.keys() == set(COMPONENTS)
    assert every["board"].tolist() == [3, 121]
    assert every["row"].tolist() == [1, 1]
    assert every["position"].tolist() == every["whole_board"].tolist() == [0, 1]
    assert some["position"].tolist() == some["everything"].tolist() == [1, 1]
    sizes = [components.entries(name) for name in COMPONENTS]
    assert sizes == [121, 121, 121, 1, 1, 1, 1, 1, 1, 1, 1]
