"""The whole study through Snakemake, tiny, from nothing to its page."""

import sys
from pathlib import Path

import pytest
from support.projects import Project, copy_workflow

from worldmodels.stores.artifact import open_artifact

SMOKE = ["study_curiosity", "--cores=2", "--configfile=presets/curiosity_smoke.yaml"]
# An arm that is no main one has neither an episode nor a film.
ARMS = "vector: {arms: [faults]}, pixels: {arms: [both]"


def settings(more: str) -> list[str]:
    """Return the arguments that change the preset's settings."""
    return ["--config", f"studies={{curiosity: {{{more}}}}}"]


@pytest.mark.slow
def test_the_study_goes_from_nothing_to_its_page(tmp_path):
    copy_workflow(tmp_path)
    project = Project(tmp_path, Path(sys.executable).parent)
    status, told = project.run(*SMOKE, *settings(ARMS + "}"))
    assert status == 0, told
    made = tmp_path / "results/studies/curiosity/smoke"
    assert (made / "table.txt").read_text() in told
    assert (made / "index.html").read_text().count("<figure>") == 5
    for place in ("vector/faults", "pixels/both"):
        store = open_artifact(made / f"{place}-0.zarr", "curiosity_train")
        assert store.read("history/loss").shape == (2,)
    films = list((made / "films").glob("*/*.gif"))
    assert films == [made / "films/pixels/both.gif"]
    assert films[0].read_bytes().startswith(b"GIF8")
    assert not list((made / "checkpoints").glob("*.ckpt"))
    # A setting of one world makes that world again, and what follows from it.
    changed = settings(ARMS + ", units: 5}")
    status, told = project.run(*SMOKE, *changed, "-n", "--quiet", "rules")
    assert status == 0, told
    counts = dict(line.split() for line in told.splitlines() if "curiosity_" in line
                  and len(line.split()) == 2)  # fmt: skip
    assert counts["curiosity_train"] == "1"
    assert counts["curiosity_film"] == "1"
    # Then the page is given none.
    changed = settings("vector: {arms: [faults]}, pixels: {arms: []}, variant: alone")
    status, told = project.run(*SMOKE, *changed, "--dry-run", "--printshellcmds")
    assert status == 0, told
    assert "curiosity compare --trainings" in told
    assert "--episodes" not in told
