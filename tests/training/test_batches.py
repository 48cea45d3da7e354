"""Shuffled batches against a plain loop; those of a seed never change."""

import hashlib
from functools import partial

import numpy as np
import pytest

from worldmodels.runtime.randomness import generator_for
from worldmodels.training.batches import Batches, ShuffledBatches
from worldmodels.training.buffers import Buffers
from worldmodels.training.packing import PackedBatches

LENGTHS = np.array([5, 1, 9, 3, 14, 2, 7, 4, 6, 8, 1, 20, 13])
GENERATOR = partial(generator_for, 3, 1, "test")
B, EPOCHS, K = 5, 4, 3


def load(episodes: np.ndarray) -> dict:
    """Items that say which episode and step they are."""
    which = np.repeat(episodes, LENGTHS[episodes])
    step = np.concatenate([np.arange(LENGTHS[e]) for e in episodes])
    mu = np.stack([which, step], 1).astype(np.float32)
    ends = {"first": step == 0, "last": step == LENGTHS[which] - 1}
    return {"mu": mu, "logvar": mu + 0.5, "actions": step[:, None]} | ends


BUFFERS = Buffers(LENGTHS, load, GENERATOR, EPOCHS, K)


def plain() -> np.ndarray:
    """Return the items of all epochs in the order of their use, [N, 2]."""
    used = []
    for epoch in range(EPOCHS):
        episodes = GENERATOR(epoch, 0).permutation(len(LENGTHS))
        for number, at in enumerate(range(0, len(episodes), K), start=1):
            items = load(np.sort(episodes[at : at + K]))["mu"]
            used.append(items[GENERATOR(epoch, number).permutation(len(items))])
    return np.concatenate(used)


@pytest.mark.parametrize("size", [1, 4])
@pytest.mark.parametrize("start", [0, 7])
def test_batches_are_cut_from_the_shuffled_buffers(start, size):
    batches = ShuffledBatches(BUFFERS, B)
    assert batches.steps == EPOCHS * LENGTHS.sum() // B
    found = [group["mu"] for group in batches.groups(start, size)]
    assert {len(group) for group in found[:-1]} == {size}
    expected = plain()[start * B : batches.steps * B].reshape(-1, B, 2)
    np.testing.assert_array_equal(np.concatenate(found), expected)


def digest(batches: Batches) -> str:
    """Return a fingerprint of all batches, their types and shapes."""
    found = hashlib.sha256()
    for group in batches.groups(0, 4):
        for name in sorted(group):
            values = np.ascontiguousarray(group[name])
            found.update(f"{name} {values.dtype} {values.shape}".encode())
            found.update(values.tobytes())
    return found.hexdigest()[:16]


@pytest.mark.parametrize(
    ("batches", "expected"),
    [
        (ShuffledBatches(BUFFERS, B), "f8e3f7587c3a7c37"),
        (PackedBatches(BUFFERS, B, 4), "04e962db8095ae59"),
    ],
)
def test_the_batches_of_a_seed_are_what_they_always_were(batches, expected):
    """A checkpoint goes on in the middle of them, and a default run is repeated."""
    assert digest(batches) == expected


@pytest.mark.parametrize(
    "batches", [ShuffledBatches(BUFFERS, B), PackedBatches(BUFFERS, B, 4)]
)
def test_one_epoch_is_the_first(batches):
    once = batches.of_one_epoch()
    assert (batches.epochs, once.epochs) == (EPOCHS, 1)
    first, again = (next(b.groups(0, 1))["mu"] for b in (batches, once))
    np.testing.assert_array_equal(first, again)
    assert once.steps <= batches.steps / EPOCHS + 1
