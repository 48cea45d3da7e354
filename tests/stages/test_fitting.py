"""The stages that train V and M: their curves, their first weights, their failures."""

import re

import jax
import numpy as np
import pytest
from support import commands

from worldmodels.models import memory
from worldmodels.runtime.randomness import key_for
from worldmodels.stores import networks
from worldmodels.stores.artifact import open_artifact


def test_histories_hold_every_update(learnt):
    seen = open_artifact(learnt.vision, "vision")
    assert seen.array("history/loss").shape == (2 * 4 * 20 // 10,)
    total = seen.read("history/recon") + seen.read("history/kl")
    np.testing.assert_allclose(seen.read("history/loss"), total, rtol=1e-4)
    remembered = open_artifact(learnt.memory, "memory")
    assert remembered.array("history/nll").shape == (2 * 8 // 2,)
    assert (remembered.read("history/grad_norm") > 0).all()


def test_an_untrained_memory_has_its_initial_weights(learnt, tmp_path):
    out = tmp_path / "untrained.zarr"
    files = ["--latents", *learnt.latents, "--checkpoint", tmp_path / "u.ckpt"]
    commands.call(
        "memory", *commands.MEMORY, "--set=memory.epochs=0", *files, "--out", out
    )
    store = open_artifact(out, "memory")
    model = networks.memory_model(store.config)
    expected = memory.initial(key_for(0, 0, "memory weights"), model)
    jax.tree.map(np.testing.assert_array_equal, store.tree("params"), expected)
    assert store.array("history/nll").shape == (1,)


@pytest.mark.slow
def test_warm_start_begins_with_the_weights_of_the_round_before(learnt, tmp_path):
    out = tmp_path / "warm.zarr"
    files = ["--rollouts", learnt.shards[0], "--start", learnt.vision]
    files += ["--checkpoint", tmp_path / "warm.ckpt", "--out", out]
    sizes = [*commands.VISION, "--set=vision.epochs=0"]  # and stays with them
    commands.call("vision", "--round=1", *sizes, *files)
    before = open_artifact(learnt.vision).tree("params")
    after = open_artifact(out)
    jax.tree.map(np.testing.assert_array_equal, after.tree("params"), before)
    assert after.array("history/loss").shape == (1,)
    larger = [s for s in sizes if "latent" not in s] + ["--set=vision.latent_size=5"]
    sentence = commands.call_refused("vision", "--round=1", *larger, *files)
    assert "latent_size" in sentence


@pytest.mark.slow
def test_double_precision_reaches_every_parameter(learnt, tmp_path):
    out = tmp_path / "double.zarr"
    files = ["--rollouts", learnt.shards[0], "--checkpoint", tmp_path / "d.ckpt"]
    sizes = [
        *commands.VISION,
        "--set=vision.epochs=1",
        "--set=dtype=float64",
        "--set=debug=true",
    ]
    commands.run("vision", *sizes, *files, "--out", out)
    store = open_artifact(out)
    assert {store.array(n).dtype for n in store.names("params")} == {np.dtype("f8")}
    norms = [n for n in store.names("history") if "grad_norm." in n]
    assert len(norms) == len(store.names("params"))


@pytest.mark.slow
def test_a_whole_round_in_double_precision_drives_the_next(learnt, tmp_path):
    """V, M and C alone: the simulator and its frames are what they always are."""

    def double(stage, *arguments):
        commands.run(stage, *arguments, "--set=dtype=float64")

    made = commands.networks(tmp_path, learnt.shards, double)
    block = commands.block(tmp_path / "block.zarr", made, run=double)
    assert open_artifact(block).array("mean").dtype == np.float64
    commands.evaluation(tmp_path / "evaluation.zarr", made, [block], double)
    agent = ["--vision", made.vision, "--memory", made.memory, "--controller", block]
    out = tmp_path / "rollouts-1.zarr"
    double("rollouts", "--round=1", *commands.ROLLOUTS, *agent, "--out", out)
    store = open_artifact(out)
    assert store.array("frames").dtype == np.uint8
    assert store.array("actions").dtype == np.float32
    assert np.isfinite(store.read("rewards")).all()


def test_a_batch_larger_than_the_data_is_refused(learnt, tmp_path):
    files = ["--rollouts", learnt.shards[0], "--checkpoint", tmp_path / "x.ckpt"]
    sizes = ["--set=vision.batch_size=1000", "--set=vision.epochs=1"]
    out = tmp_path / "x.zarr"
    assert "batch" in commands.call_refused("vision", *sizes, *files, "--out", out)


def test_a_loss_that_is_not_finite_stops_the_training(learnt, tmp_path):
    files = ["--rollouts", learnt.shards[0], "--checkpoint", tmp_path / "nan.ckpt"]
    sizes = [
        *commands.VISION,
        "--set=vision.epochs=5",
        "--set=vision.learning_rate=1000",
    ]
    out = tmp_path / "nan.zarr"
    sentence = commands.call_refused("vision", *sizes, *files, "--out", out)
    assert "the loss of vision is" in sentence
    assert re.search(r"; the first gradients .* encoder.* from input to out", sentence)
    assert "learning_rate" in sentence
    assert not out.exists()
