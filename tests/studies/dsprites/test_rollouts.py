"""What models are shown: each sprite, and the change from it to the one that comes."""

import numpy as np
import pytest

from worldmodels.runtime.errors import UserError
from worldmodels.studies.dsprites import archive, factors, rollouts
from worldmodels.studies.dsprites.settings import Information, Learning

SIZES = Learning(rollouts=9, shortest=3, longest=8, epochs=2, batch_size=2, window=4)


def batches(seed=0, sizes=SIZES, group=2) -> rollouts.PictureBatches:
    return rollouts.batches(seed, sizes, archive.drawn, group)


def joined(found, start=0) -> dict:
    """Each row's steps one after the other, [B, T, ...]."""
    groups = list(found.groups(start, found.group))
    parts = {k: np.concatenate([g[k] for g in groups]) for k in groups[0]}
    return {k: np.concatenate(list(v), axis=1) for k, v in parts.items()}


def test_a_step_shows_a_sprite_and_the_change_to_the_next():
    """The values before, with the action, are those of the picture to be predicted."""
    places = rollouts.sprites_of(0, "test", 3, 20)
    now, later = (factors.values(factors.classes(p)) for p in (places[:-1], places[1:]))
    found = rollouts.actions(places[:-1], places[1:])
    assert found.dtype == np.float32
    np.testing.assert_allclose(now + found, later, atol=1e-6)


def test_the_next_picture_is_the_one_of_the_step_after():
    found = joined(batches())
    assert found["pixels"].shape == (2, batches().steps * 4, 4096)
    inside = ~found["first"][:, 1:]
    assert inside.any()
    np.testing.assert_array_equal(
        found["next"][:, :-1][inside], found["pixels"][:, 1:][inside]
    )


def test_rollouts_have_their_lengths_and_begin_anew():
    found = joined(batches())
    lengths = np.concatenate([np.diff(np.flatnonzero(r)) for r in found["first"]])
    assert found["first"][:, 0].all()
    assert lengths.min() >= 3
    assert lengths.max() <= 8


def test_a_training_goes_on_anywhere():
    whole, rest = joined(batches()), joined(batches(), start=2)
    for name, values in rest.items():
        np.testing.assert_array_equal(values, whole[name][:, 2 * SIZES.window :])


def test_all_groups_are_whole():
    found = batches(group=4)
    assert found.steps == found.places.steps // 4 * 4 > 0
    groups = list(found.groups(0, 4))
    assert {len(group["first"]) for group in groups} == {4}
    assert len(groups) == found.steps // 4


def test_too_few_rollouts_are_refused():
    few = SIZES.changed(rollouts=1, epochs=1)
    with pytest.raises(UserError, match=r"train needs 2 windows of 4 steps .* raise"):
        batches(sizes=few).check("train")


def test_every_use_and_number_has_other_sprites():
    given = [("a", 0), ("a", 1), ("b", 0)]
    found = [tuple(rollouts.sprites_of(0, *one, 9)) for one in given]
    assert len(set(found)) == 3
    assert found[0] == tuple(rollouts.sprites_of(0, "a", 0, 9))


def test_only_x_moves():
    sizes = Information(shortest=64, longest=90)
    each = [factors.classes(rollouts.moving(0, n, sizes)) for n in range(5)]
    assert all(65 <= len(classes) <= 91 for classes in each)
    for classes in each:
        still = np.delete(classes, 3, axis=1)
        assert (still == still[0]).all()
        assert len(np.unique(classes[:, 3])) > 20
    assert len({tuple(np.delete(classes[0], 3)) for classes in each}) > 1
