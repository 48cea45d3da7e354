"""Minibatches of packed pictures: each once a pass, in an order that can be resumed."""

import jax
import numpy as np
import pytest

from worldmodels.studies.conditional_gan import source


def joined(stream, start=0, size=3):
    """Return all minibatches from a number on, as they would be one after another."""
    groups = list(stream.groups(start, size))
    return {k: np.concatenate([group[k] for group in groups]) for k in groups[0]}


def numbers(pictures, images):
    """Return the numbers of pictures, which are all different."""
    known = {
        picture.tobytes(): number
        for number, picture in enumerate(pictures.images(np.arange(len(pictures))))
    }
    assert len(known) == len(pictures)
    return [known[picture.tobytes()] for picture in images]


@pytest.fixture(params=[16 * 16 * 3 * 8 * 2, 2**20], ids=["2 shards", "all"])
def small_buffers(request, monkeypatch):
    monkeypatch.setattr(source, "_BUFFER_BYTES", request.param)


@pytest.mark.usefixtures("small_buffers")
def test_each_pass_shows_every_training_picture_once(packed, pictures, key):
    found = joined(source.batches(packed, key, 5, 20))  # 3 passes of 30, and 10
    assert found["images"].shape == (20, 5, 16, 16, 3)
    assert found["images"].dtype == np.uint8
    rows = numbers(pictures, found["images"].reshape(100, 16, 16, 3))
    for at in range(0, 90, 30):
        assert sorted(rows[at : at + 30]) == pictures.training.tolist()
    assert rows[:30] != rows[30:60] != sorted(rows[30:60])
    np.testing.assert_array_equal(
        found["labels"].reshape(100, 5), pictures.labels(np.array(rows))
    )


@pytest.mark.usefixtures("small_buffers")
@pytest.mark.parametrize("start", [1, 6, 13])
def test_batches_go_on_from_any_place(packed, key, start):
    whole = joined(source.batches(packed, key, 4, 15), size=4)
    later = joined(source.batches(packed, key, 4, 15), start, size=7)
    for name, values in later.items():
        np.testing.assert_array_equal(values, whole[name][start:])


def test_the_order_is_that_of_the_key(packed, key):
    one = joined(source.batches(packed, key, 8, 3))["images"]
    same = joined(source.batches(packed, key, 8, 3))["images"]
    other = joined(source.batches(packed, jax.random.key(1), 8, 3))["images"]
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_rows_are_read_in_the_order_that_is_asked_for(pictures):
    rows = np.array([39, 0, 17, 17, 8])
    whole = pictures.images(np.arange(40))
    np.testing.assert_array_equal(pictures.images(rows), whole[rows])
    assert pictures.images(rows[:0]).shape == (0, 16, 16, 3)


def test_rows_in_memory_are_shuffled_likewise(key):
    stream = source.batches_of({"images": np.arange(6), "labels": -np.arange(6)}, key,
                               2, 7)  # fmt: skip
    found = joined(stream)
    assert stream.steps == 7
    assert sorted(found["images"][:3].ravel()) == list(range(6))
    np.testing.assert_array_equal(found["labels"], -found["images"])
