"""`memory.cell: gru` through every stage and tool that meets M."""

from types import SimpleNamespace

import numpy as np
import pytest
from support import cells, commands

from worldmodels.models.cells.gru import GRU
from worldmodels.stages import export
from worldmodels.stores import networks
from worldmodels.stores.agents import from_pretrained
from worldmodels.stores.artifact import open_artifact
from worldmodels.tools import dream, drive, inspect

pytestmark = pytest.mark.slow

CELL = ["--set=memory.cell=gru", "--set=memory.epochs=2"]
UNITS, LATENT, ACTION = 8, 4, 3  # see commands.MEMORY


@pytest.fixture(scope="module")
def made(learnt, tmp_path_factory) -> SimpleNamespace:
    """An M with a GRU, a C that learns in the game and one that dreams, a score."""
    return cells.make_round(learnt, tmp_path_factory.mktemp("gru"), CELL)


def test_m_is_a_gru_that_learnt(made):
    store = open_artifact(made.memory, "memory")
    model, params = networks.load_memory(store)
    assert isinstance(model.recurrent, GRU)
    assert params["gru_kernel"].shape == (LATENT + ACTION, 3 * UNITS)
    assert np.isfinite(store.read("history/loss")).all()
    assert np.isfinite(store.read("held_out/nll"))
    fresh = networks.memory.initial(networks.jax.random.key(0), model)
    assert params.keys() == fresh.keys()


def test_c_reads_h_wherever_it_learns(made):
    for path in (made.block, made.dreamt):
        block = open_artifact(path, "controller")
        assert block.config["features"] == {"h": UNITS}
        assert block.array("mean").shape[1] == ACTION * (LATENT + UNITS + 1)
        assert np.unique(block.read("fitness")).size > 1


def test_c_cannot_read_the_c_of_a_gru(made, tmp_path):
    files = [
        "--vision",
        made.vision,
        "--memory",
        made.memory,
        "--set=controller.inputs=z_c_h",
    ]
    files += ["--out", tmp_path / "x.zarr", "--checkpoint", tmp_path / "x.ckpt"]
    sentence = commands.call_refused(
        "controller", *commands.CONTROLLER, *commands.ENVIRONMENT, *files
    )
    assert "controller.inputs is z_c_h; with memory.cell gru it must be" in sentence


def test_m_does_not_start_from_one_of_another_cell(made, learnt, tmp_path):
    files = ["--latents", *learnt.latents, "--start", learnt.memory]
    files += ["--out", tmp_path / "x.zarr", "--checkpoint", tmp_path / "x.ckpt"]
    sentence = commands.call_refused("memory", *commands.MEMORY, *CELL, *files)
    assert "has cell lstm and this training has gru" in sentence


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
    export.run(controller=[made.block], **stores, out=shipped)
    driver = from_pretrained(shipped)
    assert isinstance(driver.agent.memory.recurrent, GRU)
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
    for path in (made.memory, made.block, shipped):
        inspect.run(store=path)
    assert "gru" in capsys.readouterr().out


def test_the_report_tells_of_the_gru(made, tmp_path):
    page = tmp_path / "report/index.html"
    stores = [*made.shards, made.vision, *made.latents, made.memory, made.block]
    commands.call("report", *stores, made.evaluation, "--out", page)
    assert "the mixture-density GRU" in page.read_text()
