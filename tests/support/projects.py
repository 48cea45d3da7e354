"""A copy of the workflow in a folder of its own, run with a stub in place of stages."""

import copy
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

import yaml
from snakemake.api import SnakemakeApi
from snakemake.settings.enums import Quietness
from snakemake.settings.types import (
    ConfigSettings,
    DAGSettings,
    OutputSettings,
    ResourceSettings,
)
from snakemake.utils import update_config

from support.commands import REPOSITORY

# Programs that stand in for a cluster's commands. A shell reads all but the last.
SHIMS = Path(__file__).with_name("cluster")
CLUSTER_OPTIONS = [
    "--workflow-profile=none",
    "--executor=cluster-generic",
    f"--cluster-generic-submit-cmd={quote(str(SHIMS / 'submit'))}",
    f"--cluster-generic-status-cmd={quote(str(SHIMS / 'status'))}",
    f"--cluster-generic-cancel-cmd={SHIMS / 'cancel'}",
    "--seconds-between-status-checks=1",
    "--jobs=2",
]

# A workflow's jobs compute little: half their time would be the compiler's optimising.
LIGHT = {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}

# Over the smoke preset: one job where it has two, for tests of what lies beside.
ONE_JOB = {
    "rollouts": {"episodes_per_shard": 4},
    "controller": {"generations_per_block": 2},
}

WORKFLOW = ("Snakefile", "config.yaml", "rules", "profiles", "presets", "envs")

# Two rounds, each of two shards and two blocks of generations.
CONFIG = {
    "experiment": "small",
    "rounds": 2,
    "rollouts": {"episodes": 4, "episodes_per_shard": 2},
    "memory": {"batch_size": 2},
    "controller": {"generations": 4, "generations_per_block": 2, "select_every": 2},
}


@dataclass(frozen=True)
class Project:
    """A folder with the workflow in it; `commands` comes first in PATH."""

    folder: Path
    commands: Path

    @property
    def config(self) -> dict:
        """A small configuration, to be changed at will."""
        return copy.deepcopy(CONFIG)

    def snakemake(
        self, *arguments: str, output=subprocess.PIPE, **environment: str
    ) -> subprocess.Popen:
        """Start the real command, as a user would."""
        path = os.pathsep.join(
            [str(self.commands), str(Path(sys.executable).parent), os.environ["PATH"]]
        )
        return subprocess.Popen(
            [sys.executable, "-m", "snakemake", *arguments],
            cwd=self.folder,
            env={**os.environ, **LIGHT, "PATH": path, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str, **environment: str) -> tuple[int, str]:
        """Run the real command; return its exit status and what it printed."""
        with self.snakemake(*arguments, **environment) as process:
            output, _ = process.communicate(timeout=1200)
        return process.returncode, output

    def write(self, name: str, content) -> str:
        """Write a configuration overlay and return its path."""
        path = self.folder / name
        path.write_text(yaml.safe_dump(content))
        return str(path)


def copy_workflow(folder: Path) -> None:
    for name in WORKFLOW:
        source = REPOSITORY / name
        duplicate = shutil.copytree if source.is_dir() else shutil.copy
        duplicate(source, folder / name)


def with_stub(folder: Path) -> Project:
    """Return a fresh project whose stages only make their outputs."""
    project, commands = folder / "project", folder / "commands"
    project.mkdir()
    commands.mkdir()
    shutil.copy(Path(__file__).with_name("stub_worldmodels"), commands / "worldmodels")
    copy_workflow(project)
    return Project(project, commands)


def planned(
    folder: Path, config=None, executor="dryrun", cores=2, files=(), dag=None, **place
):
    """Return the plan of a project, made in this process.

    Args:
        folder: the project.
        config: a mapping, or a list of words as after `--config`.
        executor: "touch" or "dryrun".
        cores: to share out.
        files: as with `--configfile`.
        dag: what else is asked for, as `DAGSettings` has it.
        place: snakefile and workdir, where they are not the project's.
    """
    words = config if isinstance(config, list) else None
    given = ConfigSettings({} if words else config or {}, files, config_args=words)
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        workflow = api.workflow(
            resource_settings=ResourceSettings(cores=cores),
            config_settings=given,
            **{"snakefile": folder / "Snakefile", "workdir": folder} | place,
        )
        plan = workflow.dag(dag_settings=DAGSettings(**dag or {}))
        plan.execute_workflow(executor=executor)
        # Private, the one way to ask; pyproject.toml bounds Snakemake's version.
        return workflow._workflow.dag


def dry_run(project: Project, change=None, cores=2, targets=()) -> list:
    """Return the jobs that a changed configuration would run in the working folder."""
    config = project.config
    update_config(config, change or {})
    targeted = {"targets": set(targets)}
    dag = planned(project.folder, config, cores=cores, dag=targeted)
    return [job for job in dag.jobs if dag.needrun(job) and job.output]
