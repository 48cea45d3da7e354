"""The whole study through Snakemake, tiny, from nothing to its page."""

import sys
from pathlib import Path

import pytest
from support.projects import Project, copy_workflow

from worldmodels.stores.artifact import open_artifact
from worldmodels.studies.dnc_tasks.settings import MODELS, TASKS

SMOKE = ["study_dnc_tasks", "--cores=2", "--configfile=presets/dnc_tasks_smoke.yaml"]


@pytest.mark.slow
def test_the_study_goes_from_nothing_to_its_page(tmp_path):
    copy_workflow(tmp_path)
    project = Project(tmp_path, Path(sys.executable).parent)
    status, told = project.run(*SMOKE)
    assert status == 0, told
    made = tmp_path / "results/studies/dnc_tasks/smoke"
    table = (made / "table.txt").read_text()
    assert table in told
    assert all(f"{task}: lengths" in table for task in TASKS)
    assert (made / "index.html").read_text().count("<figure>") == 4
    for task in TASKS:
        for model in MODELS:
            store = open_artifact(made / task / f"{model}-0.zarr", "dnc_tasks_train")
            assert store.read("history/loss").shape == (4,)
        assert open_artifact(made / task / "trace.zarr").kind == "dnc_tasks_trace"
    assert not list((made / "checkpoints").glob("*.ckpt"))
    # A setting of one task makes that task again, and what follows from it.
    changed = ["--config", "studies={dnc_tasks: {sort: {updates: 5}}}"]
    status, told = project.run(*SMOKE, *changed, "-n", "--quiet", "rules")
    assert status == 0, told
    counts = dict(line.split() for line in told.splitlines() if "dnc_tasks_" in line
                  and len(line.split()) == 2)  # fmt: skip
    assert counts["dnc_tasks_train"] == "3"
    assert counts["dnc_tasks_trace"] == "1"
