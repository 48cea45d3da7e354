"""The cluster profile on a real SLURM, with what happens to jobs on one.

`one_node_slurm` installs and starts it where it can. Small runs of the real stages go
through `profiles/slurm` while their jobs are cancelled, killed, cut off and held up.
"""

import contextlib
import fcntl
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest
from support import projects
from support.commands import REPOSITORY

from worldmodels.stores.artifact import open_artifact

SLURM = Path(projects.__file__).with_name("one_node_slurm")
NONE_HERE = 77  # its status where no SLURM can be had
MEMORY_LOG = "results/small/logs/round-0/memory.log"

# Snakemake imports each plugin that is installed at each start, here and in all other
# tests, so these are installed for this file alone.
PLUGIN = [
    "snakemake-executor-plugin-slurm",
    "snakemake-executor-plugin-slurm-jobstep",
    "pandas",
]

# The sizes of commands.py, whose programs other tests have compiled.
SMALL = {
    "experiment": "small",
    "rounds": 1,
    "environment": {"max_steps": 24, "slots": 4},
    "rollouts": {"episodes": 4, "episodes_per_shard": 4, "steps": 20},
    "vision": {
        "latent_size": 4,
        "channels": [4, 4, 8, 8],
        "decoder_channels": [8, 4, 4],
        "batch_size": 10,
        "epochs": 1,
    },
    "memory": {"hidden_size": 8, "mixtures": 2, "batch_size": 2, "epochs": 2000},
    "controller": {
        "population": 4,
        "rollouts": 2,
        "generations": 3,
        "generations_per_block": 3,
        "select_every": 1,
        "selection_episodes": 4,
        "initial_steps": 12,
        "step_increment": 6,
    },
    "evaluation": {"episodes": 4},
}


class Job(NamedTuple):
    """What SLURM tells of a job."""

    number: str
    state: str
    rule: str


class Site:
    """A project whose profile is filled in for the SLURM of one node."""

    def __init__(self, project, plugin: Path):
        self.project, self.folder = project, project.folder
        path = [str(plugin), os.environ.get("PYTHONPATH", "")]
        self.environment = {
            "PYTHONPATH": os.pathsep.join(path),
            # As in the quick tests, whose programs are there then.
            "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
        }
        profile = self.folder / "profiles/slurm/config.yaml"
        lines = profile.read_text().splitlines(keepends=True)
        kept = "".join(line for line in lines if "ACCOUNT" not in line)
        kept = kept.replace("CPU_PARTITION", "cpu").replace("GPU_PARTITION", "gpu")
        profile.write_text(kept)

    @contextlib.contextmanager
    def driver(self, *arguments: str) -> Iterator[subprocess.Popen]:
        """Start the workflow, which prints into the file `output`, and end it."""
        with (
            (self.folder / "output").open("a") as output,
            self.project.snakemake(
                *arguments, *self.options, output=output, **self.environment
            ) as driver,
        ):
            try:
                yield driver
            finally:
                driver.kill()

    @property
    def options(self) -> list[str]:
        """Return the profile's words, what makes it quick here, and the settings."""
        driving = ("rollouts_shard", "evolve_block", "score_random", "evaluate")
        return [
            "--workflow-profile=profiles/slurm",
            "--slurm-init-seconds-before-status-checks=2",
            "--latency-wait=5",
            *("--set-threads", *(f"{rule}=2" for rule in driving)),
            *("--configfile", str(self.folder / "small.yaml")),
        ]

    def output(self) -> str:
        return (self.folder / "output").read_text()

    def job_logs(self) -> str:
        """Return what SLURM keeps of the jobs that failed."""
        logs = sorted((self.folder / ".snakemake/slurm_logs").rglob("*.log"))
        return "".join(log.read_text() for log in logs)

    def jobs(self, rule: str = "") -> list[Job]:
        """Return the jobs of this project, oldest first."""
        form = "--format=%i|%T|%Z|%k"
        lines = answer("squeue", "--states=all", "--noheader", "--sort=i", form)
        rows = (line.split("|") for line in lines.splitlines())
        return [
            Job(number, state, comment)
            for number, state, folder, comment in rows
            if folder == str(self.folder) and comment.startswith(f"rule_{rule}")
        ]

    def stage(self, name: str) -> psutil.Process | None:
        """Return the process of a running stage."""
        for process in psutil.process_iter(["cmdline", "cwd"]):
            words = process.info["cmdline"] or []
            if words[2:3] == [name] and process.info["cwd"] == str(self.folder):
                return process
        return None


