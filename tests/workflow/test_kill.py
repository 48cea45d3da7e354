"""The driver killed with its whole process tree, in the middle of the real pipeline."""

import time
from pathlib import Path

import psutil
import pytest
from support.resumed import assert_same_arrays, steps_saved

from worldmodels.stores.artifact import open_artifact

SMOKE = ["--cores", "2", "--configfile", "presets/smoke.yaml", "one_round.yaml"]


def kill_tree(pid: int) -> None:
    """SIGKILL a process and all that it has started, workers included."""
    driver = psutil.Process(pid)
    driver.suspend()  # it starts nothing while its children are counted
    victims = [*driver.children(recursive=True), driver]
    for victim in victims:
        victim.kill()
    _, alive = psutil.wait_procs(victims[:-1], timeout=10)
    alive = [p for p in alive if p.status() != psutil.STATUS_ZOMBIE]
    assert not alive


def made(folder: Path) -> dict[str, int]:
    """Return the artifacts that are there and when they were published."""
    stores = folder.glob("results/smoke/round-0/**/*.zarr")
    return {str(s): s.stat().st_ino for s in stores if not s.name.startswith(".")}


@pytest.mark.slow
@pytest.mark.parametrize("point", ["rollouts/shard-001.zarr", "memory.zarr"])
def test_a_killed_run_goes_on_and_makes_nothing_again(real_project, point):
    real_project.write("one_round.yaml", {"rounds": 1})
    process = real_project.snakemake(*SMOKE)
    reached = real_project.folder / "results/smoke/round-0" / point
    deadline = time.monotonic() + 600
    while not reached.exists():
        assert process.poll() is None, process.stdout.read()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(1.5)  # into the stage that follows
    kill_tree(process.pid)
    process.communicate()
    # The artifact that was being finished may be incomplete for Snakemake.
    before = made(real_project.folder)
    before.pop(str(reached))
    status, output = real_project.run("--unlock", *SMOKE)
    assert status == 0, output
    status, output = real_project.run(*SMOKE)
    assert status == 0, output
    after = made(real_project.folder)
    assert before.items() <= after.items()
    assert (real_project.folder / "results/smoke/report/index.html").exists()
    status, output = real_project.run(*SMOKE)
    assert status == 0, output
    assert "Nothing to be done" in output


DNC = {
    "memory": {
        "cell": "dnc",
        "dnc": {"slots": 5, "word_size": 3, "read_heads": 2},
        "epochs": 40,
    },
    "controller": {"inputs": "z_c_h_r", "generations": 1},
}


@pytest.mark.slow
def test_a_dnc_killed_in_its_training_ends_as_an_uninterrupted_one(real_project):
    """Of two rounds, in the second, whose M starts from the first one's."""
    rule = real_project.folder / "rules/memory.smk"
    saves = "worldmodels memory --checkpoint-seconds 0"
    rule.write_text(rule.read_text().replace("worldmodels memory", saves))
    options = ["memory", "--cores", "2", "--configfile", "presets/smoke.yaml"]
    options.append(real_project.write("dnc.yaml", DNC))
    status, output = real_project.run(*options)
    assert status == 0, output
    results = real_project.folder / "results/smoke"
    made, whole = results / "round-1/memory.zarr", real_project.folder / "whole.zarr"
    checkpoint = results / "checkpoints/round-1/memory.ckpt"
    made.rename(whole)
    assert not checkpoint.exists()  # a finished run needs none

    process = real_project.snakemake(*options)
    deadline = time.monotonic() + 600
    while steps_saved(checkpoint) < 8:
        assert process.poll() is None, process.stdout.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    for child in psutil.Process(process.pid).children(recursive=True):
        if "memory" in child.cmdline()[2:3]:
            child.kill()
    process.communicate()
    assert process.returncode
    assert not made.exists()
    assert steps_saved(checkpoint) < len(open_artifact(whole).read("history/loss"))

    status, output = real_project.run(*options)
    assert status == 0, output
    assert_same_arrays(whole, made)
