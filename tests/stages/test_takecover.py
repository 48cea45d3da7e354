"""All stages and tools on the real TakeCover: its actions, its deaths, its scores."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
from support import commands, synthetic

pytest.importorskip(
    "vizdoom", reason="the game is missing: pip install --editable '.[doom]'"
)

from worldmodels.environments.games import TAKECOVER
from worldmodels.stages import export
from worldmodels.stages.rollouts import APART
from worldmodels.stores import networks
from worldmodels.stores.artifact import open_artifact
from worldmodels.tools import drive, evaluate

pytestmark = pytest.mark.slow

STEPS = 180  # some of the episodes end before, by death
GAME = ["--set=environment.name=takecover", f"--set=environment.max_steps={STEPS}"]
LEARNT = [
    "--set=environment.name=takecover",
    "--set=environment.backend=gymnasium",
]  # where it is learnt


def rollouts(folder, *options, run=commands.call):
    out = folder / "rollouts-0.zarr"
    files = [
        *commands.POOL,
        *LEARNT,
        "--set=rollouts.episodes_per_shard=6",
        "--out",
        out,
    ]
    run("rollouts", *files, f"--set=rollouts.steps={STEPS}", *options)
    return out


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Every stage once, those that play by their commands, and the agent of them."""
    folder = tmp_path_factory.mktemp("takecover")
    shard = rollouts(folder, "--set=rollouts.policy=held", run=commands.run)
    networks = commands.networks(folder, [shard], commands.call)
    (folder / "controller").mkdir()
    options = [
        *GAME,
        *LEARNT,
        "--set=controller.inputs=z_c_h",
        "--set=controller.bias=false",
        "--set=controller.centred=false",
        "--set=controller.sample_z=true",
        "--set=controller.initial_steps=12",
    ]
    block = commands.block(folder / "controller/block-0000.zarr", networks, *options)
    scores = folder / "evaluation.zarr"
    files = ["--vision", networks.vision, "--memory", networks.memory]
    files += [
        "--controller",
        block,
        "--set=evaluation.random_policy=held_uniform",
        "--set=evaluation.episodes=3",
    ]
    commands.run("evaluation", *commands.ENVIRONMENT, *GAME, *files, "--out", scores)
    agent = folder / "agent.zarr"
    export.run(controller=[block.parent], out=agent)
    return SimpleNamespace(
        folder=folder, networks=networks, block=block, scores=scores, agent=agent
    )


def test_rollouts_hold_raw_actions_and_deaths(made):
    """A death is where an episode ends before its time, and nowhere else."""
    store = open_artifact(made.networks.shards[0], "rollouts")
    length, terminated = store.read("length"), store.read("terminated")
    died = length < STEPS
    assert 0 < died.sum() < len(length)
    for episode, steps in enumerate(length):
        assert not terminated[episode, : steps - 1].any()
        assert terminated[episode, steps - 1] == died[episode]
        assert not terminated[episode, steps:].any()
        rewards = store.read("rewards", episode)
        np.testing.assert_array_equal(rewards, np.arange(STEPS) < steps)
    actions = store.read("actions")
    assert actions.shape == (6, STEPS, 1)
    distinct = np.unique(np.abs(actions[0, : length[0]]))
    assert 5 < len(distinct) < length[0] / 2  # held, and any numbers, not -1, 0, 1
    frames = store.read("frames", 0)[: length[0]]
    assert frames.std(axis=0).max() > 10  # something moves


def test_short_episodes_are_driven_again(made, tmp_path):
    """Long ones stay as they are; those in the places of the others are longer."""
    before = open_artifact(made.networks.shards[0], "rollouts")
    lengths = before.read("length")
    least = int(np.median(lengths))
    options = ["--set=rollouts.policy=held", f"--set=rollouts.min_steps={least}"]
    store = open_artifact(rollouts(tmp_path, *options), "rollouts")
    seed, length = store.read("seed"), store.read("length")
    short = lengths < least
    assert short.any()
    assert (length >= least).all()
    attempts, rest = np.divmod(seed - before.read("seed"), APART)
    assert not rest.any()
    np.testing.assert_array_equal(attempts > 0, short)
    for episode in np.flatnonzero(~short):
        frames = (s.read("frames", int(episode)) for s in (before, store))
        np.testing.assert_array_equal(*frames)


