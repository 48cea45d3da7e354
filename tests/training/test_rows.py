"""Batches of rows in memory: every epoch holds each row once, from any place on."""

import numpy as np
import pytest

from worldmodels.runtime.errors import UserError
from worldmodels.training.rows import Rows

COUNT = 7


def rows(steps=9, batch_size=3, count=COUNT) -> Rows:
    given = {"x": np.arange(count), "y": 10.0 * np.arange(count)[:, None]}
    return Rows(given, lambda epoch: np.random.default_rng(epoch), batch_size, steps)


def joined(groups) -> np.ndarray:
    return np.concatenate([group["x"] for group in groups])


def test_an_epoch_holds_each_row_once_in_an_order_of_its_own():
    line = joined(rows().groups(0, 4)).ravel()
    assert len(line) == 27
    for epoch in range(3):
        order = np.random.default_rng(epoch).permutation(COUNT)
        np.testing.assert_array_equal(line[epoch * COUNT :][:COUNT], order)


def test_what_belongs_to_a_row_stays_with_it():
    for group in rows().groups(0, 4):
        assert group["y"].shape == (*group["x"].shape, 1)
        np.testing.assert_array_equal(group["y"][..., 0], 10 * group["x"])


@pytest.mark.parametrize("start", range(10))
@pytest.mark.parametrize("size", [1, 2, 20])
def test_batches_go_on_from_any_place(start, size):
    whole, groups = joined(rows().groups(0, 5)), list(rows().groups(start, size))
    assert sum(len(group["x"]) for group in groups) == 9 - start
    assert all(len(group["x"]) == size for group in groups[:-1])
    if groups:
        np.testing.assert_array_equal(joined(groups), whole[start:])


def test_a_batch_may_be_larger_than_an_epoch():
    (group,) = rows(steps=1, batch_size=16).groups(0, 1)
    counts = np.bincount(group["x"][0])
    assert counts.sum() == 16
    assert set(counts) <= {2, 3}


def test_epochs_are_counted():
    assert rows(steps=0).epochs == 0
    assert rows(steps=7).epochs == 3
    assert rows(steps=8).epochs == 4
    assert rows().of_one_epoch().steps == 2


@pytest.mark.parametrize("nothing", [{"steps": 0}, {"count": 0}])
def test_nothing_to_learn_from_is_refused(nothing):
    with pytest.raises(UserError, match=r"toys has .* rows .* at least one of each"):
        rows(**nothing).check("toys")
    rows().check("toys")
