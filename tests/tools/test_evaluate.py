"""evaluate: a pretrained agent's returns on test tracks, in both backends."""

import re
import subprocess

import jax
import numpy as np
import pytest
from support import commands, synthetic

from worldmodels.environments import EnvironmentSpec
from worldmodels.environments.processes.pool import EnvironmentPool
from worldmodels.rollout import arenas, in_simulator
from worldmodels.runtime.errors import UserError
from worldmodels.runtime.randomness import Purpose, episode_seeds
from worldmodels.scores.statistics import summarise
from worldmodels.stores import networks
from worldmodels.stores.artifact import open_artifact
from worldmodels.tools import evaluate

EPISODES = 3

pytestmark = pytest.mark.slow  # whole drives in both backends


@pytest.fixture(scope="module")
def evaluated(pretrained):
    """An evaluation by the real command, and what it printed."""
    out = pretrained.with_name("scores.zarr")
    files = ["--pretrained", pretrained, "--out", out]
    command = commands.command("evaluate", *files, "--episodes=3", "--workers=2")
    answer = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert answer.returncode == 0, answer.stderr
    assert "evaluate 6/6" in answer.stderr  # both backends' episodes, as they came
    return open_artifact(out, "evaluation"), answer.stdout


@pytest.fixture(scope="module")
def rounded(stores):
    """The agent of the round's own stores, rounded here: as it is to be shipped."""
    agent, weights = networks.load_agent(
        stores.vision, stores.memory, (c := stores.controller[0]).config, c.game
    )
    best, generation = networks.best_controller(stores.controller)
    halved = jax.tree.map(
        lambda x: np.asarray(x).astype(np.float16).astype(np.float32), (weights, best)
    )
    return agent, *halved, generation


def test_it_drives_the_test_tracks_with_the_shipped_weights(evaluated, rounded):
    store, _ = evaluated
    agent, weights, best, generation = rounded
    seeds = episode_seeds(Purpose.TEST, 0, 0, 0, EPISODES)
    np.testing.assert_array_equal(store.read("agent/seed"), seeds)
    np.testing.assert_array_equal(store.read("simulator/seed"), seeds)
    np.testing.assert_array_equal(store.read("controller"), best)
    assert store.read("generation") == generation
    slots, steps = synthetic.SETTINGS.environment.slots, synthetic.STEPS
    spec = EnvironmentSpec("carracing", max_steps=steps)
    with EnvironmentPool(spec, slots=slots, workers=1) as pool:
        real = arenas.gymnasium(pool, agent, weights)(best[None], seeds, steps)
    np.testing.assert_array_equal(store.read("agent/returns"), real[0])
    assert (store.read("agent/length") == steps).all()
    score = arenas.simulator(agent, weights, in_simulator.exact)
    simulated = score(best[None], seeds, steps)
    np.testing.assert_allclose(store.read("simulator/returns"), simulated[0], atol=1e-3)


def test_it_prints_each_backend_and_their_difference_track_by_track(evaluated):
    store, told = evaluated
    real, simulated = store.read("agent/returns"), store.read("simulator/returns")
    expected = {
        "gymnasium": real,
        "simulator": simulated,
        "simulator - gymnasium": simulated - real,
    }
    assert f"on {EPISODES} unseen tracks" in told
    for name, values in expected.items():
        numbers = r"(-?\d+\.\d) +(-?\d+\.\d) to (-?\d+\.\d)" + r" +(-?\d+\.\d)" * 3
        (row,) = re.findall(rf"^{name} +{numbers}$", told, re.MULTILINE)
        found = summarise(values)
        facts = (found.mean, found.low, found.high, found.std)
        facts += (values.min(), values.max())
        assert row == tuple(f"{fact:.1f}" for fact in facts), name


def test_one_backend_alone(pretrained, evaluated, capsys):
    evaluate.run(pretrained=pretrained, episodes=EPISODES, backend="gymnasium")
    told = capsys.readouterr().out
    rows = evaluated[1].splitlines()
    (expected,) = (row.split() for row in rows if row.startswith("gymnasium"))
    assert expected in [row.split() for row in told.splitlines()]
    assert "simulator" not in told


def test_a_bad_request_is_refused_in_one_sentence(stores, pretrained, tmp_path):
    with pytest.raises(UserError, match="at least two tracks"):
        evaluate.run(pretrained=pretrained, episodes=1)
    with pytest.raises(UserError, match="no pretrained agent is there"):
        evaluate.run(pretrained=tmp_path / "none.zarr")
    with pytest.raises(UserError, match="an agent store is needed here"):
        evaluate.run(pretrained=stores.memory.path)
    with pytest.raises(UserError, match=r"did not learn in M's dream; leave --backend"):
        evaluate.run(pretrained=pretrained, backend="dream")
    sentence = commands.refused("evaluate", "--pretrained", tmp_path / "none.zarr")
    assert "none.zarr does not exist" in sentence