def test_m_reads_the_raw_action_and_c_has_no_bias(made):
    memory = open_artifact(made.networks.memory, "memory")
    assert memory.config["action_size"] == 1
    block = open_artifact(made.block, "controller")
    assert block.config["bias"] is False
    latents = open_artifact(made.networks.latents[0], "latents")
    rolled = open_artifact(made.networks.shards[0], "rollouts")
    for name in ("actions", "terminated"):
        np.testing.assert_array_equal(latents.read(name), rolled.read(name))
    vision = open_artifact(made.networks.vision, "vision")
    agent, _ = networks.load_agent(vision, memory, block.config, block.game)
    assert agent.controller.game is TAKECOVER
    # z of 4; c and h of 8.
    assert agent.controller.parameter_count == block.array("mean").shape[1] == 4 + 2 * 8


def test_the_score_is_the_real_games_alone(made):
    store = open_artifact(made.scores, "evaluation")
    for driver in ("agent", "random"):
        returns, length = (
            store.read(f"{driver}/returns"),
            store.read(f"{driver}/length"),
        )
        np.testing.assert_array_equal(returns, length)
        assert store.read(f"{driver}/actions").shape == (3, STEPS, 1)
    assert not store.names("simulator")
    # The random policy's is no copy of the agent's.
    agent, random = (store.read(f"{d}/actions") for d in ("agent", "random"))
    assert (agent != random).any()


def test_the_agent_of_a_store_plays_as_it_was_scored(made, tmp_path, capsys):
    """evaluate, which takes the real game alone, on the evaluation's episodes."""
    out = tmp_path / "scores.zarr"
    evaluate.run(pretrained=made.agent, episodes=3, workers=1, out=out)
    told = capsys.readouterr().out
    assert told.startswith(f"survival in tics of {made.agent} on 3 unseen episodes;")
    assert "simulator" not in told
    store, scored = (open_artifact(s, "evaluation") for s in (out, made.scores))
    (mean,) = re.findall(r"^gymnasium +(\d+\.\d)", told, re.MULTILINE)
    assert mean == f"{store.read('agent/returns').mean():.1f}"
    assert not store.names("simulator")
    # The agent store's weights are rounded.
    first, other = (s.read("agent/actions")[:, :10] for s in (store, scored))
    np.testing.assert_allclose(first, other, atol=0.02)
    assert np.abs(other).max() > 0.05
    asked = ["--pretrained", made.agent, "--backend=simulator", "--workers=2"]
    sentence = commands.call_refused("evaluate", *asked)
    assert "takecover has no simulator" in sentence


def test_the_agent_is_filmed(made, tmp_path, capsys):
    drive.run(pretrained=made.agent, seed=7, steps=9, out=tmp_path / "film.gif")
    told = capsys.readouterr().out
    assert told.startswith("survival in tics 9.0 in 9 steps, episode of seed 7;")


def test_the_next_rounds_rollouts_are_the_controllers(made, tmp_path):
    """Round 1: driven by round 0's agent, with noise within the game's bounds."""
    agent = ["--vision", made.networks.vision, "--memory", made.networks.memory]
    agent += [
        "--controller",
        made.block,
        "--round=1",
        "--set=rollouts.action_noise=2.0",
    ]
    store = open_artifact(
        rollouts(tmp_path, *agent, "--set=rollouts.steps=20"), "rollouts"
    )
    actions = store.read("actions")
    assert (np.abs(actions) <= 1).all()
    assert (np.abs(actions) == 1).any()


def test_what_does_not_go_together_is_refused_in_one_sentence(tmp_path):
    out = ["--out", tmp_path / "x.zarr"]
    sentence = commands.refused("rollouts", "--set=environment.name=takecover", *out)
    assert "takecover has none: it must be gymnasium" in sentence
    rng = np.random.default_rng(0)
    v_store, m_store = (
        make(tmp_path, 0, (), rng)
        for make in (synthetic.make_vision, synthetic.make_memory)
    )
    files = ["--vision", v_store.path, "--memory", m_store.path]  # of the other game
    files += ["--checkpoint", tmp_path / "c.ckpt", "--workers=2"]
    files += ["--set=controller.initial_steps=0", "--set=controller.centred=false"]
    sentence = commands.call_refused("controller", *GAME, *LEARNT, *files, *out)
    assert "is of carracing" in sentence
    assert "the settings ask for takecover" in sentence
