"""The whole study through Snakemake, tiny, from nothing to its page."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from support.projects import Project, copy_workflow

from worldmodels.stores.artifact import open_artifact
from worldmodels.studies.dsprites import factors

SMOKE = ["study_dsprites", "--cores=2", "--configfile=presets/dsprites_smoke.yaml"]
STORES = {
    "train": ["b", "lstm"],
    "probe": ["b", "b-untrained", "input", "lstm", "lstm-untrained", "random"],
    "information": ["b", "b-untrained"],
}


def counts(told: str) -> dict[str, int]:
    """Return how many jobs of each of the study's rules a dry run lists."""
    lines = [line.split() for line in told.splitlines()]
    lines = [line for line in lines if len(line) == 2 and line[1].isdigit()]
    return {name: int(n) for name, n in lines if name.startswith("dsprites_")}


@pytest.mark.slow
def test_the_study_goes_from_nothing_to_its_page(tmp_path):
    copy_workflow(tmp_path)
    project = Project(tmp_path, Path(sys.executable).parent)
    status, told = project.run(*SMOKE)
    assert status == 0, told
    made = tmp_path / "results/studies/dsprites/smoke"
    assert (made / "table.txt").read_text() in told
    assert "chance, exactly" in told
    shown = (made / "index.html").read_text()
    assert shown.count("<figure>") == 4
    assert "explain 70 % of x and 86 % of y" in shown
    data = json.loads((made / "table.json").read_text())
    planted = data["information"][0]
    np.testing.assert_allclose(planted["planted_plain"], planted["entropy"])
    assert data["chance"]["x"] == factors.VALUES[3].var()
    for step, names in STORES.items():
        for name in names:
            store = open_artifact(made / step / f"{name}.zarr", f"dsprites_{step}")
            assert store.config["model"] == name
    assert not list((made / "checkpoints").glob("*.ckpt"))
    # A setting of one step makes that step again, and what follows from it.
    changed = ["--config", "studies={dsprites: {information: {bins: 4}}}"]
    status, told = project.run(*SMOKE, *changed, "-n", "--quiet", "rules")
    assert status == 0, told
    assert counts(told) == {"dsprites_information": 2, "dsprites_page": 1}
    # With the user's archive all is made from its pictures.
    (tmp_path / "given.npz").touch()
    changed = ["--config", "studies={dsprites: {pictures: given.npz}}"]
    status, told = project.run(*SMOKE, *changed, "-n", "--quiet", "rules")
    assert status == 0, told
    assert counts(told) == {
        "dsprites_pack": 1,
        "dsprites_train": 2,
        "dsprites_probe": 6,
        "dsprites_information": 2,
        "dsprites_page": 1,
    }
    # Where the archive is not, one sentence says so before anything is planned.
    changed = ["--config", "studies={dsprites: {pictures: lost.npz}}"]
    status, told = project.run(*SMOKE, *changed, "-n")
    assert status != 0
    assert "studies.dsprites.pictures is lost.npz, where no file is" in told
