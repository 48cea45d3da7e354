"""The whole study through Snakemake, tiny, from nothing to its page."""

import sys
from pathlib import Path

import pytest
from support.projects import Project, copy_workflow

from worldmodels.stores.artifact import open_artifact

SMOKE = [
    "study_conditional_gan", "--cores=2",
    "--configfile=presets/conditional_gan_smoke.yaml",
]  # fmt: skip


@pytest.mark.slow
def test_the_study_goes_from_nothing_to_its_page(tmp_path):
    copy_workflow(tmp_path)
    project = Project(tmp_path, Path(sys.executable).parent)
    status, told = project.run(*SMOKE)
    assert status == 0, told
    made = tmp_path / "results/studies/conditional_gan/smoke"
    table = (made / "table.txt").read_text()
    assert table in told
    assert "GAN-test" in table
    for model in ("main", "concat", "unnormalised"):
        store = open_artifact(made / f"train/{model}-0.zarr", "conditional_gan_train")
        assert store.read("history/loss").shape == (4,)
    assert (made / "index.html").read_text().count("<figure>") == 9
    assert not list((made / "checkpoints").glob("*.ckpt"))
    # A setting of the learning makes the trainings again, and not the pictures.
    changed = [
        "--config",
        "studies={conditional_gan: {learning: {updates: 5, batch_size: 4}}}",
    ]
    status, told = project.run(*SMOKE, *changed, "-n", "--quiet", "rules")
    assert status == 0, told
    counts = dict(line.split() for line in told.splitlines()
                  if "conditional_gan_" in line and len(line.split()) == 2)  # fmt: skip
    assert counts["conditional_gan_train"] == "3"
    assert "conditional_gan_pack" not in counts
