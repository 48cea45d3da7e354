"""The whole study through Snakemake, tiny, from nothing to its page."""

import sys
from pathlib import Path

import pytest
from support.projects import Project, copy_workflow

from worldmodels.stores.artifact import open_artifact

SMOKE = ["study_curiosity", "--cores=2", "--configfile=presets/curiosity_smoke.yaml"]


@pytest.mark.slow
def test_the_study_goes_from_nothing_to_its_page(tmp_path):
    copy_workflow(tmp_path)
    project = Project(tmp_path, Path(sys.executable).parent)
    status, told = project.run(*SMOKE)
    assert status == 0, told
    made = tmp_path / "results/studies/curiosity/smoke"
    assert (made / "table.txt").read_text() in told
    assert (made / "index.html").read_text().count("<figure>") == 7
    for place in ("vector/published", "pixels/both"):
        store = open_artifact(made / f"{place}-0.zarr", "curiosity_train")
        assert store.read("history/loss").shape == (2,)
        assert (made / f"films/{place}.gif").read_bytes().startswith(b"GIF8")
    assert not list((made / "checkpoints").glob("*.ckpt"))
    # A setting of one world makes that world again, and what follows from it.
    changed = ["--config", "studies={curiosity: {pixels: {units: 5}}}"]
    status, told = project.run(*SMOKE, *changed, "-n", "--quiet", "rules")
    assert status == 0, told
    counts = dict(line.split() for line in told.splitlines() if "curiosity_" in line
                  and len(line.split()) == 2)  # fmt: skip
    assert counts["curiosity_train"] == "1"
    assert counts["curiosity_film"] == "1"
    # Ablations alone have neither episodes nor films.
    alone = "{vector: {arms: [cautious]}, pixels: {arms: []}, variant: alone}"
    changed = ["--config", f"studies={{curiosity: {alone}}}"]
    status, told = project.run(*SMOKE, *changed, "--dry-run", "--printshellcmds")
    assert status == 0, told
    assert "curiosity compare --trainings" in told
    assert "--episodes" not in told
