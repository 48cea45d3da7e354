"""A job that outlives its killed driver: what it learnt is used, and never twice."""

import re
import shutil
import time
from pathlib import Path

import psutil
import pytest

VISION = "results/smoke/round-0/vision.zarr"
LOG = "results/smoke/logs/round-0/vision.log"
CHECKPOINT = "results/smoke/checkpoints/round-0/vision.ckpt"


@pytest.fixture
def words(real_project) -> list[str]:
    """The words that make V of the smoke preset, in some seconds of training."""
    overlay = {"rounds": 1, "vision": {"epochs": 60}}
    files = ["presets/smoke.yaml", real_project.write("longer.yaml", overlay)]
    return [VISION, "--cores", "2", "--configfile", *files]


def appears(path: Path, driver) -> None:
    limit = time.monotonic() + 300
    while not path.exists():
        assert driver.poll() is None, driver.stdout.read()
        assert time.monotonic() < limit
        time.sleep(0.05)


def orphan_in_training(project, words: list[str]) -> psutil.Process:
    """Kill the driver alone while V learns, and return the process that learns.

    It goes on telling its progress to nobody.
    """
    driver = project.snakemake(*words)
    appears(project.folder / LOG, driver)
    (orphan,) = [
        process
        for process in psutil.Process(driver.pid).children(recursive=True)
        if "worldmodels" in " ".join(process.cmdline()[:2])
    ]
    driver.kill()
    driver.wait()
    driver.stdout.close()
    return orphan


def restart(project, words: list[str]) -> tuple[int, str]:
    status, output = project.run("--unlock", *words)
    assert status == 0, output
    return project.run(*words)


def updates(log: Path) -> list[tuple[int, int]]:
    """Return the updates done and those of the whole training, a pair a line."""
    lines = re.findall(r"vision (\d+)/(\d+)", log.read_text())
    return [(int(done), int(total)) for done, total in lines]


@pytest.mark.slow
def test_what_an_orphan_published_is_published_again_at_once(real_project, words):
    orphan = orphan_in_training(real_project, words)
    orphan.wait(300)
    assert (real_project.folder / VISION / "zarr.json").exists()
    # Snakemake has not seen that the job is done, and deletes the store.
    status, output = restart(real_project, words)
    assert status == 0, output
    assert "resources" in output  # the job ran again
    ((first, total), *_) = updates(real_project.folder / LOG)
    assert first == total
    # Done, and counted as done: nothing is left to go on from.
    assert not (real_project.folder / CHECKPOINT).exists()
    status, output = real_project.run(*words)
    assert "Nothing to be done" in output


@pytest.mark.slow
def test_a_second_writer_beside_an_orphan_is_refused(real_project, words):
    orphan = orphan_in_training(real_project, words)
    orphan.suspend()
    try:
        status, output = restart(real_project, words)
    finally:
        orphan.resume()
    assert status != 0
    assert "another process is writing" in output
    orphan.wait(300)
    status, output = restart(real_project, words)
    assert status == 0, output
    tries = real_project.folder / "results/smoke/logs/round-0/tries"
    logs = sorted(tries.glob("vision-*.log"))
    # The first try learnt it all, and no other learnt anything again.
    assert len(logs) > 1
    done, total = updates(logs[0])[-1]
    assert done == total
    assert all(first == total for log in logs[1:] for first, _ in updates(log)[:1])
    status, output = real_project.run(*words)
    assert "Nothing to be done" in output


@pytest.mark.slow
def test_checkpoints_go_when_their_jobs_are_done(project):
    overlay = project.write("small.yaml", {**project.config, "rounds": 1})
    words = ["memory", "--cores", "2", "--configfile", overlay]
    run = project.folder / "results/small"

    def save(*names):
        for name in names:
            (run / f"checkpoints/round-0/{name}.ckpt").write_text("learnt for hours")

    def kept():
        return {path.stem for path in run.glob("checkpoints/round-0/*.ckpt")}

    (run / "checkpoints/round-0").mkdir(parents=True)
    save("vision", "memory", "controller")
    status, output = project.run(*words)
    assert status == 0, output
    assert kept() == {"controller"}
    # Others may be on their way while those that are done are touched.
    save("vision", "memory")
    shutil.rmtree(run / "round-0/memory.zarr")
    status, output = project.run("--touch", *words)
    assert status == 0, output
    assert kept() == {"controller", "memory"}
    # A later block goes on from it.
    first = "results/small/round-0/controller/block-0000.zarr"
    status, output = project.run(first, *words[1:])
    assert status == 0, output
    assert kept() == {"controller"}
    status, output = project.run("controller", *words[1:])
    assert status == 0, output
    assert kept() == set()
