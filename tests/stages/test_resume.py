"""Kill anything: after SIGKILL the same command goes on, and the result is the same."""

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from support import commands
from support.resumed import assert_same_arrays, read_checkpoint, steps_saved

from worldmodels.stores.artifact import open_artifact


@pytest.fixture
def inputs(learnt) -> dict[str, Path]:
    """Stores that the killed stages start from."""
    return {
        "rollouts": learnt.shards[0],
        "vision": learnt.vision,
        "latents": learnt.latents[0],
        "memory": learnt.memory,
    }


def kill_when(appears, words: list[str]) -> None:
    """Start a command and SIGKILL its process as soon as `appears()` is true."""
    process = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not appears():
        assert process.poll() is None, "the command ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()


def resumed_at(log: Path) -> int:
    """Return where the log says that the last run began."""
    first = log.read_text().splitlines()[0]
    return int(re.search(r" (\d+)/\d+", first)[1])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stage", "sizes", "source"),
    [
        ("vision", [*commands.VISION, "--set=vision.epochs=40"], "rollouts"),
        ("memory", [*commands.MEMORY, "--set=memory.epochs=200"], "latents"),
        # The whole memory of a DNC goes from window to window.
        (
            "memory",
            [
                *commands.MEMORY,
                "--set=memory.epochs=100",
                "--set=memory.window=6",
                "--set=memory.cell=dnc",
                "--set=memory.dnc={slots: 5, word_size: 3, read_heads: 2}",
            ],
            "latents",
        ),
    ],
    ids=["vision", "memory", "dnc"],
)
def test_a_killed_training_goes_on_from_its_checkpoint(
    tmp_path, inputs, stage, sizes, source
):
    words = [*sizes, f"--{source}", inputs[source], "--checkpoint-seconds=0"]
    whole, killed, log = tmp_path / "whole", tmp_path / "killed", tmp_path / "log"
    checkpoint = tmp_path / "killed.ckpt"
    commands.call(stage, *words, "--checkpoint", tmp_path / "a.ckpt", "--out", whole)
    again = [*words, "--checkpoint", checkpoint, "--out", killed]
    kill_when(lambda: steps_saved(checkpoint) >= 8, commands.command(stage, *again))
    saved = steps_saved(checkpoint)
    assert not killed.exists()
    commands.run(stage, *again, "--log", log)
    assert resumed_at(log) == saved
    assert_same_arrays(whole, killed)


