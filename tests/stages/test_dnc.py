"""`memory.cell: dnc` through every stage and tool that meets M."""

from types import SimpleNamespace

import numpy as np
import pytest
from support import cells, commands
from support.damage import edited, set_setting

import worldmodels
from worldmodels.experiment.network_settings import DNC as Slots
from worldmodels.models import memory
from worldmodels.models.cells.dnc import DNC
from worldmodels.runtime.randomness import key_for
from worldmodels.stages import export
from worldmodels.stores import networks
from worldmodels.stores.agents import from_pretrained
from worldmodels.stores.artifact import ArtifactError, open_artifact
from worldmodels.tools import dream, drive, evaluate, inspect

pytestmark = pytest.mark.slow

UNITS, LATENT, ACTION = 8, 4, 3  # see commands.MEMORY
N, W, R = 5, 3, 2  # slots, numbers in a slot, read heads
CELL = [
    "--set=memory.cell=dnc",
    f"--set=memory.dnc={{slots: {N}, word_size: {W}, read_heads: {R}}}",
    "--set=memory.epochs=2",
]
READS = ["--set=controller.inputs=z_c_h_r"]


@pytest.fixture(scope="module")
def made(learnt, tmp_path_factory) -> SimpleNamespace:
    """An M with a DNC, a C that learns in the game and one that dreams, a score."""
    return cells.make_round(learnt, tmp_path_factory.mktemp("dnc"), CELL, READS)


def test_m_is_a_dnc_that_learnt(made):
    store = open_artifact(made.memory, "memory")
    assert Slots(**store.config["dnc"]) == Slots(slots=N, word_size=W, read_heads=R)
    model, params = networks.load_memory(store)
    assert isinstance(model.recurrent, DNC)
    assert params["dnc_kernel"].shape == (LATENT + ACTION + R * W + UNITS, 4 * UNITS)
    assert params["head_kernel"].shape[0] == UNITS + R * W
    assert np.isfinite(store.read("history/loss")).all()
    assert np.isfinite(store.read("held_out/nll"))
    fresh = memory.initial(key_for(0, 0, "memory weights"), model)
    assert params.keys() == fresh.keys()
    # What decides where it writes and reads learns too.
    moved = params["dnc_interface_kernel"] != fresh["dnc_interface_kernel"]
    assert moved.any(axis=0).all()


def test_c_reads_the_reads_wherever_it_learns(made):
    for path in (made.block, made.dreamt):
        block = open_artifact(path, "controller")
        assert block.config["features"] == {"h": UNITS, "c": UNITS, "r": R * W}
        inputs = LATENT + 2 * UNITS + R * W + 1
        assert block.array("mean").shape[1] == ACTION * inputs
        assert np.unique(block.read("fitness")).size > 1


def test_c_cannot_read_the_reads_of_an_lstm(learnt, tmp_path):
    files = ["--vision", learnt.vision, "--memory", learnt.memory, *READS]
    files += ["--out", tmp_path / "x.zarr", "--checkpoint", tmp_path / "x.ckpt"]
    sentence = commands.call_refused(
        "controller", *commands.CONTROLLER, *commands.ENVIRONMENT, *files
    )
    assert "controller.inputs is z_c_h_r; with memory.cell lstm it must be" in sentence


def test_m_starts_from_one_with_an_equal_memory_alone(made, tmp_path):
    files = ["--latents", *made.latents, "--start", made.memory, *commands.MEMORY]
    files += ["--set=memory.reward_head=true", "--out", tmp_path / "x.zarr"]
    files += ["--checkpoint", tmp_path / "x.ckpt", *CELL]
    for name, value in {"slots": N, "word_size": W, "read_heads": R}.items():
        other = f"--set=memory.dnc.{name}={value + 1}"
        sentence = commands.call_refused("memory", *files, other)
        assert f"has dnc.{name} {value} and this training has {value + 1}" in sentence
    assert not (tmp_path / "x.zarr").exists()
    commands.call("memory", *files, "--set=memory.epochs=0")
    before, after = (open_artifact(p) for p in (made.memory, tmp_path / "x.zarr"))
    for name in before.names("params"):
        np.testing.assert_array_equal(before.read(name), after.read(name))


