"""The sweep of temperatures as a target: what it makes, takes and shares."""

import json
import shlex
from pathlib import Path

import pytest

from worldmodels.commands import parser

DREAMING = {"memory": {"death_head": True}}
SWEEP = DREAMING | {"temperatures": [0.5, 1.15], "seeds": [0]}
FOLDER = "results/small/temperatures"


def own(temperature: str) -> set[str]:
    """Return what the sweep makes at a temperature, of the last round."""
    paths = ("controller/block-0000", "controller/block-0001", "evaluation")
    return {f"{FOLDER}/{temperature}/round-1/{path}.zarr" for path in paths}


def made(jobs) -> set[str]:
    return {job.output[0] for job in jobs}


@pytest.fixture
def dreaming(jobs_to_run):
    """Return the jobs of the sweep alone, without those of a changed experiment."""

    def jobs(change, targets=("temperatures",)) -> list:
        rest = made(jobs_to_run(change | {"temperatures": []}))
        return [
            j for j in jobs_to_run(change, targets=targets) if j.output[0] not in rest
        ]

    return jobs


def test_it_makes_a_controller_and_a_score_for_each(dreaming):
    assert made(dreaming(SWEEP)) == own("0.5") | own("1.15") | {f"{FOLDER}/table.txt"}


def test_all_learn_in_the_dream_of_the_last_rounds_m(dreaming):
    last = "results/small/round-1"
    shards = [f"{last}/latents/shard-00{k}.zarr" for k in (0, 1)]
    for job in dreaming(SWEEP):
        if job.rule.name not in ("evolve_block", "evaluate"):
            continue
        assert job.input.vision == f"{last}/vision.zarr"
        assert job.input.memory == f"{last}/memory.zarr"
        assert list(job.input.latents) == shards
        if job.rule.name == "evolve_block":
            tau = Path(job.wildcards.run).name
            settings = json.loads(job.params.settings)["controller"]
            assert settings["temperature"] == float(tau)
            assert settings["train_in"] == "dream"


def test_none_starts_from_the_round_before(dreaming):
    jobs = dreaming(SWEEP | {"controller": {"warm_start": True}})
    blocks = [job for job in jobs if job.rule.name == "evolve_block"]
    assert len(blocks) == 4
    assert not any(job.input.get("start") for job in blocks)


def test_the_experiments_own_controller_is_not_made_twice(dreaming):
    change = SWEEP | {"controller": {"train_in": "dream", "temperature": 0.5}}
    jobs = dreaming(change)
    assert made(jobs) == own("1.15") | {f"{FOLDER}/table.txt"}
    (table,) = (job for job in jobs if job.rule.name == "temperatures")
    assert table.input[0] == "results/small/round-1/evaluation.zarr"


def test_the_report_tells_of_the_sweep(jobs_to_run):
    scores = [f"{FOLDER}/{tau}/round-1/evaluation.zarr" for tau in ("0.5", "1.15")]
    for change, expected in ((SWEEP, scores), (DREAMING, [])):
        (job,) = (j for j in jobs_to_run(change) if j.rule.name == "report")
        program, *arguments = shlex.split(job.shellcmd)
        given = parser().parse_args(arguments)
        assert (program, given.command) == ("worldmodels", "report")
        assert list(map(str, given.temperatures)) == expected
        assert not set(scores) & set(map(str, given.stores))


def test_each_seed_has_a_sweep_of_its_own(dreaming):
    """In the dream of its own training, which is made for it."""
    jobs = dreaming(SWEEP | {"seeds": [0, 2], "temperatures": [0.5]})
    trained = "results/small/seeds/seed-2"
    paths = ("controller/block-0000", "controller/block-0001", "evaluation")
    swept = {f"{trained}/temperatures/0.5/round-1/{path}.zarr" for path in paths}
    rest = made(jobs) - own("0.5") - swept - {f"{FOLDER}/table.txt"}
    assert rest
    assert all(path.startswith(f"{trained}/round-") for path in rest)
    # C of round 0 drives the rollouts of round 1; C of round 1 is asked for by nobody.
    assert f"{trained}/round-0/controller/block-0001.zarr" in rest
    assert not any("round-1/controller" in path for path in rest)
    (table,) = (job for job in jobs if job.rule.name == "temperatures")
    assert list(table.input) == [
        f"{FOLDER}/0.5/round-1/evaluation.zarr",
        f"{trained}/temperatures/0.5/round-1/evaluation.zarr",
    ]


def test_the_report_needs_the_experiments_own_seed_alone(jobs_to_run):
    more = SWEEP | {"seeds": [1, 2, 3]}
    jobs = jobs_to_run(more)
    assert made(jobs) == made(jobs_to_run(SWEEP))
    assert own("0.5") | own("1.15") <= made(jobs)
    assert not any("/seeds/" in path for path in made(jobs))


def test_the_table_is_made_and_shown(project):
    config = project.config | {"rounds": 1, "temperatures": [0.5], "seeds": [0]}
    config["memory"]["death_head"] = True
    overlay = ["--configfile", project.write("small.yaml", config)]
    status, output = project.run("temperatures", *overlay)
    assert status == 0, output
    assert "the table of the stub" in output
    assert (project.folder / FOLDER / "table.json").exists()
    assert not (project.folder / "results/small/report").exists()
    _, output = project.run("temperatures", *overlay)
    assert "Nothing to be done" in output


def test_without_temperatures_one_sentence_says_what_to_set(project):
    overlay = project.write("small.yaml", project.config)
    status, output = project.run("temperatures", "--configfile", overlay)
    assert status != 0
    assert "Traceback" not in output
    (sentence,) = [line for line in output.splitlines() if "error: " in line]
    assert "temperatures is []; give the list of those to compare" in sentence
    assert not (project.folder / "results").exists()
