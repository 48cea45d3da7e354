"""What agents see: the original's dictionary and its integers."""

from functools import partial

import jax
import numpy as np
from support.pommerman_states import part, recorded, stepped, to_state

from worldmodels.environments.pommerman import observation

VIEWED = 2  # whose observations were recorded
OWN = ("position", "ammo", "blast_strength", "can_kick", "teammate", "enemies")


def viewed() -> dict[str, np.ndarray]:
    """Return the original's observations of the crowded states after their step."""
    names = [name for name in recorded() if name.startswith("seen/")]
    return {name.removeprefix("seen/"): recorded()[name] for name in names}


def test_the_dictionary_is_the_originals():
    see = jax.jit(partial(observation.as_dict, agent=VIEWED))
    seen, expected = see(to_state(part("after"))), viewed()
    assert set(seen) - set(expected) == {"step_count"}
    for name, values in expected.items():
        np.testing.assert_array_equal(np.moveaxis(seen[name], -1, 0), values, name)
    assert {0, 1, 2, 3} == set(np.unique(expected["flame_life"]))
    assert {0, 1, 2, 3, 4} == set(np.unique(expected["bomb_moving_direction"]))


def test_the_integers_are_the_dictionarys_in_the_originals_order():
    view = viewed()
    seen = jax.jit(partial(observation.featurize, agent=VIEWED))(
        to_state(part("after"))
    )
    np.testing.assert_array_equal(seen.T, observation.flatten(view))
    for vector, n in zip(seen.T[:50], range(50), strict=True):
        planes = np.split(np.asarray(vector[:363]).reshape(3, 11, 11), 3)
        names = ("board", "bomb_blast_strength", "bomb_life")
        for plane, name in zip(planes, names, strict=True):
            np.testing.assert_array_equal(plane[0], view[name][n])
        own = [np.ravel(view[name][n]) for name in OWN]
        np.testing.assert_array_equal(vector[363:], np.concatenate(own))


def test_integers_stay_within_their_bounds():
    ours = stepped(part("before"), recorded()["actions"])
    assert ours["seen"].shape == (2000, 372)
    assert ours["seen"].dtype == np.int8
    assert (ours["seen"] >= 0).all()
    assert (ours["seen"] <= observation.HIGH).all()
    assert (ours["seen"].max(0)[:363] > 0).all()
    last = ours["seen"][:, observation.CHANGING :]
    assert (last == [9, 11, 12, 13]).all()
    np.testing.assert_array_equal(ours["seen"][:, 363:365], ours["agents"][:, 0, :2])