def answer(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def wait_for(driver: subprocess.Popen, condition, seconds: float = 180):
    """Return what `condition` gives as soon as it gives something."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert driver.poll() is None
        assert time.monotonic() < end
        time.sleep(0.2)
    return found


@pytest.fixture(scope="module")
def plugin(tmp_path_factory) -> Path:
    """The folder with Snakemake's plugin for SLURM."""
    folder = tmp_path_factory.mktemp("plugin")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile"]
    pip += ["--constraint", REPOSITORY / "envs/constraints.txt"]
    pip += ["--no-deps", "--target", folder]
    done = subprocess.run([*pip, *PLUGIN], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no plugin for SLURM: {done.stderr.strip().splitlines()[-1]}")
    return folder


@pytest.fixture(scope="module")
def slurm(plugin):
    """A SLURM, started for this file."""
    with (Path(tempfile.gettempdir()) / "one_node_slurm.lock").open("w") as lock:
        # There is one on a machine: another run of these tests ends first.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if Path("/etc/slurm/slurm.conf").exists():
            pytest.skip(f"a SLURM is in use here; {SLURM} stop ends one of its own")
        done = subprocess.run([SLURM, "start"], capture_output=True, text=True)
        if done.returncode == NONE_HERE:
            pytest.skip(done.stderr.strip())
        try:
            assert done.returncode == 0, done.stderr
            yield
        finally:
            subprocess.run([SLURM, "stop"], check=True)


@pytest.fixture
def site(slurm, plugin, real_project) -> Site:
    real_project.write("small.yaml", SMALL)
    return Site(real_project, plugin)


def cancel_rollouts(site: Site, driver: subprocess.Popen) -> None:
    wait_for(driver, lambda: site.stage("rollouts"))
    answer("scancel", site.jobs("rollouts_shard")[-1].number)


def kill_vision(site: Site, driver: subprocess.Popen) -> None:
    stage = wait_for(driver, lambda: site.stage("vision"))
    stage.kill()
    wait_for(driver, lambda: not stage.is_running())


def hold_latents_up(site: Site, driver: subprocess.Popen) -> None:
    node = answer("sinfo", "--noheader", "--partition=cpu", "--format=%N").strip()
    wait_for(driver, lambda: site.stage("vision"))
    answer("scontrol", "update", f"nodename={node}", "state=drain", "reason=a test")
    waiting = wait_for(driver, lambda: site.jobs("encode_shard"))
    time.sleep(2)
    assert [job.state for job in waiting] == ["PENDING"]
    answer("scontrol", "update", f"nodename={node}", "state=resume")


def cut_memory_off(site: Site, driver: subprocess.Popen) -> None:
    pause_memory(site, driver)
    number = site.jobs("train_memory")[-1].number
    answer("scontrol", "update", f"jobid={number}", "EndTime=now+2")
    wait_for(driver, lambda: site.jobs("train_memory")[0].state == "TIMEOUT")


def pause_memory(site: Site, driver: subprocess.Popen) -> psutil.Process:
    """Return the process of the stage, stopped while it learns.

    So it does not end before SLURM looks at the time, which it does twice a minute. It
    goes on by itself when SLURM ends it.
    """
    wait_for(driver, (site.folder / MEMORY_LOG).exists)
    stage = site.stage("memory")
    stage.suspend()
    return stage


def assert_whole(site: Site, count: int) -> None:
    stores = list((site.folder / "results/small").rglob("*.zarr"))
    assert len(stores) == count
    for store in stores:
        open_artifact(store)


def resumed_at(log: Path) -> int:
    """Return the update at which the last try of a training began."""
    return int(re.search(r"memory (\d+)/", log.read_text().splitlines()[0])[1])


@pytest.mark.slow
def test_a_run_outlives_what_happens_to_its_jobs(site):
    with site.driver() as driver:
        cancel_rollouts(site, driver)
        kill_vision(site, driver)
        hold_latents_up(site, driver)
        cut_memory_off(site, driver)
        assert driver.wait(timeout=900) == 0, site.output()
    # SLURM itself forgets the first jobs in the meantime, on a slow machine.
    ended = re.findall(r"SLURM status is: '(\w+)'", site.output())
    assert ended == ["CANCELLED", "FAILED", "TIMEOUT"]
    assert site.output().count("has been submitted") == 8 + len(ended)
    assert resumed_at(site.folder / MEMORY_LOG) > 0
    assert_whole(site, 7)
    assert (site.folder / "results/small/report/index.html").exists()


@pytest.mark.slow
def test_a_job_whose_driver_is_killed_learns_for_the_next_driver(site):
    options = ["--cores=2", "--configfile", str(site.folder / "small.yaml")]
    status, output = site.project.run("latents", *options)
    assert status == 0, output
    # Without the node's one GPU, for which the second job would wait.
    words = ["memory", "--set-resources", "train_memory:gpu=0"]
    with site.driver(*words) as driver:
        stage = pause_memory(site, driver)
    status, output = site.project.run("--unlock", *options)
    assert status == 0, output
    with site.driver(*words) as driver:
        # A second job of the same stage is refused while the first is there.
        wait_for(driver, lambda: "FAILED" in [job.state for job in site.jobs()])
        stage.resume()
        assert driver.wait(timeout=600) == 0, site.output()
    assert_whole(site, 4)
    assert "another process is writing" in site.job_logs()
    # Two updates an epoch, all of them learnt by the first driver's job.
    assert resumed_at(site.folder / MEMORY_LOG) == 2 * SMALL["memory"]["epochs"]


@pytest.mark.slow
def test_a_configuration_of_somebody_else_is_left_alone(slurm, tmp_path):
    """In mounts of its own, where another configuration lies over that of `slurm`."""
    theirs = tmp_path / "slurm.conf"
    theirs.write_text("ClusterName=theirs\n")
    for word in ("start", "stop"):
        script = f"mount --bind {tmp_path} /etc/slurm && exec {SLURM} {word}"
        private = ["unshare", "--mount", "sh", "-c", script]
        done = subprocess.run(private, capture_output=True, text=True)
        if "Operation not permitted" in done.stderr:
            pytest.skip(f"no mounts of one's own here: {done.stderr.strip()}")
        assert done.returncode == NONE_HERE
        assert "slurm.conf was not made by this script" in done.stderr
        assert theirs.read_text() == "ClusterName=theirs\n"
    assert "idle" in answer("sinfo")
