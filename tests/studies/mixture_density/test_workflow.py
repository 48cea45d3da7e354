"""The study through Snakemake: it meets its floors, on few networks."""

import json
import sys
from pathlib import Path

import pytest
from support.projects import Project, copy_workflow

from worldmodels.stores.artifact import open_artifact
from worldmodels.studies.mixture_density.settings import FIGURES

# All seeds of the page, as a floor holds their mean. The NLL of toy a's worst seed is
# on either side of its floor, by the processor; the mean keeps 0.02 nats from it.
FEW = "studies={mixture_density: {variant: few, mixtures: [5, 20]%s}}"


@pytest.mark.slow
def test_the_study_meets_its_floors(tmp_path):
    copy_workflow(tmp_path)
    project = Project(tmp_path, Path(sys.executable).parent)
    words = ["study_mixture_density", "--cores=2", "--config"]
    # As users' programs are compiled: the figures are those of the page.
    status, told = project.run(*words, FEW % "", JAX_DISABLE_MOST_OPTIMIZATIONS="0")
    assert status == 0, told
    made = tmp_path / "results/studies/mixture_density/few"
    table = (made / "table.txt").read_text()
    assert table in told
    found = json.loads((made / "table.json").read_text())
    floors = [floor for toy in found.values() for floor in toy["floors"]]
    assert len(floors) == 8
    assert all(floor["met"] for floor in floors), table
    for toy, shown, share in (("a", 5, 0.85), ("b", 20, 0.95)):
        near = {n["mixtures"]: n["near"][0] for n in found[toy]["networks"]}
        assert near[0] < 0.6 < share < near[shown]  # squared error's are in between
    for toy, values in found.items():
        # No network is better than the exact density.
        assert all(n["nll"][0] > values["exact"]["nll"] for n in values["networks"][1:])
        for mixtures in (0, 5, 20):
            store = open_artifact(made / toy / f"mixtures-{mixtures}.zarr")
            assert store.kind == "mixture_density_train"
    assert {path.stem for path in (made / "figures").iterdir()} == set(FIGURES)
    assert not list((made / "checkpoints").glob("*.ckpt"))
    # A setting of one toy makes its networks again, and what follows from them.
    status, told = project.run(
        *words, FEW % ", a: {updates: 5}", "-n", "--quiet", "rules"
    )
    assert status == 0, told
    counts = dict(line.split() for line in told.splitlines()
                  if "mixture_density_" in line and len(line.split()) == 2)  # fmt: skip
    assert counts["mixture_density_train"] == "3"
    assert counts["mixture_density_compare"] == "1"
