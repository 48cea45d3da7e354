"""The comparison of cells as a target: what it makes, what its runs share, a real run.

The small experiment is of seed 0 and finished, so its own stores are made by no job.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from support.commands import REPOSITORY
from support.projects import ONE_JOB
from support.small_run import from_memory, whole_round

from worldmodels.experiment.cells import CELLS, DNC, LSTM
from worldmodels.stores.artifact import open_artifact

SEEDS = (0, 9)
# Nothing of the small experiment starts warm, so the LSTM's training is its own.
CHANGE = {"seeds": list(SEEDS), "memory": {"held_out": 0.5}}
FOLDER = "results/small/cells"
TRAINED = {0: "results/small", 9: "results/small/seeds/seed-9"}


def stores(place: str, *artifacts: set[str]) -> set[str]:
    return {f"{place}/{path}.zarr" for path in set.union(*artifacts)}


def forecasts(cells) -> set[str]:
    return {f"{FOLDER}/{cell}/seed-{s}/forecast.zarr" for cell in cells for s in SEEDS}


def own(cell: str, seed: int) -> set[str]:
    """Return what the run of a cell makes: from the last round's M on."""
    return stores(f"{FOLDER}/{cell}/seed-{seed}", from_memory(1))


@pytest.fixture
def comparing(jobs_to_run):
    """Return the jobs of the comparison, without those of a changed experiment."""

    def jobs(change=CHANGE) -> list:
        rest = made(jobs_to_run(change))
        return [
            j for j in jobs_to_run(change, targets=["cells"]) if j.output[0] not in rest
        ]

    return jobs


def made(jobs) -> set[str]:
    return {job.output[0] for job in jobs}


def test_each_cell_makes_its_m_c_scores_and_forecast(comparing):
    """Of the seed that is added all rounds are trained once."""
    expected = [own(cell, seed) for cell in CELLS if cell != LSTM for seed in SEEDS]
    trained = stores(TRAINED[9], whole_round(0), whole_round(1))
    trained -= {f"{TRAINED[9]}/round-0/evaluation.zarr"}
    found = made(comparing())
    assert found == set.union(
        *expected, trained, forecasts(CELLS), {f"{FOLDER}/index.html"}
    )


def test_each_job_has_its_cell_and_the_latents_of_its_seed(comparing):
    latents, forecasts = {seed: set() for seed in SEEDS}, {}
    for job in comparing():
        if job.rule.name == "forecast":
            forecasts[job.output[0]] = job.input.memory
        elif job.rule.name != "train_memory" or "/cells/" not in job.output[0]:
            continue
        else:
            memory = json.loads(job.params.settings)["memory"]
            is_dnc = Path(job.output[0]).parts[3] == DNC
            assert (memory["cell"] == "dnc") == ("dnc" in memory) == is_dnc
            assert memory["epochs"] == 60
            assert not job.input.get("start")
        (seed,) = (seed for seed in SEEDS if f"seed-{seed}/" in job.output[0])
        latents[seed].add(tuple(job.input.latents))
    for seed, trained in TRAINED.items():
        place = f"{trained}/round-1/latents"
        assert latents[seed] == {(f"{place}/shard-000.zarr", f"{place}/shard-001.zarr")}
        for cell in CELLS:
            own = f"{FOLDER}/{cell}/seed-{seed}"
            home = trained if cell == LSTM else own
            assert forecasts[f"{own}/forecast.zarr"] == f"{home}/round-1/memory.zarr"


def test_nothing_of_it_is_made_by_default(jobs_to_run):
    assert not any("/cells/" in path for path in made(jobs_to_run(CHANGE)))


def test_a_warm_start_gives_the_lstm_a_training_of_its_own(jobs_to_run):
    warm = CHANGE | {"seeds": [0], "rounds": [{}, {"controller": {"warm_start": True}}]}
    found = made(jobs_to_run(warm, targets=["cells"]))
    assert own(LSTM, 0) <= found
    blocks = [path for path in found if "results/small/round-1/controller" in path]
    assert not blocks  # of the experiment's last round nothing but its latents is asked


def test_without_held_out_episodes_one_sentence_says_what_to_set(project):
    overlay = project.write("small.yaml", project.config)
    status, output = project.run("cells", "--configfile", overlay)
    assert status != 0
    assert "Traceback" not in output
    (sentence,) = [line for line in output.splitlines() if "error: " in line]
    assert "round 1: memory.held_out is 0" in sentence
    assert not (project.folder / "results").exists()


@pytest.mark.slow
def test_the_page_is_made_and_the_table_shown(project):
    config = project.config | {"rounds": 1, "seeds": [0]}
    config["memory"]["held_out"] = 0.5
    overlay = ["--configfile", project.write("small.yaml", config)]
    status, output = project.run("cells", *overlay)
    assert status == 0, output
    assert "the table of the stub" in output
    assert (project.folder / FOLDER / "table.json").exists()
    assert not (project.folder / "results/small/report").exists()
    _, output = project.run("cells", *overlay)
    assert "Nothing to be done" in output


@pytest.mark.slow
def test_real_cells_over_one_seed(real_project):
    smoke = str(REPOSITORY / "presets" / "smoke.yaml")
    change = {
        "rounds": 1,
        "seeds": [3],
        "environment": {"max_steps": 70},
        "rollouts": {"steps": 70, **ONE_JOB["rollouts"]},
        "memory": {"held_out": 0.25, "death_head": True},
        "controller": {"train_in": "dream", **ONE_JOB["controller"]},
    }
    overlay = real_project.write("cells.yaml", change)
    status, output = real_project.run("cells", "--configfile", smoke, overlay)
    assert status == 0, output
    results = real_project.folder / "results/smoke"
    data = json.loads((results / "cells/table.json").read_text())
    assert data["seeds"] == [3]
    assert data["horizons"] == [1, 2, 5, 10, 20, 50]
    assert data["answer"] in output
    assert (results / "cells/index.html").exists()
    for cell, row in data["cells"].items():
        trained = "seeds/seed-3" if cell == LSTM else f"cells/{cell}/seed-3"
        memory = open_artifact(results / trained / "round-0/memory.zarr")
        # M's own stage scored the same steps with the same noise.
        nll = row["measures"]["nll"]["mean"]
        assert nll == pytest.approx(memory.read("held_out/nll"), rel=1e-6)
        scores = open_artifact(results / trained / "round-0/evaluation.zarr")
        for key, name in (("played", "agent"), ("dreamt", "dream")):
            returns = row["measures"][key]["returns"]
            np.testing.assert_allclose(returns, [scores.read(f"{name}/returns")])
        assert memory.config["cell"] == ("dnc" if cell == DNC else "lstm")
    sizes = [row["parameters"] for row in data["cells"].values()]
    assert sizes[0] < min(sizes[1:])
    assert sizes[1] == pytest.approx(sizes[2], rel=0.05)
