"""What a controller that learnt in the dream scores there, beside the real game."""

import re
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest
from support import dream_stores
from support.dream_stores import EPISODES, SETTINGS, STEPS

from worldmodels.report import overview
from worldmodels.report.rounds import group
from worldmodels.rollout import arenas
from worldmodels.runtime.errors import UserError
from worldmodels.runtime.randomness import Purpose, episode_seeds
from worldmodels.scores.statistics import summarise
from worldmodels.stages import export
from worldmodels.stores import agents, networks
from worldmodels.stores.artifact import open_artifact
from worldmodels.tools import evaluate

pytestmark = pytest.mark.slow  # C is evolved first


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    return dream_stores.make(tmp_path_factory.mktemp("experiment"))


@pytest.fixture(scope="module")
def block(stores, tmp_path_factory):
    return dream_stores.evolve(stores, tmp_path_factory.mktemp("controller"))


@pytest.fixture(scope="module")
def scores(stores, block):
    out = block.path.with_name("evaluation.zarr")
    return dream_stores.evaluate(stores, [block], out)


def test_the_selected_mean_dreams_of_the_test_seeds(stores, block, scores):
    seeds = episode_seeds(Purpose.TEST, 0, 0, 0, EPISODES)
    for where in ("dream", "agent"):
        np.testing.assert_array_equal(scores.read(f"{where}/seed"), seeds)
    world = networks.load_dream(stores.memory, stores.latents, SETTINGS.temperature)
    agent, _ = networks.load_agent(
        stores.vision, stores.memory, block.config, block.game
    )
    mean, _ = networks.best_controller([block])
    returns = arenas.dreams(agent, world)(mean[None], seeds, STEPS)
    np.testing.assert_array_equal(scores.read("dream/returns"), returns[0])
    assert np.ptp(returns) > 0


def test_the_store_says_at_what_temperature(stores, scores):
    assert scores.config["train_in"] == "dream"
    assert scores.config["temperature"] == SETTINGS.temperature
    latents = [store.provenance for store in stores.latents]
    assert scores.attributes["inputs"]["latents"] == latents


def test_who_learnt_in_the_game_does_not_dream(stores, tmp_path):
    found = dream_stores.evaluate(
        stores,
        stores.controller,
        tmp_path / "e.zarr",
        memory=stores.memory.path.with_name("memory.zarr"),
    )
    assert found.names("agent")
    assert not found.names("dream")
    assert not {"train_in", "temperature"} & found.config.keys()
    assert "latents" not in found.attributes["inputs"]


def test_a_dream_needs_its_latents_before_anything_is_driven(stores, block, tmp_path):
    with pytest.raises(UserError, match="needs --latents"):
        dream_stores.evaluate(stores, [block], tmp_path / "e.zarr", latents=[])
    assert not list(tmp_path.iterdir())


def test_an_agent_store_dreams_as_it_was_trained_to(stores, block, tmp_path, capsys):
    """With rounded weights, in the dream of the M that it carries."""
    shipped, out = tmp_path / "agent.zarr", tmp_path / "scores.zarr"
    files = {"vision": stores.vision.path, "memory": stores.memory.path}
    export.run(controller=[block.path], **files, out=shipped)
    assert "latents" in open_artifact(shipped).attributes["inputs"]
    evaluate.run(pretrained=shipped, episodes=EPISODES, backend="dream", out=out)
    store = open_artifact(out, "evaluation")
    world = networks.load_dream(stores.memory, stores.latents, SETTINGS.temperature)
    world = replace(world, params=jax.tree.map(rounded, world.params))
    made = stores.vision, stores.memory, block.config, block.game
    agent = networks.load_agent(*made)[0]
    mean = rounded(networks.best_controller([block])[0])
    seeds = episode_seeds(Purpose.TEST, 0, 0, 0, EPISODES)
    returns = arenas.dreams(agent, world)(mean[None], seeds, STEPS)
    np.testing.assert_array_equal(store.read("dream/returns"), returns[0])
    assert store.config["temperature"] == SETTINGS.temperature
    lines = capsys.readouterr().out.splitlines()
    (row,) = (line.split() for line in lines if line.startswith("dream "))
    assert row[1] == f"{returns.mean():.1f}"


def rounded(values):
    return np.asarray(values).astype(np.float16).astype(np.float32)


def test_the_rule_of_death_goes_with_the_controller(stores, block, tmp_path):
    """From C's setting to its own scores and its agent store, by M's own weight."""
    settings = SETTINGS.changed(death="threshold")
    learnt = dream_stores.evolve(stores, tmp_path, settings=settings)
    scores = dream_stores.evaluate(stores, [learnt], tmp_path / "evaluation.zarr")
    assert scores.config["death"] == "threshold"
    made = stores.vision, stores.memory, learnt.config, learnt.game
    agent, _ = networks.load_agent(*made)
    mean, _ = networks.best_controller([learnt])
    drawn = networks.load_dream(stores.memory, stores.latents, SETTINGS.temperature)
    assert drawn.death_threshold is None
    threshold = -np.log(dream_stores.DEATH_WEIGHT)
    found = [
        arenas.dreams(agent, replace(drawn, death_threshold=rule))(
            mean[None], scores.read("dream/seed"), STEPS
        )[0]
        for rule in (threshold, None)
    ]
    np.testing.assert_array_equal(scores.read("dream/returns"), found[0])
    assert (found[0] != found[1]).any()
    for made, kept in ((learnt, pytest.approx(threshold)), (block, None)):
        store = tmp_path / f"agent-{made.config['death']}.zarr"
        files = {"vision": stores.vision.path, "memory": stores.memory.path}
        export.run(controller=[made.path], **files, out=store)
        assert agents.from_pretrained(store).dream.death_threshold == kept


def test_an_agent_store_is_scored_wherever_it_can_be(stores, block, tmp_path, capsys):
    agent = tmp_path / "agent.zarr"
    files = {"vision": stores.vision.path, "memory": stores.memory.path}
    export.run(controller=[block.path], **files, out=agent)
    evaluate.run(pretrained=agent, episodes=EPISODES, workers=1)
    told = capsys.readouterr().out
    names = ["gymnasium", "simulator", "dream", "simulator - gymnasium"]
    for name in [*names, "dream - gymnasium"]:
        assert re.search(rf"^{name} +-?\d", told, re.MULTILINE), name


def test_a_run_ends_with_the_dreams_score_beside_the_games(scores):
    _, _, line, _ = overview.summary(group([scores]), Path("x")).splitlines()
    real, dreamt = (scores.read(f"{where}/returns") for where in ("agent", "dream"))
    found, gap = summarise(dreamt), summarise(dreamt - real)
    assert line.startswith(
        f"  in M's dream at temperature 1.3, of the same seeds: {found.mean:.1f} (95 %"
    )
    assert f"dream less gymnasium {gap.mean:+.1f} (95 %" in line
