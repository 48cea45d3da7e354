"""The whole study through Snakemake, tiny, from nothing to its page."""

import json
import sys
from pathlib import Path

import pytest
from support.projects import Project, copy_workflow

from worldmodels.stores.artifact import open_artifact
from worldmodels.studies.evolution.steps import FILMS

SMOKE = ["study_evolution", "--cores=2", "--configfile=presets/evolution_smoke.yaml"]


@pytest.mark.slow
def test_the_study_goes_from_nothing_to_its_page(tmp_path):
    copy_workflow(tmp_path)
    project = Project(tmp_path, Path(sys.executable).parent)
    status, told = project.run(*SMOKE)
    assert status == 0, told
    made = tmp_path / "results/studies/evolution/smoke"
    table = (made / "table.txt").read_text()
    assert table in told
    page = (made / "index.html").read_text()
    assert page.count("data:image/svg+xml") == 5
    assert page.count("data:image/gif") == len(FILMS)
    data = json.loads((made / "table.json").read_text())
    assert {row["rank_one"] for row in data["schaffer"]} == {"tensor", "scalar"}
    for step in ("rates", "beside", "restarted", "trace"):
        assert open_artifact(made / f"{step}.zarr").kind == f"evolution_{step}"
    # A setting of the restarts makes them again, and what follows from them.
    changed = ["--config", "studies={evolution: {budget: 900}}"]
    status, told = project.run(*SMOKE, *changed, "-n", "--quiet", "rules")
    assert status == 0, told
    counts = dict(line.split() for line in told.splitlines() if "evolution_" in line
                  and len(line.split()) == 2)  # fmt: skip
    assert counts["evolution_search"] == "1"
    assert "evolution_film" not in counts
