"""A stage that cannot do its work says so in one sentence and leaves no store."""

import os
import shutil
from pathlib import Path

import pytest
from support import commands

from worldmodels.stores.artifact import open_artifact


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set=vision.epochs=ten"], "vision.epochs is 'ten'"),
        (["--set=vision.epochs=-1"], "at least 0"),
        (["--set=vision.learning_rate=-1"], "above 0"),
        (["--set=dtype=float16"], "one of float32, float64"),
        (["--set=vision.channels=[4,x]"], "vision.channels[1] is 'x'"),
        (["--set=vision.channels=4"], "a list of 4"),
        (["--set=memory.epochs=4"], "not a setting that vision uses"),
        (["--set=vision.warm_start=true"], "not a setting that vision uses"),
        (["--set=epochs"], "--set takes KEY=VALUE"),
        (["--settings={"], "must be a JSON object"),
    ],
)
def test_bad_settings_are_refused_in_one_sentence(tmp_path, arguments, words):
    files = ["--rollouts", tmp_path, "--checkpoint", tmp_path / "c", "--out"]
    assert words in commands.call_refused("vision", *arguments, *files, tmp_path / "v")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["--set=controller.generations_per_block=12"],
            "controller.generations_per_block is 12; it must be a multiple of "
            "controller.select_every, which is 5",
        ),
        (
            ["--set=controller.initial_steps=2000"],
            "controller.initial_steps is 2000; it must be at most "
            "environment.max_steps, which is 1000",
        ),
    ],
)
def test_settings_that_do_not_go_together_are_refused(tmp_path, arguments, words):
    """Before anything is opened, and long before it is lost."""
    files = ["--vision", tmp_path, "--memory", tmp_path, "--out", tmp_path / "b"]
    files += ["--checkpoint", tmp_path / "c", "--workers=2"]
    assert words in commands.call_refused("controller", *arguments, *files)


def test_a_block_goes_on_from_the_one_before_it(stores, tmp_path):
    given = ["--vision", stores.vision.path, "--memory", stores.memory.path]
    given += [
        "--previous",
        stores.controller[0].path,
        "--set=controller.select_every=2",
    ]
    given += ["--checkpoint", tmp_path / "c", "--out", tmp_path / "b", "--workers=2"]
    size = stores.controller[0].config["generations_per_block"]
    for block, generations in ((2, size), (1, 2 * size)):
        sizes = [
            f"--block={block}",
            f"--set=controller.generations_per_block={generations}",
        ]
        sentence = commands.call_refused("controller", *given, *sizes)
        assert f"is block 0 of {size} generations" in sentence
        assert "give that one as --previous" in sentence


def test_a_later_round_needs_its_controller(tmp_path):
    options = ["--round=1", "--out", tmp_path / "round-1.zarr"]
    assert "--controller" in commands.refused("rollouts", *options)


def test_a_store_of_another_kind_is_refused(learnt, tmp_path):
    files = ["--vision", learnt.memory, "--rollouts", learnt.shards[0]]
    sentence = commands.call_refused("latents", *files, "--out", tmp_path / "x.zarr")
    assert "is a memory store; a vision store is needed here" in sentence
    assert not (tmp_path / "x.zarr").exists()


def truncate(chunk: Path) -> None:
    os.truncate(chunk, chunk.stat().st_size // 2)


def flip_a_bit(chunk: Path) -> None:
    content = bytearray(chunk.read_bytes())
    content[len(content) // 2] ^= 1
    chunk.write_bytes(content)


@pytest.mark.parametrize("damage", [truncate, Path.unlink, flip_a_bit])
def test_a_damaged_store_is_refused_by_the_stage_that_reads_it(
    learnt, tmp_path, damage
):
    damaged, out = tmp_path / "latents.zarr", tmp_path / "memory.zarr"
    shutil.copytree(learnt.latents[0], damaged)
    damage(damaged / "mu" / "c.0.0.0")
    files = ["--latents", damaged, "--checkpoint", tmp_path / "c", "--out", out]
    sentence = commands.call_refused(
        "memory", *commands.MEMORY, "--set=memory.epochs=1", *files
    )
    assert str(damaged) in sentence
    assert "run its stage again" in sentence
    assert not out.exists()


def test_a_full_disk_ends_a_stage_with_one_sentence(small_disk):
    (small_disk / "filler").write_bytes(bytes(900_000))
    out = small_disk / "rollouts.zarr"
    sizes = [
        "--set=rollouts.episodes_per_shard=8",
        "--set=rollouts.steps=24",
        *commands.POOL,
    ]
    sizes += ["--set=environment.backend=gymnasium"]  # which starts faster
    assert "the disk is full" in commands.refused("rollouts", *sizes, "--out", out)
    (small_disk / "filler").unlink()
    commands.call("rollouts", *sizes, "--out", out)
    assert open_artifact(out).array("frames").shape[0] == 8
