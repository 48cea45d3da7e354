"""Projects: fresh ones, with real or stub stages, and one that ran to its end."""

import sys
from functools import partial
from pathlib import Path

import pytest
from support.projects import Project, copy_workflow, dry_run, with_stub


@pytest.fixture
def project(tmp_path) -> Project:
    return with_stub(tmp_path)


@pytest.fixture
def real_project(tmp_path) -> Project:
    """A fresh project that runs the real stages."""
    copy_workflow(tmp_path)
    return Project(tmp_path, Path(sys.executable).parent)


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Project:
    """A project that ran to its end with its small configuration; only look at it."""
    project = with_stub(tmp_path_factory.mktemp("finished"))
    overlay = project.write("small.yaml", project.config)
    status, output = project.run("--cores", "2", "--configfile", overlay)
    assert status == 0, output
    assert "the summary of the stub" in output
    return project


@pytest.fixture
def jobs_to_run(finished, monkeypatch):
    """Return the jobs that a changed configuration would run, by dry run."""
    monkeypatch.chdir(finished.folder)
    return partial(dry_run, finished)
