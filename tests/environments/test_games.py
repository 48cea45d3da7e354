"""The table of games, and what is said of a game that cannot be played."""

import importlib.util
import pickle

import numpy as np
import pytest

from worldmodels.environments import EnvironmentSpec
from worldmodels.environments.carracing import reference
from worldmodels.environments.games import CARRACING, GAMES, TAKECOVER, VIEWS, game_of
from worldmodels.runtime.errors import UserError


def test_carracing_is_as_gymnasium_has_it():
    environment = reference.CarRacing()
    space = environment.action_space
    np.testing.assert_array_equal(CARRACING.low, space.low)
    np.testing.assert_array_equal(CARRACING.high, space.high)
    assert CARRACING.low.dtype == CARRACING.high.dtype == np.float32
    assert CARRACING.frames_per_second == environment.metadata["render_fps"]


def test_takecover_is_as_vizdoom_has_it():
    vizdoom = pytest.importorskip("vizdoom", reason="pip install --editable '.[doom]'")
    from worldmodels.environments import takecover

    assert TAKECOVER.frames_per_second == vizdoom.DEFAULT_TICRATE
    assert TAKECOVER.max_steps == 60 * vizdoom.DEFAULT_TICRATE
    space = takecover.TakeCover.action_space
    assert space.shape == (1,)
    assert (space.low.item(), space.high.item()) == (-1, 1)
    for view in VIEWS:
        rows, *_ = takecover.engine.SHAPES[view]
        bottom = game_of(TAKECOVER.name, view).view.bottom
        assert (rows - bottom) / rows == 400 / 480


def test_games_are_found_by_their_names():
    assert {name: game_of(name).name for name in GAMES} == {n: n for n in GAMES}
    with pytest.raises(UserError, match=r"'pong' does not exist.*carracing, takecover"):
        game_of("pong")


def test_a_game_that_is_not_installed_says_how_to_get_it(monkeypatch):
    sent = pickle.dumps(EnvironmentSpec("carracing"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert pickle.loads(sent) == EnvironmentSpec("carracing")
    with pytest.raises(UserError) as refusal:
        EnvironmentSpec("takecover")
    assert str(refusal.value) == (
        "environment 'takecover' needs the package vizdoom, which is not installed; "
        "get it with: pip install --editable '.[doom]'"
    )