def test_a_lost_store_is_published_again_without_its_training(learnt, tmp_path):
    """Snakemake deletes what a killed driver did not count as done."""
    out, log = tmp_path / "memory.zarr", tmp_path / "log"
    words = [*commands.MEMORY, "--set=memory.epochs=2", "--latents", *learnt.latents]
    words += ["--checkpoint", tmp_path / "m.ckpt", "--out", out]
    commands.call("memory", *words)
    shutil.copytree(out, tmp_path / "first.zarr")
    shutil.rmtree(out)
    commands.call("memory", *words, "--log", log)
    assert resumed_at(log) == steps_saved(tmp_path / "m.ckpt") > 0
    assert_same_arrays(tmp_path / "first.zarr", out)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_training_goes_on_where_it_was(tmp_path, inputs, number):
    out, log, checkpoint = (tmp_path / name for name in ("out", "log", "c.ckpt"))
    words = [
        *commands.MEMORY,
        "--set=memory.epochs=200000",
        "--latents",
        inputs["latents"],
    ]
    words += ["--checkpoint", checkpoint, "--out", out, "--log", log]
    process = subprocess.Popen(
        commands.command("memory", *words, "--checkpoint-seconds=3600"),
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while not log.exists():  # it learns
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(2)
    process.send_signal(number)
    _, told = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert "stopped: the same command goes on where it was" in told
    assert steps_saved(checkpoint) > 0
    assert sorted(os.listdir(tmp_path)) == ["c.ckpt", "c.ckpt.lock", "log", "tries"]


@pytest.mark.slow
def test_a_killed_controller_does_no_generation_again(tmp_path, inputs, learnt):
    # Enough of them that the simulator is not done before it is killed.
    sizes = [
        *commands.CONTROLLER,
        "--set=controller.generations_per_block=8",
        *commands.ENVIRONMENT,
    ]
    words = [*sizes, "--vision", inputs["vision"], "--memory", inputs["memory"]]
    words += ["--latents", *learnt.latents]
    whole, killed, log = tmp_path / "whole", tmp_path / "killed", tmp_path / "log"
    checkpoint = tmp_path / "killed.ckpt"
    first = ["--checkpoint", tmp_path / "a.ckpt", "--out", whole]
    commands.call("controller", *words, *first)
    again = [*words, "--checkpoint", checkpoint, "--out", killed]
    kill_when(checkpoint.exists, commands.command("controller", *again))
    saved = int(read_checkpoint(checkpoint)["search"]["cma"]["generation"])
    assert not killed.exists()
    commands.run("controller", *again, "--log", log)
    assert resumed_at(log) == saved
    assert_same_arrays(whole, killed)


# What is there when a shard is killed: the simulator has all frames at once, after it
# has compiled its program; gymnasium's come one episode after another.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("backend", "made"), [("simulator", ""), ("gymnasium", "frames")]
)
def test_a_killed_shard_is_driven_again_and_is_the_same(
    tmp_path, inputs, backend, made
):
    whole = inputs["rollouts"]
    if backend == "gymnasium":
        whole = commands.rollouts(tmp_path, backend=backend, run=commands.call)
    sizes = [f"--set=environment.backend={backend}", *commands.ROLLOUTS]
    out = tmp_path / "shard.zarr"
    partial = tmp_path / ".shard.zarr.partial"
    words = commands.command("rollouts", *sizes, "--out", out)
    kill_when((partial / made).exists, words)
    assert not out.exists()
    commands.run("rollouts", *sizes, "--out", out)
    assert_same_arrays(whole, out)
    assert not partial.exists()


@pytest.mark.slow
def test_a_checkpoint_of_other_settings_is_not_continued(tmp_path, inputs):
    checkpoint, out = tmp_path / "c.ckpt", tmp_path / "out"
    words = [
        *commands.MEMORY,
        "--set=memory.epochs=200",
        "--latents",
        inputs["latents"],
    ]
    words += ["--checkpoint-seconds=0", "--checkpoint", checkpoint, "--out", out]
    kill_when(lambda: steps_saved(checkpoint) >= 4, commands.command("memory", *words))
    log = tmp_path / "log"
    commands.run(
        "memory",
        *words,
        "--set=memory.learning_rate=0.01",
        "--set=memory.epochs=1",
        "--log",
        log,
    )
    assert open_artifact(out).array("history/nll").shape == (2,)


def test_workers_end_with_a_killed_stage(tmp_path):
    """No process of the stage's is left behind to simulate for nobody."""
    sizes = [
        "--set=rollouts.episodes_per_shard=400",
        "--set=rollouts.steps=20",
        *commands.POOL,
    ]
    sizes += ["--set=environment.backend=gymnasium"]
    out = tmp_path / "shard.zarr"
    words = commands.command("rollouts", *sizes, "--out", out)
    process = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    partial = tmp_path / ".shard.zarr.partial"
    while not (partial / "frames").exists():
        time.sleep(0.01)
    workers = children(process.pid)
    assert workers
    process.send_signal(signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 20
    while any(is_running(worker) for worker in workers):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def children(pid: int) -> list[int]:
    """Return the processes that `pid` has started."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(word) for word in (task / "children").read_text().split()]
    return found


def is_running(pid: int) -> bool:
    """Tell whether a process is there and not only waiting to be reaped."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rsplit(")", 1)[1].split()[0] != "Z" and os.path.exists(f"/proc/{pid}")
