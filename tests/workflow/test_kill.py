"""The driver killed with its whole process tree, in the middle of the real pipeline."""

import time
from pathlib import Path

import psutil
import pytest

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
