"""Ablations: what each target makes, what the trainings of a seed share, a real run.

The small experiment is of seed 0 and finished, so its own stores are made by no job.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from support.commands import REPOSITORY
from support.projects import ONE_JOB
from support.small_run import from_controller, from_memory, rollouts, whole_round

from worldmodels.experiment.ablations import ABLATIONS
from worldmodels.stores.artifact import open_artifact

SEEDS = (0, 9)
CHANGE = {"seeds": list(SEEDS)}
FOLDER = "results/small/ablations"
TRAINED = {0: "results/small", 9: "results/small/seeds/seed-9"}
LEFT_OUT = ("mean_z", "common_tracks")  # what the experiment has
NAMES = [name for name in ABLATIONS if name not in LEFT_OUT]


def stores(place: str, *artifacts: set[str]) -> set[str]:
    return {f"{place}/{path}.zarr" for path in set.union(*artifacts)}


def last_scores_alone(made: set[str]) -> set[str]:
    """Nobody asks for the scores of earlier rounds."""
    return {path for path in made if not path.endswith("round-0/evaluation.zarr")}


def own(name: str, seed: int) -> set[str]:
    """Return what an ablation makes itself: from its change on, through all rounds."""
    first = from_memory(0) if name == "untrained_memory" else from_controller(0)
    return last_scores_alone(
        stores(f"{FOLDER}/{name}/seed-{seed}", first, whole_round(1))
    )


def lent(name: str, seed: int) -> set[str]:
    """Return what an ablation needs of its seed's training, before its change."""
    if seed == 0:
        return set()
    before = whole_round(0) - from_controller(0)
    if name == "untrained_memory":
        before -= {"round-0/memory"}
    return stores(TRAINED[seed], before)


def made(jobs) -> set[str]:
    return {job.output[0] for job in jobs}


@pytest.mark.parametrize("name", NAMES)
def test_a_target_makes_its_own_and_what_it_shares(jobs_to_run, name):
    jobs = jobs_to_run(CHANGE, targets=[f"ablation_{name}"])
    expected = set.union(*(own(name, seed) | lent(name, seed) for seed in SEEDS))
    assert made(jobs) == expected | {f"{FOLDER}/{name}/table.txt"}


def test_all_are_compared_with_the_experiment_itself(jobs_to_run):
    """Whose other seed is trained for it, in all rounds and once."""
    jobs = jobs_to_run(CHANGE, targets=["ablations"])
    trained = stores(TRAINED[9], whole_round(0), whole_round(1))
    expected = [own(name, seed) for name in NAMES for seed in SEEDS]
    expected += [last_scores_alone(trained), {f"{FOLDER}/table.txt"}]
    assert made(jobs) == set.union(*expected)
    (table,) = (job for job in jobs if job.rule.name == "ablations")
    baseline = [f"{place}/round-1/evaluation.zarr" for place in TRAINED.values()]
    assert list(table.input)[:2] == baseline
    assert f"--ablation baseline {' '.join(baseline)} --abl" in table.shellcmd


def test_v_and_m_of_round_0_are_those_of_the_same_seed(jobs_to_run):
    jobs = jobs_to_run(CHANGE, targets=["ablations"])
    for job in jobs:
        run = job.wildcards.get("run", "")
        if "/ablations/" not in run or job.rule.name != "evolve_block":
            continue
        name, seed = Path(run).parts[-2:]
        shared = f"{TRAINED[int(seed.removeprefix('seed-'))]}/round-0"
        alone = f"results/{run}/round-{job.wildcards.round}"
        first = job.wildcards.round == "0"
        untrained = name == "untrained_memory"
        assert job.input.vision == f"{shared if first else alone}/vision.zarr"
        memory = shared if first and not untrained else alone
        assert job.input.memory == f"{memory}/memory.zarr"


def test_round_1_is_driven_by_the_ablated_agent(jobs_to_run):
    """From V and M that it shares, and the C that it does not."""
    jobs = jobs_to_run(CHANGE, targets=["ablation_z"])
    place = f"{FOLDER}/z/seed-9"
    drives = [job for job in jobs if job.output[0] in stores(place, rollouts(1))]
    assert len(drives) == 2
    for job in drives:
        assert job.input.vision == f"{TRAINED[9]}/round-0/vision.zarr"
        assert list(job.input.controller) == [
            f"{place}/round-0/controller/block-000{k}.zarr" for k in (0, 1)
        ]


