"""What jobs ask for: by stage and size, more each try, never above the site's most."""

import pytest

from worldmodels.runtime import path_lists


def asked(jobs, rule: str, attempt: int = 1) -> tuple[int, int]:
    """Return the MB and the minutes of the first job of a rule, at some try."""
    job = next(job for job in jobs if job.rule.name == rule)
    job.attempt = attempt
    return job.resources.mem_mb, job.resources.runtime


RULES = (
    "rollouts_shard", "train_vision", "encode_shard", "train_memory", "evolve_block",
    "score_random", "evaluate", "report",
)  # fmt: skip


def test_a_job_asks_for_twice_as_much_at_each_try_up_to_the_most(jobs_to_run):
    """And by its size: V, which learns from more frames than there are minutes for."""
    vision = {"epochs": 10**4, "buffer_episodes": 1000}
    rollouts = {"episodes": 100, "episodes_per_shard": 50, "steps": 1000}
    site = {"max_mem_mb": 7000, "max_minutes": 45}
    jobs = jobs_to_run(
        {"vision": vision, "rollouts": rollouts, "site": site}
        | {"evaluation": {"episodes": 7}}
    )
    for rule in RULES:
        mb, minutes = asked(jobs, rule)
        assert asked(jobs, rule, attempt=2) == (min(2 * mb, 7000), min(2 * minutes, 45))
        assert asked(jobs, rule, attempt=9) == (min(4 * mb, 7000), min(4 * minutes, 45))
    mb, minutes = asked(jobs, "train_vision")
    assert mb > 100 * 12 + asked(jobs, "encode_shard")[0]  # MB of frames
    assert minutes == 45


def test_the_site_rebuilds_nothing(jobs_to_run):
    assert jobs_to_run({"site": {"max_minutes": 17, "max_mem_mb": 9000}}) == []


def test_a_table_asks_for_more_at_each_try(jobs_to_run):
    jobs = jobs_to_run(targets=["pretrained"])
    mb, minutes = asked(jobs, "pretrained")
    assert asked(jobs, "pretrained", attempt=3) == (4 * mb, 4 * minutes)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"site": {"max_mem_mb": 800}}, "site.max_mem_mb is 800; lower "),
        (
            {
                "site": {"max_minutes": 30},
                "rollouts": {"episodes": 10**5, "episodes_per_shard": 10**5},
            },
            "site.max_minutes is 30; lower rollouts.episodes_per_shard",
        ),
    ],
)
def test_what_cannot_end_is_refused_before_anything_runs(project, change, words):
    overlay = project.write("site.yaml", {**project.config, **change})
    status, output = project.run("-n", "--configfile", overlay)
    assert status != 0
    assert "Traceback" not in output
    (sentence,) = [line for line in output.splitlines() if line.startswith("error: ")]
    assert sentence.startswith("error: small, round 0: ")
    assert words in sentence


def test_long_lists_are_files_and_a_dry_run_writes_none(
    jobs_to_run, finished, monkeypatch
):
    monkeypatch.setattr(path_lists, "LONGEST", 60)
    dream = {"controller": {"train_in": "dream"}, "memory": {"death_head": True}}
    jobs = jobs_to_run({"seed": 1, **dream})
    for job in jobs:
        # What takes many stores. Round 0's rollouts are driven by nobody.
        many = job.rule.name not in ("rollouts_shard", "encode_shard")
        many |= job.rule.name == "rollouts_shard" and job.wildcards.round == "1"
        assert (" @.snakemake/lists/" in job.shellcmd) == many, job.rule.name
        assert ("shard-000.zarr results" not in job.shellcmd) or not many
    assert not (finished.folder / ".snakemake/lists").exists()


@pytest.mark.slow
def test_a_run_of_many_shards_hands_over_what_it_lists(project):
    """Three thousand: more than a shell takes as one argument."""
    sizes = {"rollouts": {"episodes": 6000, "episodes_per_shard": 2}, "rounds": 1}
    overlay = project.write("long.yaml", {**project.config, **sizes})
    place = project.folder / "results/small/round-0/rollouts"
    for shard in range(3000):  # as if they had been driven
        (place / f"shard-{shard:03d}.zarr").mkdir(parents=True)
    options = ["--configfile", overlay, "--cores", "2"]
    touched, output = project.run("rollouts", "--touch", *options)
    assert touched == 0, output
    status, output = project.run("vision", *options, "--printshellcmds")
    assert status == 0, output
    (command,) = [line for line in output.splitlines() if "worldmodels vision" in line]
    (word,) = [word for word in command.split() if word.startswith("@")]
    file = project.folder / word.removeprefix("@")
    assert path_lists.read(file) == [
        f"results/small/round-0/rollouts/shard-{n:03d}.zarr" for n in range(3000)
    ]
