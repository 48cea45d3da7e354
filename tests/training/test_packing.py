"""Rows of episodes: every step once an epoch, in order, whole; resumable anywhere."""

import itertools
from functools import partial

import numpy as np
import pytest

from worldmodels.runtime.errors import UserError
from worldmodels.runtime.randomness import generator_for
from worldmodels.training import packing
from worldmodels.training.batches import ShuffledBatches
from worldmodels.training.buffers import Buffers
from worldmodels.training.packing import PackedBatches

LENGTHS = np.array([5, 1, 9, 3, 14, 2, 7, 4, 6, 8, 1])


def load(episodes: np.ndarray) -> dict:
    """Steps that say whose they are and which: mu [F, 2] and actions [F, 1]."""
    which = np.repeat(episodes, LENGTHS[episodes])
    step = np.concatenate([np.arange(LENGTHS[e]) for e in episodes])
    return {
        "mu": np.stack([which, step], 1),
        "logvar": np.stack([which, step], 1) + 0.5,
        "actions": step[:, None],
        "first": step == 0,
        "last": step == LENGTHS[which] - 1,
    }


def packed(epochs=4, rows=3, window=4, buffer=11, seed=0, **more) -> PackedBatches:
    buffers = Buffers(
        items=LENGTHS,
        load=more.get("load", load),
        generator=partial(generator_for, seed, 0, "test"),
        epochs=epochs,
        episodes=buffer,
    )
    return PackedBatches(buffers, rows, window)


def windows(given: PackedBatches, start: int = 0, group: int = 1) -> list[dict]:
    """Every window from `start` on, one by one."""
    groups = given.groups(start, group)
    return [
        {k: v[n] for k, v in g.items()} for g in groups for n in range(len(g["mu"]))
    ]


def test_an_episode_goes_to_the_row_that_ends_first():
    # rows 0 and 1 take 5 and 2; 2 ends first and takes 4 (to 6); 5 takes 1 (to 6);
    # of two that end at 6 the lower takes the last
    placed = packing.place(np.array([5, 2, 4, 1, 3]), 2)
    np.testing.assert_array_equal(placed.row, [0, 1, 1, 0, 0])
    np.testing.assert_array_equal(placed.start, [0, 0, 2, 5, 6])
    np.testing.assert_array_equal(placed.end, [5, 2, 6, 6, 9])


@pytest.mark.parametrize("buffer", [3, 11])
@pytest.mark.parametrize("window", [1, 4, 30])
def test_rows_hold_whole_episodes_one_after_the_other(buffer, window):
    given = packed(buffer=buffer, window=window)
    cut = windows(given)
    assert len(cut) == given.steps > 0
    seen = []
    for row in range(3):
        joined = np.concatenate([w["mu"][row, :window] for w in cut])
        first, last = (
            np.concatenate([w[k][row] for w in cut]) for k in ("first", "last")
        )
        begins = [*np.flatnonzero(first), len(first)]
        assert begins[0] == 0
        for begin, end in itertools.pairwise(begins):
            episode, steps = joined[begin:end].T
            assert (episode == episode[0]).all()
            np.testing.assert_array_equal(steps, np.arange(len(steps)))
            length = LENGTHS[episode[0]]
            # Only the training's end cuts an episode short.
            assert len(steps) == length or end == len(joined)
            np.testing.assert_array_equal(
                last[begin:end], np.arange(len(steps)) == length - 1
            )
            seen.append(episode[0])
    # Each epoch has every episode once; the last is the one that is cut.
    counts = np.bincount(seen, minlength=len(LENGTHS))
    assert counts.min() >= 2
    assert counts.max() <= 4


def test_a_window_shows_the_latent_after_its_last_step():
    for now, later in zip(cut := windows(packed()), cut[1:], strict=False):
        np.testing.assert_array_equal(now["mu"][:, -1], later["mu"][:, 0])
        np.testing.assert_array_equal(now["logvar"], now["mu"] + 0.5)
        np.testing.assert_array_equal(now["actions"][..., 0], now["mu"][:, :-1, 1])
        assert now["inside"].all()
        assert now["mu"].shape == (3, 5, 2)
        assert now["actions"].shape == (3, 4, 1)


def test_little_is_dropped_and_nothing_is_padding():
    given = packed(epochs=20)
    used = given.steps * given.window * given.batch_size
    total = LENGTHS.sum() * 20
    # Of each row less than a window and the longest episode is left over.
    assert total - 3 * (4 + LENGTHS.max()) < used <= total


@pytest.mark.parametrize("buffer", [3, 11])
@pytest.mark.parametrize("group", [1, 3, 100])
def test_any_window_can_be_gone_on_from_and_grouping_does_not_matter(buffer, group):
    whole = windows(packed(buffer=buffer))
    for start in range(len(whole) + 1):
        again = windows(packed(buffer=buffer), start, group)
        assert len(again) == len(whole) - start
        for one, other in zip(again, whole[start:], strict=True):
            for name in ("actions", "first", "last", "inside"):
                np.testing.assert_array_equal(one[name], other[name])
            # What follows the last step of a row's last episode is nobody's.
            mine = ~np.concatenate([one["inside"][:, :1] & False, one["last"]], 1)
            np.testing.assert_array_equal(one["mu"][mine], other["mu"][mine])


def test_buffers_alone_are_in_memory():
    """Nothing is read but the buffer in use and the one after it."""
    asked = []

    def watched(episodes):
        asked.append(len(episodes))
        return load(episodes)

    for _ in packed(buffer=3, load=watched).groups(0, 1):
        pass
    assert max(asked) == 3
    assert len(asked) >= 4 * 3  # every epoch anew
    asked.clear()
    for _ in packed(buffer=11, load=watched).groups(0, 1):
        pass
    assert asked == [11]  # once for all epochs


def test_epochs_and_seeds_shuffle_otherwise():
    def order(seed):
        cut = windows(packed(seed=seed))
        firsts = [w["mu"][:, :-1][w["first"]][:, 0] for w in cut]
        return np.concatenate(firsts).tolist()

    assert order(0) == order(0)
    assert order(0) != order(1)
    assert order(0)[:11] != order(0)[11:22]


def test_too_few_steps_for_one_window():
    with pytest.raises(UserError, match=r"memory\.window.*gather more episodes"):
        packed(epochs=1, window=40).check("memory")


def test_equal_episodes_in_windows_of_their_length_are_whole_ones():
    """In the order, and so in the batches, of whole episodes."""

    def equal(episodes):
        step = np.tile(np.arange(6), len(episodes))
        which = np.repeat(episodes, 6)
        ends = {"first": step == 0, "last": step == 5}
        return {"mu": which, "logvar": which, "actions": which} | ends

    common = {
        "generator": partial(generator_for, 0, 0, "test"), "epochs": 2, "episodes": 5
    }  # fmt: skip
    steps = Buffers(items=np.full(9, 6), load=equal, **common)
    episodes = Buffers(items=np.ones(9, int), load=lambda e: {"mu": e}, **common)
    rows, whole = PackedBatches(steps, 3, window=6), ShuffledBatches(episodes, 3)
    assert rows.steps == whole.steps == 6
    for ours, theirs in zip(rows.groups(0, 1), whole.groups(0, 1), strict=True):
        np.testing.assert_array_equal(ours["mu"][0, :, 0], theirs["mu"][0])
        assert ours["first"][0, :, 0].all()
    # All done, and no episode ends later: a training that was stopped just then.
    assert not list(rows.groups(rows.steps, 4))
