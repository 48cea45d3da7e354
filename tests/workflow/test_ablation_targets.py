"""Ablations: what each target makes, what the trainings of a seed share, a real run."""

import json
from pathlib import Path

import numpy as np
import pytest
from support.commands import REPOSITORY

from worldmodels.experiment.ablations import ABLATIONS
from worldmodels.stores.artifact import open_artifact

SEEDS = (4, 9)
CHANGE = {"ablations": {"seeds": list(SEEDS)}}
FOLDER = "results/small/ablations"


def training(name: str, seed: int, *paths: str) -> set[str]:
    return {f"{FOLDER}/{name}/seed-{seed}/round-0/{path}.zarr" for path in paths}


def up_to_memory(seed: int) -> set[str]:
    """Return what the baseline makes for all ablations of a seed, but its M."""
    shards = ["rollouts/shard-000", "rollouts/shard-001", "vision"]
    latents = ["latents/shard-000", "latents/shard-001"]
    return training("baseline", seed, *shards, *latents)


def from_controller(name: str, seed: int) -> set[str]:
    blocks = ["controller/block-0000", "controller/block-0001"]
    return training(name, seed, *blocks, "evaluation")


def made(jobs) -> set[str]:
    return {job.output[0] for job in jobs}


# For one seed: what each target makes, its own and what it needs of the baseline.
TARGETS = {
    "ablation_baseline": lambda seed: (
        up_to_memory(seed)
        | training("baseline", seed, "memory")
        | from_controller("baseline", seed)
    ),
    "ablation_untrained_memory": lambda seed: (
        up_to_memory(seed)
        | training("untrained_memory", seed, "memory")
        | from_controller("untrained_memory", seed)
    ),
} | {
    f"ablation_{name}": lambda seed, name=name: (
        up_to_memory(seed)
        | training("baseline", seed, "memory")
        | from_controller(name, seed)
    )
    for name in ("z", "mean_z", "separate_tracks")
}


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_makes_its_own_and_what_it_shares(jobs_to_run, target):
    jobs = jobs_to_run(CHANGE, targets=[target])
    table = f"{FOLDER}/{target.removeprefix('ablation_')}/table.txt"
    expected = set.union(*(TARGETS[target](seed) for seed in SEEDS))
    assert made(jobs) == expected | {table}


def test_all_share_v_and_m_of_a_seed(jobs_to_run):
    jobs = jobs_to_run(CHANGE, targets=["ablations"])
    expected = [TARGETS[target](seed) for target in TARGETS for seed in SEEDS]
    assert made(jobs) == set.union(*expected) | {f"{FOLDER}/table.txt"}
    for job in jobs:
        if job.rule.name not in ("evolve_block", "evaluate"):
            continue
        name, seed = Path(job.wildcards.run).parts[-2:]
        untrained = name == "untrained_memory"
        shared = f"{FOLDER}/baseline/{seed}/round-0"
        assert job.input.vision == f"{shared}/vision.zarr"
        memory = f"{FOLDER}/{name}/{seed}/round-0" if untrained else shared
        assert job.input.memory == f"{memory}/memory.zarr"


def test_each_job_has_the_settings_of_its_ablation(jobs_to_run):
    jobs = jobs_to_run(CHANGE, targets=["ablations"])
    settings = {
        job.output[0]: json.loads(job.params.get("settings", "{}")) for job in jobs
    }
    ablated = {
        "z": ("inputs", "z"),
        "mean_z": ("sample_z", False),
        "separate_tracks": ("common_tracks", False),
    }
    for seed in SEEDS:
        for name in ABLATIONS:
            for block in training(name, seed, "controller/block-0001"):
                chosen = settings[block]["controller"]
                given = {n for n, (k, value) in ablated.items() if chosen[k] == value}
                assert given == ablated.keys() & {name}
                assert settings[block]["seed"] == seed
        (path,) = training("untrained_memory", seed, "memory")
        assert settings[path]["memory"]["epochs"] == 0
        (path,) = training("baseline", seed, "memory")
        assert settings[path]["memory"]["epochs"] > 0


def test_another_seed_only_adds_its_trainings(project):
    overlay = project.write(
        "small.yaml", {**project.config, "ablations": {"seeds": [4]}}
    )
    status, output = project.run("ablation_z", "--configfile", overlay)
    assert status == 0, output
    assert "the table of the stub" in output
    more = project.write("more.yaml", CHANGE)
    status, output = project.run("-n", "ablation_z", "--configfile", overlay, more)
    assert status == 0, output
    for path in TARGETS["ablation_z"](9):
        assert path in output
    assert "seed-4/rollouts" not in output
    # Of the experiment itself there are the scores that all are compared with.
    stores = (project.folder / "results/small/round-0").glob("*.zarr")
    assert [store.name for store in stores] == ["random.zarr"]


@pytest.mark.slow
def test_two_real_ablations_on_one_v(real_project):
    smoke = str(REPOSITORY / "presets" / "smoke.yaml")
    seeds = real_project.write("seeds.yaml", {"ablations": {"seeds": [3]}})
    targets = ["ablation_z", "ablation_untrained_memory"]
    status, output = real_project.run(*targets, "--configfile", smoke, seeds)
    assert status == 0, output
    results = real_project.folder / "results/smoke/ablations"
    sizes = {"z": 8, "untrained_memory": 8 + 16}  # of what C sees
    for name, size in sizes.items():
        place = results / name
        block = open_artifact(place / "seed-3/round-0/controller/block-0001.zarr")
        assert block.array("mean").shape[1] == 3 * (size + 1)
        row = json.loads((place / "table.json").read_text())["ablations"][name]
        store = open_artifact(place / "seed-3/round-0/evaluation.zarr")
        np.testing.assert_allclose(row["returns"], [store.read("agent/returns")])
        assert row["mean"] == pytest.approx(store.read("agent/returns").mean())
        assert row["interval"] is None
        assert f"{row['mean']:.1f}" in (place / "table.txt").read_text()
    assert {p.parts[-4] for p in results.glob("*/*/*/vision.zarr")} == {"baseline"}
    updates = {
        p.parts[-4]: open_artifact(p).config["epochs"]
        for p in results.glob("*/*/*/memory.zarr")
    }
    assert updates == {"baseline": 2, "untrained_memory": 0}
