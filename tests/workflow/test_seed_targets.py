"""Seeds as a target: what it makes, what no seed decides, and a real run."""

import json
import shlex

import numpy as np
import pytest
from support.commands import REPOSITORY
from support.projects import ONE_JOB
from support.small_run import whole_round

from worldmodels.commands import parser
from worldmodels.stores.artifact import open_artifact

FOLDER = "results/small/seeds"
PAGE = {f"{FOLDER}/index.html"}
EARLIER = {"round-0/evaluation"}  # scores that nobody compares


def made(jobs) -> set[str]:
    return {job.output[0] for job in jobs}


def training(seed: int) -> set[str]:
    stores = (whole_round(0) | whole_round(1)) - EARLIER
    return {f"{FOLDER}/seed-{seed}/{path}.zarr" for path in stores}


def test_each_seed_is_trained_through_all_rounds(jobs_to_run):
    """But for the experiment's own, whose training is the experiment itself."""
    jobs = jobs_to_run({"seeds": [0, 5, 2]}, targets=["seeds"])
    assert made(jobs) == training(5) | training(2) | PAGE
    for job in jobs:
        if "settings" in job.params.keys():  # noqa: SIM118
            settings = json.loads(job.params.settings)
            if job.rule.name != "encode_shard":  # which no seed decides
                assert f"/seed-{settings['seed']}/" in job.output[0]


def test_the_default_target_trains_the_experiments_own_seed_alone(jobs_to_run):
    assert made(jobs_to_run({"seeds": [0, 5, 2]})) == set()


def test_an_own_seed_that_is_not_among_them_is_not_compared(jobs_to_run):
    jobs = jobs_to_run({"seeds": [5]}, targets=["seeds"])
    assert made(jobs) == training(5) | PAGE


def test_the_command_has_all_stores_of_each_seed(jobs_to_run):
    jobs = jobs_to_run({"seeds": [5, 0]}, targets=["seeds"])
    (job,) = (job for job in jobs if job.rule.name == "seeds")
    program, *arguments = shlex.split(job.shellcmd)
    given = parser().parse_args(arguments)
    assert (program, given.command) == ("worldmodels", "seeds")
    assert str(given.out) in PAGE
    assert [name for name, *_ in given.seed] == ["5", "0"]
    latents = {path for path in training(5) if "/rollouts/" not in path}
    assert {*given.seed[0][1:]} == latents
    assert {path.replace("/seeds/seed-5", "") for path in latents} == {
        *given.seed[1][1:]
    }
    assert {*job.input} == {path for _, *paths in given.seed for path in paths}


@pytest.mark.slow
def test_the_page_and_the_table_are_made_once(project):
    config = project.config | {"rounds": 1, "seeds": [0, 1]}
    overlay = ["--configfile", project.write("small.yaml", config)]
    status, output = project.run("seeds", *overlay)
    assert status == 0, output
    assert "the table of the stub" in output
    for name in ("index.html", "table.txt", "table.json"):
        assert (project.folder / FOLDER / name).exists()
    assert not (project.folder / "results/small/report").exists()
    _, output = project.run("seeds", *overlay)
    assert "Nothing to be done" in output


@pytest.mark.slow
def test_two_real_seeds_and_the_ablations_of_both(real_project):
    """Of one round; two rounds are in the other tests."""
    smoke = str(REPOSITORY / "presets" / "smoke.yaml")
    change = {"seeds": [0, 1], "rounds": 1, **ONE_JOB}
    overlay = real_project.write("seeds.yaml", change)
    words = ["--cores", "2", "--configfile", smoke, overlay]
    for target in ("seeds", "ablations"):
        status, output = real_project.run(target, *words)
        assert status == 0, output
        status, output = real_project.run(target, *words)
        assert status == 0, output
        assert "Nothing to be done" in output
    results = real_project.folder / "results/smoke"
    table = json.loads((results / "seeds/table.json").read_text())
    means = {}
    for seed, place in ((0, results), (1, results / "seeds/seed-1")):
        store = open_artifact(place / "round-0/evaluation.zarr")
        assert store.config["seed"] == seed
        returns = store.read("agent/returns")
        np.testing.assert_allclose(table["seed"][str(seed)]["returns"], returns)
        means[str(seed)] = pytest.approx(returns.mean())
    assert all(table["made_alike"].values())
    compared = json.loads((results / "ablations/table.json").read_text())
    assert compared["ablations"]["baseline"]["mean_of_seed"] == means
    assert [*compared["ablations"]] == [
        "baseline", "z", "z_hidden", "untrained_memory", "sampled_z", "separate_tracks",
    ]  # fmt: skip
    assert len(list(results.rglob("random.zarr"))) == 1
