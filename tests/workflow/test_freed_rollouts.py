"""Rollouts that are deleted, by hand or by the setting, are not missed."""

import shutil

import pytest
from support.projects import Project, dry_run
from support.small_run import (
    EARLIER,
    REPORT,
    artifact,
    from_controller,
    from_memory,
    rollouts,
    whole_round,
)


@pytest.fixture(scope="module")
def freed(finished, tmp_path_factory) -> Project:
    """The finished project without its rollouts; only look at it."""
    folder = tmp_path_factory.mktemp("freed") / "project"
    shutil.copytree(finished.folder, folder, symlinks=True)
    for number in (0, 1):
        shutil.rmtree(folder / f"results/small/round-{number}/rollouts")
    return Project(folder, finished.commands)


@pytest.fixture
def would_run(freed, monkeypatch):
    """Return the artifacts that a changed configuration would make there."""
    monkeypatch.chdir(freed.folder)

    def made(change=None, targets=()):
        return {artifact(job) for job in dry_run(freed, change, targets=targets)}

    return made


@pytest.mark.parametrize("keep", [True, False])
def test_nothing_is_planned_because_rollouts_are_gone(would_run, keep):
    setting = {"rollouts": {"keep": keep}}
    assert would_run(setting) == set()
    assert would_run(setting, ["latents"]) == set()
    assert would_run(setting, ["pretrained"]) == {"pretrained"}


def test_keeping_decides_nothing_else(jobs_to_run):
    assert jobs_to_run({"rollouts": {"keep": False}}) == []


CHANGES = {
    # What comes after the latents goes on from them.
    "one round more": ({"rounds": 3}, whole_round(2) | REPORT),
    "memory.epochs": (
        {"memory": {"epochs": 21}},
        from_memory(0) | whole_round(1) | REPORT,
    ),
    "round 1: more generations": (
        {"rounds": [{}, {"controller": {"generations": 6}}]},
        from_controller(1, [2]) | REPORT,
    ),
    # What V and the latents need is driven again, in its round alone.
    "round 1: vision.epochs": (
        {"rounds": [{}, {"vision": {"epochs": 4}}]},
        whole_round(1) | REPORT,
    ),
    "round 1: more episodes": (
        {"rounds": [{}, {"rollouts": {"episodes": 6}}]},
        whole_round(1, [0, 1, 2]) | REPORT,
    ),
    # As docs/stores.md says: what was made of them follows what is driven again.
    "rollouts.accumulate": (
        {"rollouts": {"accumulate": True, "keep": False}},
        whole_round(0) | whole_round(1) | EARLIER | REPORT,
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_rollouts_are_made_again_where_they_are_needed(would_run, name):
    change, expected = CHANGES[name]
    assert would_run(change) == expected


def test_the_target_makes_the_rollouts_of_a_round_and_nothing_else(would_run):
    assert would_run({"rounds": 1}, ["rollouts"]) == rollouts(0)


def stores(project: Project, kind: str) -> set[str]:
    place = project.folder / "results/small"
    return {str(s.relative_to(place)) for s in place.glob(f"round-*/{kind}/*.zarr")}


BOTH = {f"round-{n}/rollouts/shard-00{k}.zarr" for n in (0, 1) for k in (0, 1)}


@pytest.mark.slow
def test_a_run_frees_its_rollouts_when_all_that_reads_them_stands(project):
    """Round 1 learns from those of round 0 too; the run stops once and goes on."""
    settings = {"episodes": 4, "episodes_per_shard": 2, "accumulate": True}
    config = {**project.config, "rollouts": {**settings, "keep": False}}
    overlay = project.write("freed.yaml", config)
    status, output = project.run("memory", "--configfile", overlay)
    assert status == 0, output
    assert stores(project, "rollouts") == set()
    assert len(stores(project, "latents")) == 4 + len(EARLIER)
    status, output = project.run("--configfile", overlay)
    assert status == 0, output
    assert "rollouts_shard" not in output
    _, output = project.run("--configfile", overlay)
    assert "Nothing to be done" in output
    # The same run that keeps them: nothing is missed.
    config["rollouts"]["keep"] = True
    _, output = project.run("--configfile", project.write("kept.yaml", config))
    assert "Nothing to be done" in output


@pytest.mark.slow
def test_what_is_there_is_freed_when_it_is_asked_for(project):
    overlay = project.write("small.yaml", project.config)
    keep = project.write("keep.yaml", {"rollouts": {"keep": False}})
    status, output = project.run("--configfile", overlay, keep, "--notemp")
    assert status == 0, output
    assert stores(project, "rollouts") == BOTH
    _, output = project.run("--configfile", overlay, keep)
    assert "Nothing to be done" in output
    status, output = project.run("--delete-temp-output", "--configfile", overlay, keep)
    assert status == 0, output
    assert stores(project, "rollouts") == set()
    assert len(stores(project, "latents")) == 4
    _, output = project.run("--configfile", overlay, keep)
    assert "Nothing to be done" in output


@pytest.mark.slow
def test_rollouts_that_are_asked_for_stay(project):
    overlay = project.write("small.yaml", {**project.config, "rounds": 1})
    keep = project.write("keep.yaml", {"rollouts": {"keep": False}})
    status, output = project.run("rollouts", "--configfile", overlay, keep)
    assert status == 0, output
    assert stores(project, "rollouts") == {s for s in BOTH if "round-0" in s}
    status, output = project.run("--configfile", overlay, keep)
    assert status == 0, output
    assert stores(project, "rollouts") == set()


@pytest.mark.slow
def test_the_real_report_does_without_rollouts(real_project):
    """Two rounds, the second learning from both, in the smallest sizes."""
    freed = {"rollouts": {"keep": False, "accumulate": True}}
    files = ["presets/smoke.yaml", real_project.write("freed.yaml", freed)]
    status, output = real_project.run("--cores", "2", "--configfile", *files)
    assert status == 0, output
    results = real_project.folder / "results/smoke"
    assert not list(results.glob("round-*/rollouts/*"))
    page = (results / "report/index.html").read_text()
    for words in (
        "4 episodes, ", "V and M had the rollouts of rounds 0 and 1 to learn from, 8 ",
        "driven in the simulator by the controller of round 0", "Contact sheet: 4",
        "Reconstructions</b>, rollout", "A dream under real frames</b>, rollout",
        "A dream under recorded actions</b>, rollout", "Latent traversal",
        "<td>rollouts</td>", "Round 1: rollouts",
    ):  # fmt: skip
        assert words in page, words
    status, output = real_project.run("--cores", "2", "--configfile", *files)
    assert "Nothing to be done" in output
