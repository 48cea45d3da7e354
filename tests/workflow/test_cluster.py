"""The workflow through a cluster's submit, status and cancel commands.

`support/cluster/` holds such commands for this machine; every job is a process of its
own that reads the workflow anew, as on a real cluster with a shared file system.
"""

import shutil
import signal
import time
from pathlib import Path

import psutil
import pytest
from support.projects import CLUSTER_OPTIONS


@pytest.fixture
def cluster(tmp_path) -> Path:
    """The folder where the cluster keeps one folder a job."""
    folder = tmp_path / "cluster"
    folder.mkdir()
    return folder


def statuses(cluster: Path) -> list[str]:
    return [(job / "status").read_text().strip() for job in cluster.iterdir()]


def small_overlay(project) -> str:
    one_shard = {"rollouts": {"episodes": 2, "episodes_per_shard": 2}}
    return project.write("small.yaml", {**project.config, **one_shard, "rounds": 1})


@pytest.mark.slow
def test_every_job_goes_through_the_cluster(project, cluster):
    overlay = small_overlay(project)
    status, output = project.run(
        "latents", *CLUSTER_OPTIONS, "--configfile", overlay, CLUSTER=str(cluster)
    )
    assert status == 0, output
    assert statuses(cluster) == ["success"] * 3
    made = project.folder / "results/small/round-0/latents"
    assert [store.name for store in made.iterdir()] == ["shard-000.zarr"]


@pytest.mark.slow
def test_a_job_lost_by_the_cluster_is_submitted_again(project, cluster):
    overlay = small_overlay(project)
    status, output = project.run(
        "rollouts", *CLUSTER_OPTIONS, "--retries=1", "--configfile", overlay,
        CLUSTER=str(cluster), STUB_FAILS_ONCE=str(cluster.parent / "failed"),
    )  # fmt: skip
    assert status == 0, output
    assert sorted(statuses(cluster)) == ["failed", "success"]


def test_an_interrupt_cancels_what_runs(project, cluster):
    overlay = small_overlay(project)
    arguments = ["rollouts", *CLUSTER_OPTIONS, "--configfile", overlay]
    stuck = cluster.parent / "stuck"
    with project.snakemake(
        *arguments, CLUSTER=str(cluster), STUB_STICKS=str(stuck)
    ) as driver:
        wait_until(stuck.exists)
        driver.send_signal(signal.SIGINT)
        output, _ = driver.communicate(timeout=60)
    assert driver.returncode != 0, output
    wait_until(lambda: not is_alive(int(stuck.read_text())))


def wait_until(condition, seconds=60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.slow
def test_the_smoke_pipeline_through_the_cluster(real_project, cluster):
    status, output = real_project.run(
        *CLUSTER_OPTIONS, "--configfile", "presets/smoke.yaml", CLUSTER=str(cluster)
    )
    assert status == 0, output
    assert set(statuses(cluster)) == {"success"}
    results = real_project.folder / "results/smoke"
    assert (results / "report/index.html").exists()
    assert (results / "report/summary.txt").read_text() in output
    jobs = len(list(cluster.iterdir()))
    assert jobs == len(list((results / "benchmarks").rglob("*.tsv")))

    status, output = real_project.run("--configfile", "presets/smoke.yaml")
    assert "Nothing to be done" in output

    # Without Snakemake's notes what the real stages recorded is all there is to see.
    shutil.rmtree(real_project.folder / ".snakemake")
    smoke = ["-n", "--configfile", "presets/smoke.yaml"]
    status, output = real_project.run(*smoke)
    assert status == 0, output
    assert "Nothing to be done" in output
    status, output = real_project.run(*smoke, "--config", "seed=1")
    assert status == 1
    assert "block-0000.zarr (seed is 0 there and 1 here)" in output
