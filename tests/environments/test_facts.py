"""A game as JSON values, and which values are refused: anybody may write them."""

import json

import pytest
from support import worlds

from worldmodels.environments import facts
from worldmodels.environments.games import CARRACING, GAMES
from worldmodels.runtime.json_files import Malformed

WORLDS = [
    *GAMES.values(),
    worlds.game(low=(-2, 0.07), high=(2, 0.7), size=96),
    worlds.game(choices=3),
]


@pytest.mark.parametrize("game", WORLDS, ids=lambda game: game.label)
def test_a_game_comes_back_from_its_facts(game):
    assert facts.from_json(json.loads(json.dumps(facts.to_json(game)))) == game


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"name": "pong"}, "no known name"),
        ({"name": ["carracing"]}, "no known name"),
        ({"title": "<script>"}, "no title"),
        ({"id": "x" * 200}, "no id"),
        ({"score": "return\n"}, "no score"),
        ({"actions": []}, "no actions"),
        ({"actions": [{"name": "a", "low": 1, "high": 1}]}, "without a name or bounds"),
        ({"actions": [{"name": "<b>", "low": 0, "high": 1}]}, "without a name or"),
        ({"actions": [{"name": "a", "low": 0, "high": float("inf")}]}, "or bounds"),
        ({"discrete": 1}, "does not say whether"),
        ({"crop": [0, 0, -1, 0]}, "no crop"),
        ({"size": 70}, "no size"),
        ({"frame_skip": 0}, "no frame_skip"),
        ({"frames_per_second": 0}, "no rate"),
        ({"max_steps": True}, "no max_steps"),
    ],
)
def test_what_is_no_game_is_refused(changed, fault):
    with pytest.raises(Malformed, match=fault):
        facts.from_json(facts.to_json(WORLDS[-1]) | changed)


def test_a_known_game_with_other_facts_is_refused():
    with pytest.raises(Malformed, match="is not carracing as this version plays it"):
        facts.from_json(facts.to_json(CARRACING) | {"crop": [0, 0, 0, 0]})
    with pytest.raises(Malformed, match="is no table"):
        facts.from_json("carracing")
