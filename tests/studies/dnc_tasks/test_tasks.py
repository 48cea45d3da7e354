"""The three tasks against plain Python, and batches of sequences of several lengths."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from worldmodels.runtime.errors import UserError
from worldmodels.studies.dnc_tasks.stream import Stream
from worldmodels.studies.dnc_tasks.tasks import TASKS, draw_batch

draw = jax.jit(draw_batch, static_argnums=(0, 3))

LONGEST = 4
LENGTHS = [1, 2, 3, 4, 4, 1]


def repeated(question: np.ndarray) -> list[list[float]]:
    """Return the targets of repeat copy, row by row, from the rows before the end."""
    bits = [list(row[:5]) for row in question]
    return [[0] * 5] * (len(bits) + 1) + bits


def added(question: np.ndarray) -> list[list[float]]:
    total = sum(list(row).index(1) for row in question)
    return [[0]] * len(question) + [[total]]


def ordered(question: np.ndarray) -> list[list[float]]:
    rows = sorted(list(row) for row in question)  # by the priority, in column 0
    return [[0] * 4] * (len(rows) + 2) + [row[1:5] for row in rows]


ANSWERED = {"repeat": repeated, "addition": added, "sort": ordered}
STEPS = {"repeat": 9, "addition": 5, "sort": 10}


@pytest.mark.parametrize("name", TASKS)
def test_sequences_are_those_of_plain_python(name, key):
    drawn = draw(TASKS[name], key, jnp.array(LENGTHS), LONGEST)
    drawn = jax.tree.map(np.asarray, drawn)
    assert drawn.inputs.shape == (STEPS[name], len(LENGTHS), 6)
    assert TASKS[name].steps(LONGEST) == STEPS[name]
    for n, length in enumerate(LENGTHS):
        inputs, targets = drawn.inputs[:, n], drawn.targets[:, n]
        question = np.asarray(inputs[:length])
        expected = ANSWERED[name](question)
        steps = len(expected)
        np.testing.assert_array_equal(targets[:steps], expected)
        np.testing.assert_array_equal(inputs[length], [0, 0, 0, 0, 0, 1])
        assert not question[:, 5].any()
        for rest in (inputs[length + 1 :], targets[steps:], drawn.answer[steps:, n]):
            assert not rest.any()
        assert drawn.inside[:, n].tolist() == [True] * steps + [False] * (
            STEPS[name] - steps
        )
        asked = 1 if name == "addition" else length
        at = [False] * (steps - asked) + [True] * asked
        assert drawn.answer[:steps, n].tolist() == at


def test_every_digit_bit_and_priority_is_as_likely(key):
    lengths = jnp.full(400, 5)
    digits = draw(TASKS["addition"], key, lengths, 5).inputs[:5, :, :5]
    bits = draw(TASKS["repeat"], key, lengths, 5).inputs[:5, :, :5]
    sorting = draw(TASKS["sort"], key, lengths, 5)
    sort = sorting.inputs[:5]
    np.testing.assert_allclose(digits.mean((0, 1)), 0.2, atol=0.04)
    np.testing.assert_allclose(bits.mean((0, 1)), 0.5, atol=0.05)
    np.testing.assert_allclose(sort[..., 1:5].mean((0, 1)), 0.5, atol=0.05)
    assert -1 < sort[..., 0].min() < -0.98
    assert 0.98 < sort[..., 0].max() < 1
    # The sorted rows hold the same bits as the question.
    np.testing.assert_array_equal(sorting.targets.sum(0), sort[..., 1:5].sum(0))


def stream(**changes) -> Stream:
    given = {
        "task": "addition",
        "key": jax.random.key(3),
        "batch_size": 3,
        "shortest": 2,
        "longest": (2, 4),
        "steps": 5,
    }
    return Stream(**(given | changes))


def test_batches_do_not_depend_on_how_they_are_grouped():
    whole = list(stream().groups(0, 10))
    assert [group.inputs.shape for group in whole] == [(2, 3, 3, 6), (3, 5, 3, 6)]
    later = list(stream().groups(3, 1))
    assert [len(group.inputs) for group in later] == [1, 1]
    np.testing.assert_array_equal(later[1].inputs[0], whole[1].inputs[2])
    assert not np.array_equal(whole[1].inputs[0], whole[1].inputs[1])


def test_lengths_are_drawn_between_the_shortest_and_the_longest():
    groups = list(stream(steps=60, batch_size=8).groups(0, 30))
    lengths = [(np.asarray(group.inside).sum(1) - 1).ravel() for group in groups]
    assert [set(found.tolist()) for found in lengths] == [{2}, {2, 3, 4}]


@pytest.mark.parametrize(
    ("shortest", "longest"), [(2, (4, 3)), (3, (2,)), (1, ())], ids=str
)
def test_lengths_that_fall_are_refused(shortest, longest):
    with pytest.raises(UserError, match="give longest lengths that rise"):
        stream(shortest=shortest, longest=longest).check("studies.dnc_tasks.addition")


def test_one_epoch_of_no_batches_has_one_to_be_tested_on():
    assert len(list(stream(steps=0).of_one_epoch().groups(0, 1))) == 1