def test_the_next_rounds_rollouts_are_the_agents(made, tmp_path):
    agent = ["--vision", made.vision, "--memory", made.memory]
    agent += ["--controller", made.block, "--round=1"]
    out = tmp_path / "rollouts.zarr"
    commands.call("rollouts", *commands.ROLLOUTS, *agent, "--out", out)
    actions = open_artifact(out, "rollouts").read("actions")
    assert np.isfinite(actions).all()


def test_it_is_scored_exported_driven_dreamt_and_told(made, tmp_path, capsys):
    returns = open_artifact(made.evaluation, "evaluation").read("agent/returns")
    assert np.isfinite(returns).all()
    shipped = tmp_path / "agent.zarr"
    stores = {"vision": made.vision, "memory": made.memory}
    export.run(controller=[made.dreamt], latents=made.latents, **stores, out=shipped)
    driver = from_pretrained(shipped)
    assert driver.agent.memory.recurrent.slots == N
    drive.run(pretrained=shipped, seed=7, steps=5, out=tmp_path / "drive.gif")
    assert "in 5 steps" in capsys.readouterr().out
    dream.run(
        memory=made.memory,
        vision=made.vision,
        latents=made.latents,
        controller=[made.dreamt],
        temperature=1.15,
        steps=5,
        out=tmp_path / "dream.gif",
    )
    assert "in 5 steps of the dream" in capsys.readouterr().out
    evaluate.run(pretrained=shipped, episodes=2, backend="dream")
    assert "dream" in capsys.readouterr().out
    for path in (made.memory, made.block, shipped):
        inspect.run(store=path)
    told = capsys.readouterr().out
    assert "dnc" in told
    assert "slots" in told


def test_the_python_interface_drives_and_dreams_it(made, tmp_path):
    shipped = tmp_path / "agent.zarr"
    stores = {"vision": made.vision, "memory": made.memory}
    export.run(controller=[made.dreamt], latents=made.latents, **stores, out=shipped)
    agent = worldmodels.load_agent(shipped)
    driven = worldmodels.drive(agent, seed=3, steps=4)
    assert driven.actions.shape == (4, ACTION)
    watched = {"watched": driven.actions[:-1], "steps": 6}
    dreamt = worldmodels.dream(agent, driven.frames, **watched)
    assert np.isfinite(dreamt.actions).all()
    assert np.isfinite(dreamt.rewards).all()
    fitted = worldmodels.load_memory(worldmodels.open_store(made.memory, "memory"))
    assert fitted.model.recurrent.word_size == W


def test_a_store_of_another_memory_than_its_weights_is_refused(made, tmp_path):
    store = open_artifact(made.memory, "memory")
    for number, (change, sentence) in enumerate([
        ({"slots": 0}, "its setting dnc.slots is 0"),
        ({"word_size": W + 1}, "params/dnc_interface_bias"),
    ]):  # fmt: skip
        path = tmp_path / f"{number}.zarr"
        edited(store, path, set_setting("dnc", store.config["dnc"] | change))
        with pytest.raises(ArtifactError, match=sentence):
            networks.load_memory(open_artifact(path, "memory"))


def test_the_report_tells_of_the_dnc(made, tmp_path):
    page = tmp_path / "report/index.html"
    stores = [*made.shards, made.vision, *made.latents, made.memory, made.block]
    commands.call("report", *stores, made.evaluation, "--out", page)
    told = page.read_text()
    assert "the mixture-density DNC" in told
    assert f"{N} slots of its memory, {W} numbers in a slot, {R} heads" in told