def test_each_job_has_the_settings_of_its_ablation(jobs_to_run):
    jobs = jobs_to_run(CHANGE, targets=["ablations"])
    settings = {
        job.output[0]: json.loads(job.params.get("settings", "{}")) for job in jobs
    }
    usual = {"inputs": "z_h", "hidden_size": 0, "sample_z": False} | {
        "common_tracks": True
    }
    for name in NAMES:
        change = ABLATIONS[name]
        expected = usual | (change.settings if change.stage == "controller" else {})
        for seed in SEEDS:
            for round in (0, 1):
                place = f"{FOLDER}/{name}/seed-{seed}/round-{round}"
                block = settings[f"{place}/controller/block-0001.zarr"]
                assert {k: block["controller"][k] for k in usual} == expected
                assert block["seed"] == seed
                made_here = round or name == "untrained_memory"
                if made_here:
                    epochs = settings[f"{place}/memory.zarr"]["memory"]["epochs"]
                    assert (epochs == 0) == (name == "untrained_memory")


@pytest.mark.parametrize("name", LEFT_OUT)
def test_an_ablation_that_is_the_experiment_itself_is_refused(jobs_to_run, name):
    with pytest.raises(SystemExit) as refusal:
        jobs_to_run(CHANGE, targets=[f"ablation_{name}"])
    sentence = str(refusal.value)
    assert sentence.startswith(f"error: the ablation {name} is small itself")
    assert sentence.endswith(", ".join(NAMES))


def test_another_seed_only_adds_its_trainings(project):
    config = project.config | {"rounds": 1}
    overlay = project.write("small.yaml", config | {"seeds": [4]})
    status, output = project.run("ablation_z", "--configfile", overlay)
    assert status == 0, output
    assert "the table of the stub" in output
    more = project.write("more.yaml", {"seeds": [4, 9]})
    status, output = project.run("-n", "ablation_z", "--configfile", overlay, more)
    assert status == 0, output
    added = stores(f"{FOLDER}/z/seed-9", from_controller(0)) | lent("z", 9)
    for path in added:
        assert path in output
    assert "seed-4/round-0/rollouts" not in output.replace("z/seed-4", "")
    # Of the experiment itself there are the scores that all are compared with.
    made_there = (project.folder / "results/small/round-0").glob("*.zarr")
    assert [store.name for store in made_there] == ["random.zarr"]


@pytest.mark.slow
def test_two_real_ablations_on_one_v(real_project):
    smoke = str(REPOSITORY / "presets" / "smoke.yaml")
    seeds = real_project.write("seeds.yaml", {"seeds": [3], **ONE_JOB})
    targets = ["ablation_z", "ablation_untrained_memory"]
    status, output = real_project.run(*targets, "--configfile", smoke, seeds)
    assert status == 0, output
    trained = real_project.folder / "results/smoke/seeds/seed-3"
    results = real_project.folder / "results/smoke/ablations"
    sizes = {"z": 8, "untrained_memory": 8 + 16}  # of what C sees
    for name, size in sizes.items():
        place = results / name
        block = open_artifact(place / "seed-3/round-0/controller/block-0000.zarr")
        assert block.array("mean").shape[1] == 3 * (size + 1)
        row = json.loads((place / "table.json").read_text())["ablations"][name]
        store = open_artifact(place / "seed-3/round-1/evaluation.zarr")
        np.testing.assert_allclose(row["returns"], [store.read("agent/returns")])
        assert row["mean"] == pytest.approx(store.read("agent/returns").mean())
        assert row["interval"] is None
        assert f"{row['mean']:.1f}" in (place / "table.txt").read_text()
    assert (trained / "round-0/vision.zarr").exists()
    assert not (trained / "round-1").exists()
    rounds = {p.parent.name for p in results.glob("*/*/*/vision.zarr")}
    assert rounds == {"round-1"}
    epochs = {
        (p.parts[-4], p.parent.name): open_artifact(p).config["epochs"]
        for p in results.glob("*/*/*/memory.zarr")
    }
    assert epochs == {
        ("untrained_memory", "round-0"): 0,
        ("untrained_memory", "round-1"): 0,
        ("z", "round-1"): 2,
    }
