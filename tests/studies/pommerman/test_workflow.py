"""The whole study through Snakemake, tiny, from nothing to its page."""

import sys
from pathlib import Path

import pytest
from support.projects import Project, copy_workflow

from worldmodels.stores.artifact import open_artifact
from worldmodels.studies.pommerman.settings import MODELS

# One after the other: most jobs find the programs of one before them.
SMOKE = ["study_pommerman", "--cores=1", "--configfile=presets/pommerman_smoke.yaml"]


@pytest.mark.slow
def test_the_study_goes_from_nothing_to_its_page(tmp_path):
    copy_workflow(tmp_path)
    project = Project(tmp_path, Path(sys.executable).parent)
    status, told = project.run(*SMOKE)
    assert status == 0, told
    made = tmp_path / "results/studies/pommerman/smoke"
    table = (made / "table.txt").read_text()
    assert table in told
    assert "all entries, 3 steps ahead" in table
    for model in MODELS:
        store = open_artifact(made / f"{model}-0.zarr", "pommerman_train")
        assert store.read("history/loss").shape == (4,)
    assert (made / "index.html").read_text().count("<figure>") == 3
    assert (made / "game.gif").exists()
    assert not list((made / "checkpoints").glob("*.ckpt"))
    # A setting of the trainings makes them again, and no games.
    changed = ["--config", "studies={pommerman: {updates: 5}}"]
    status, told = project.run(*SMOKE, *changed, "-n", "--quiet", "rules")
    assert status == 0, told
    counts = dict(line.split() for line in told.splitlines() if "pommerman_" in line
                  and len(line.split()) == 2)  # fmt: skip
    assert counts["pommerman_train"] == "3"
    assert {"pommerman_games", "pommerman_overfit"}.isdisjoint(counts)
