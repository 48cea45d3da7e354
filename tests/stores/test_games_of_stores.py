"""The game that stores are of: said by each, or found behind those that do not say."""

import json

import numpy as np
import pytest
from support import damage, worlds

from worldmodels.environments import facts
from worldmodels.environments.games import CARRACING, View, game_of, imported
from worldmodels.experiment.settings import Environment
from worldmodels.runtime.errors import UserError
from worldmodels.runtime.json_files import Malformed
from worldmodels.stores import layouts, neighbours
from worldmodels.stores.artifact import ArtifactError, open_artifact


def rewritten(store, path, game):
    """Return a copy of a store that says it is of `game`; None: it does not say."""
    copy = damage.remade(store, path)
    root = json.loads((copy / "zarr.json").read_text())
    root["attributes"].pop("game", None)
    if game is not None:
        root["attributes"]["game"] = game
    (copy / "zarr.json").write_text(json.dumps(root))
    return copy


def test_every_store_says_its_game(stores):
    for path in stores.paths:
        root = json.loads((path / "zarr.json").read_text())
        assert root["attributes"]["game"]["name"] == "carracing"
        assert [a["name"] for a in root["attributes"]["game"]["actions"]] == [
            "steer", "gas", "brake",
        ]  # fmt: skip
        assert open_artifact(path).game.name == "carracing"


def test_the_game_of_an_older_store_is_that_of_what_it_was_made_from(tmp_path):
    from support import synthetic

    place = synthetic.make_round(tmp_path)
    for path in place.paths:
        root = json.loads((path / "zarr.json").read_text())
        del root["attributes"]["game"]
        (path / "zarr.json").write_text(json.dumps(root))
    for name in ("vision", "memory"):
        store = open_artifact(getattr(place, name).path)
        assert store.game is None
        assert neighbours.game_of(store).name == "carracing"
    assert open_artifact(place.evaluation.path).game.name == "carracing"
    for shard in place.rollouts:
        shard.path.rename(tmp_path / shard.path.name)
    assert neighbours.game_of(open_artifact(place.memory.path)) is None


@pytest.mark.parametrize(
    ("game", "words"),
    [
        ({"name": "chess"}, "its game has no known name"),
        (facts.to_json(worlds.game()), "is World-v0 and its setting environment is"),
    ],
)
def test_a_game_that_is_none_is_damage(stores, tmp_path, game, words):
    copy = rewritten(stores.evaluation, tmp_path / "evaluation.zarr", game)
    with pytest.raises(ArtifactError, match=words):
        open_artifact(copy)


def test_settings_ask_for_the_game_of_the_stores(stores):
    m_store = stores.memory
    assert neighbours.check_settings(Environment(), m_store) == m_store.game
    asked = Environment(name="takecover", backend="gymnasium")
    sentence = r"is of carracing \(.*\) and the settings ask for takecover"
    with pytest.raises(UserError, match=sentence):
        neighbours.check_settings(asked, m_store)
    world = asked.changed(name="gymnasium", id="World-v0")
    with pytest.raises(UserError, match="ask for World-v0"):
        neighbours.check_settings(world, m_store)
    original = Environment(view="v0")
    with pytest.raises(UserError, match=r"\(view v3, .* ask for carracing \(view v0, "):
        neighbours.check_settings(original, m_store)


def test_the_view_is_recorded_and_an_older_stores_is_v3(stores, tmp_path):
    game = game_of("carracing", "v0")
    said = facts.to_json(game)
    assert said["view"] == "v0"
    assert facts.from_json(said) == game
    older = {k: v for k, v in facts.to_json(CARRACING).items() if k != "view"}
    assert facts.from_json(older) == CARRACING
    with pytest.raises(Malformed, match="has no known view"):
        facts.from_json(said | {"view": "v1"})
    # A settings' view that is not the game's is damage.
    copy = rewritten(stores.evaluation, tmp_path / "evaluation.zarr", said)
    root = json.loads((copy / "zarr.json").read_text())
    root["attributes"]["config"]["view"] = "v3"
    (copy / "zarr.json").write_text(json.dumps(root))
    with pytest.raises(ArtifactError, match="its setting view is 'v3'"):
        open_artifact(copy)


def test_settings_of_a_study_may_have_the_names_of_a_stages():
    layouts.check_settings("curiosity_train", {"features": 64, "latent_size": "none"})
    with pytest.raises(Malformed, match="its setting features is 64"):
        layouts.check_settings("controller", {"features": 64})


def test_no_settings_ask_for_a_persons_own_episodes(stores, tmp_path):
    bound = np.ones(3, np.float32)
    game = imported(-bound, bound, False, View(), 300)
    copy = rewritten(stores.memory, tmp_path / "memory.zarr", facts.to_json(game))
    with pytest.raises(ArtifactError, match="no game in which C could act"):
        neighbours.check_settings(Environment(), open_artifact(copy))
