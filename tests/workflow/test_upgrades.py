"""A finished run whose workflow is exchanged for another version of it."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from support import described
from support.projects import CONFIG, WORKFLOW, Project, planned, with_stub

from worldmodels.experiment.stages import STAGES

PROFILES = ("profiles/default", "profiles/slurm")


@pytest.fixture
def upgraded(finished, tmp_path) -> Project:
    """The finished project, which may be changed."""
    folder = tmp_path / "project"
    shutil.copytree(finished.folder, folder, symlinks=True)
    return Project(folder, finished.commands)


@pytest.mark.slow
def test_other_words_of_a_rule_make_nothing_anew(upgraded):
    """What is made anew with other code is said by a stage's version."""
    words = ["--cores", "2", "--configfile", "small.yaml"]
    rules = upgraded.folder / "rules"
    for file in ("vision.smk", "memory.smk", "controller.smk", "evaluation.smk"):
        text = (rules / file).read_text()
        changed = text.replace(" --out {output:q}", " --out={output:q}")
        assert changed != text
        (rules / file).write_text(changed)
    status, output = upgraded.run(*words)
    assert status == 0, output
    assert "Nothing to be done" in output
    version = rules / "vision.smk"
    text = version.read_text()
    raised = text.replace("version=get_version", "version=1 + get_version")
    assert raised != text
    version.write_text(raised)
    _, output = upgraded.run("-n", *words)
    assert "rule train_vision" in output


def test_each_profile_says_so(finished):
    assert "profiles" in WORKFLOW
    for profile in PROFILES:
        found = yaml.safe_load((finished.folder / profile / "config.yaml").read_text())
        triggers = found["rerun-triggers"]
        assert triggers == ["mtime", "params", "input", "software-env"]


def test_blocks_are_compared_with_those_of_a_checkpoint_each(jobs_to_run):
    """As runs of earlier versions have recorded them."""
    blocks = [
        job for job in jobs_to_run({"seed": 1}) if job.rule.name == "evolve_block"
    ]
    assert len(blocks) == 4
    for job in blocks:
        place = f"results/small/checkpoints/round-{job.wildcards.round}"
        assert job.params.checkpoint == f"{place}/controller.ckpt"
        compared = list(job.non_derived_params)
        assert f"{place}/controller-{job.wildcards.block}.ckpt" in compared
        assert job.params.checkpoint not in compared


@pytest.fixture
def scored_alone(tmp_path, monkeypatch) -> Path:
    """A finished run of the version whose evaluations scored the random policy too."""
    folder = with_stub(tmp_path).folder
    monkeypatch.chdir(folder)
    scores = [j for j in planned(folder, CONFIG).jobs if j.rule.name == "evaluate"]
    described.make(scores, without="random")
    described.make(planned(folder, CONFIG).jobs)
    planned(folder, CONFIG, "touch", dag={"forceall": True})
    return folder


def to_run(*arguments) -> set[str]:
    dag = planned(*arguments)
    return {job.rule.name for job in dag.jobs if dag.needrun(job) and job.output}


def test_evaluations_that_scored_the_random_policy_stay(scored_alone):
    """And are repeated as they were made; others take the scores that are shared."""
    assert "random.zarr" not in {path.name for path in scored_alone.rglob("*.zarr")}
    assert to_run(scored_alone, CONFIG) == set()
    assert to_run(scored_alone, CONFIG | {"rounds": 1}) == {"report"}
    made = to_run(scored_alone, CONFIG | {"rounds": 3})
    assert {"score_random", "evaluate"} <= made
    changed = to_run(scored_alone, CONFIG | {"evaluation": {"episodes": 7}})
    assert changed == {"evaluate", "report"}


def test_evaluations_of_another_version_are_made_with_the_shared_scores(
    scored_alone, monkeypatch
):
    row = STAGES["evaluation"]
    monkeypatch.setitem(STAGES, "evaluation", replace(row, version=row.version + 1))
    assert to_run(scored_alone, CONFIG) == {"score_random", "evaluate", "report"}
