"""What a change of the configuration makes Snakemake run again: exact sets of jobs."""

import shlex
from pathlib import Path

import pytest

from worldmodels.arguments import parser
from worldmodels.stages import VERSIONS

REPORT = {"report"}
EARLIER = {f"round-1/latents/round-0-shard-00{k}" for k in (0, 1)}


def rollouts(round: int, shards=(0, 1)) -> set[str]:
    return {f"round-{round}/rollouts/shard-{k:03d}" for k in shards}


def from_evaluation(round: int) -> set[str]:
    return {f"round-{round}/evaluation"}


def from_controller(round: int, blocks=(0, 1)) -> set[str]:
    made = {f"round-{round}/controller/block-{b:04d}" for b in blocks}
    return made | from_evaluation(round)


def from_memory(round: int, blocks=(0, 1)) -> set[str]:
    return {f"round-{round}/memory"} | from_controller(round, blocks)


def from_vision(round: int, shards=(0, 1), blocks=(0, 1)) -> set[str]:
    latents = {f"round-{round}/latents/shard-{k:03d}" for k in shards}
    return {f"round-{round}/vision"} | latents | from_memory(round, blocks)


def whole_round(round: int, shards=(0, 1), blocks=(0, 1)) -> set[str]:
    return rollouts(round, shards) | from_vision(round, shards, blocks)


@pytest.fixture
def would_run(jobs_to_run):
    """Return the artifacts that a changed configuration would make."""
    return lambda *args, **kwargs: {artifact(j) for j in jobs_to_run(*args, **kwargs)}


def artifact(job) -> str:
    if job.rule.name == "report":
        return "report"
    return job.output[0].removeprefix("results/small/").removesuffix(".zarr")


def test_nothing_runs_when_nothing_changed(would_run):
    assert would_run() == set()


def test_everything_runs_under_another_name(would_run):
    fresh = whole_round(0) | whole_round(1) | REPORT
    made = would_run({"experiment": "other"})
    assert {a.removeprefix("results/other/") for a in made} == fresh


def test_cores_decide_nothing(would_run):
    assert would_run(cores=7) == set()


# Round 1 is driven by round 0's agent, so whatever changes that agent changes all of
# round 1; the rollouts of round 0 never change with V, M or C.
CHANGES = {
    "vision.epochs": (
        {"vision": {"epochs": 4}},
        from_vision(0) | whole_round(1) | REPORT,
    ),
    "memory.epochs": (
        {"memory": {"epochs": 21}},
        from_memory(0) | whole_round(1) | REPORT,
    ),
    "controller.sigma": (
        {"controller": {"sigma": 0.2}},
        from_controller(0) | whole_round(1) | REPORT,
    ),
    # It is the dream's, and C learns in the game.
    "controller.temperature": ({"controller": {"temperature": 0.5}}, set()),
    "controller.train_in": (
        {"controller": {"train_in": "dream"}, "memory": {"reward_head": True}},
        from_memory(0) | whole_round(1) | REPORT,
    ),
    "evaluation.episodes": (
        {"evaluation": {"episodes": 20}},
        from_evaluation(0) | from_evaluation(1) | REPORT,
    ),
    "rollouts.policy": (
        {"rollouts": {"policy": "white"}},
        whole_round(0) | whole_round(1) | REPORT,
    ),
    "rollouts.action_noise": (
        {"rollouts": {"action_noise": 0.3}},
        whole_round(1) | REPORT,
    ),
    "seed": ({"seed": 1}, whole_round(0) | whole_round(1) | REPORT),
    "dtype": (
        {"dtype": "float64"},
        from_vision(0) | whole_round(1) | REPORT,
    ),
    # Slots are gymnasium's, where the scores are driven.
    "environment.slots": (
        {"environment": {"slots": 8}},
        from_evaluation(0) | from_evaluation(1) | REPORT,
    ),
    # Rollouts end by steps of their own.
    "environment.max_steps": (
        {"environment": {"max_steps": 900}},
        from_controller(0) | whole_round(1) | REPORT,
    ),
    "environment.backend": (
        {"environment": {"backend": "gymnasium"}},
        whole_round(0) | whole_round(1) | REPORT,
    ),
    "round 1: environment.backend": (
        {"rounds": [{}, {"environment": {"backend": "gymnasium"}}]},
        whole_round(1) | REPORT,
    ),
    # Adding
    "one round more": ({"rounds": 3}, whole_round(2) | REPORT),
    "more episodes": (
        {"rollouts": {"episodes": 6}},
        rollouts(0, [2])
        | from_vision(0, [0, 1, 2])
        | whole_round(1, [0, 1, 2])
        | REPORT,
    ),
    "more generations": (
        {"controller": {"generations": 6}},
        from_controller(0, [2]) | whole_round(1, blocks=[0, 1, 2]) | REPORT,
    ),
    # Taking away makes no artifact again but those that took in what is gone.
    "one round less": ({"rounds": 1}, REPORT),
    "fewer generations": (
        {"controller": {"generations": 2}},
        from_evaluation(0) | whole_round(1, blocks=[0]) | REPORT,
    ),
    # Of one round only
    "round 1: more episodes": (
        {"rounds": [{}, {"rollouts": {"episodes": 6}}]},
        rollouts(1, [2]) | from_vision(1, [0, 1, 2]) | REPORT,
    ),
    "round 1: more generations": (
        {"rounds": [{}, {"controller": {"generations": 6}}]},
        from_controller(1, [2]) | REPORT,
    ),
    "round 1: memory.learning_rate": (
        {"rounds": [{}, {"memory": {"learning_rate": 0.002}}]},
        from_memory(1) | REPORT,
    ),
    # Round 0 has none before it, and what round 1 learnt from stays.
    "rollouts.accumulate": (
        {"rollouts": {"accumulate": True}},
        from_vision(1) | EARLIER | REPORT,
    ),
    "round 0 written out": ({"rounds": [{"vision": {"epochs": 3}}, {}]}, set()),
    # A warm start takes another input; round 0 has none to take.
    "vision.warm_start": ({"vision": {"warm_start": True}}, from_vision(1) | REPORT),
    "memory.warm_start": ({"memory": {"warm_start": True}}, from_memory(1) | REPORT),
    "controller.warm_start": (
        {"controller": {"warm_start": True}},
        from_controller(1) | REPORT,
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_rebuilds_exactly_what_depends_on_it(would_run, name):
    change, expected = CHANGES[name]
    assert would_run(change) == expected


def test_slots_of_gymnasium_drive_what_is_driven_there(jobs_to_run):
    """Round 0's random episodes are the same in any slots."""
    words = {
        slots: {
            artifact(job): job.shellcmd
            for job in jobs_to_run(
                {"environment": {"backend": "gymnasium", "slots": slots}}
            )
        }
        for slots in (8, 16)
    }
    differ = {name for name in words[8] if words[8][name] != words[16][name]}
    depends = from_controller(0) | from_controller(1) | rollouts(1)
    # Jobs that only have other inputs are given the same words.
    assert differ == depends


def test_all_cores_drive_and_dream_where_nothing_has_slots(jobs_to_run):
    """The score is gymnasium's, which has 16 slots."""
    places = (
        ({}, {"rollouts_shard": 64, "evolve_block": 64}),
        (
            {"environment": {"backend": "gymnasium"}},
            {"rollouts_shard": 16, "evolve_block": 16},
        ),
        (
            {
                "environment": {"backend": "gymnasium"},
                "controller": {"train_in": "dream"},
                "memory": {"death_head": True},
            },
            {"rollouts_shard": 16, "evolve_block": 64},
        ),
    )
    for change, expected in places:
        jobs = jobs_to_run({"seed": 1, **change}, cores=64)
        threads = {job.rule.name: job.threads for job in jobs}
        expected = expected | {"evaluate": 16}
        assert {name: threads[name] for name in expected} == expected


def test_dreams_begin_at_the_latents_that_m_learnt_from(jobs_to_run):
    """Each round's own, to learn and be scored; who learns in the game needs none."""
    for where in ("dream", "environment"):
        change = {"controller": {"train_in": where, "sigma": 0.2}}
        for job in jobs_to_run(change | {"memory": {"death_head": True}}):
            if job.rule.name not in ("evolve_block", "evaluate"):
                continue
            home = f"results/small/round-{job.wildcards.round}"
            shards = [f"{home}/latents/shard-00{k}.zarr" for k in (0, 1)]
            expected = shards if where == "dream" else []
            assert list(job.input.get("latents", [])) == expected
            assert (f"--latents {' '.join(shards)}" in job.shellcmd) == bool(expected)


def test_accumulated_rollouts_teach_v_and_m_and_begin_dreams(jobs_to_run):
    """All by one V, that of the round; the round's own come first."""
    change = {"rollouts": {"accumulate": True}, "memory": {"death_head": True}}
    jobs = jobs_to_run(change | {"controller": {"train_in": "dream"}})
    of = {artifact(job): job.input for job in jobs}
    place = "results/small/round-"
    assert of["round-1/vision"].rollouts == [
        f"{place}{n}/rollouts/shard-00{k}.zarr" for n in (1, 0) for k in (0, 1)
    ]
    for name in EARLIER:
        _, _, number = name.rpartition("-")
        assert of[name].vision == f"{place}1/vision.zarr"
        assert of[name].rollouts == f"{place}0/rollouts/shard-{number}.zarr"
    latents = [
        f"{place}1/latents/{m}shard-00{k}.zarr"
        for m in ("", "round-0-")
        for k in (0, 1)
    ]
    users = ["memory", "controller/block-0000", "controller/block-0001", "evaluation"]
    for user in users:
        assert of[f"round-1/{user}"].latents == latents


def test_latents_of_a_v_that_stays_are_not_made_again(jobs_to_run):
    """From round 1 on: round 2 uses what rounds 1 and 0 encoded with that very V."""
    stays = {"vision": {"epochs": 0, "warm_start": True}}
    rounds = [{}, {"vision": {"warm_start": True}}, stays]
    change = {"rollouts": {"accumulate": True}, "rounds": rounds}
    of = {artifact(job): job.input for job in jobs_to_run(change)}
    place, shards = "results/small/round-", ("shard-000", "shard-001")
    assert of["round-2/memory"].latents == [
        f"{place}{name}{shard}.zarr"
        for name in ("2/latents/", "1/latents/round-0-", "1/latents/")
        for shard in shards
    ]
    assert not any("round-2/latents/round-" in name for name in of)


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        ("rollouts", whole_round(0) | whole_round(1) | REPORT),
        ("vision", from_vision(0) | whole_round(1) | REPORT),
        ("latents", from_vision(0) - {"round-0/vision"} | whole_round(1) | REPORT),
        ("memory", from_memory(0) | whole_round(1) | REPORT),
        ("controller", from_controller(0) | whole_round(1) | REPORT),
        ("evaluation", from_evaluation(0) | from_evaluation(1) | REPORT),
        ("report", REPORT),
    ],
)
def test_a_raised_stage_version_rebuilds_the_stage(
    would_run, monkeypatch, stage, expected
):
    monkeypatch.setitem(VERSIONS, stage, VERSIONS[stage] + 1)
    assert would_run() == expected


def test_a_target_runs_up_to_its_stage_in_all_rounds(would_run):
    change = {"vision": {"epochs": 4}}
    agent = from_vision(0) - from_evaluation(0)
    expected = agent | rollouts(1) | {"round-1/vision"}
    assert would_run(change, targets=["vision"]) == expected
    assert would_run(change, targets=["rollouts"]) == agent | rollouts(1)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("rollouts", rollouts(0)),
        ("latents", from_vision(0) - from_memory(0) | rollouts(0)),
        ("memory", whole_round(0) - from_controller(0)),
        ("controller", whole_round(0) - from_evaluation(0)),
        ("evaluation", whole_round(0)),
        ("report", whole_round(0) | REPORT),
    ],
)
def test_each_target_stops_at_its_stage(would_run, target, expected):
    # With another seed everything would run, so what does is what the target needs.
    assert would_run({"rounds": 1, "seed": 1}, targets=[target]) == expected


def test_the_report_is_given_every_store_once(jobs_to_run):
    """Those that a later round's V made of earlier rollouts too."""
    jobs = jobs_to_run({"seed": 1, "rollouts": {"accumulate": True}})
    (report,) = (job for job in jobs if job.rule.name == "report")
    made = [job.output[0] for job in jobs if job is not report]
    assert EARLIER <= {artifact(job) for job in jobs}
    assert sorted(report.input.stores) == sorted(made)


def test_pretrained_is_the_agent_of_the_last_round(jobs_to_run):
    (job,) = jobs_to_run(targets=["pretrained"])  # the rest is there
    assert job.output[0] == "results/small/pretrained.zarr"
    program, *arguments = shlex.split(job.shellcmd)
    given = parser().parse_args(arguments)
    last = Path("results/small/round-1")
    assert (program, given.command) == ("worldmodels", "export")
    assert (given.vision, given.memory) == (last / "vision.zarr", last / "memory.zarr")
    blocks = [last / f"controller/block-000{b}.zarr" for b in (0, 1)]
    assert given.controller == blocks


def test_pretrained_takes_along_where_its_dreams_begin(jobs_to_run):
    change = {"memory": {"death_head": True}, "controller": {"train_in": "dream"}}
    jobs = jobs_to_run(change, targets=["pretrained"])
    (job,) = (job for job in jobs if job.rule.name == "pretrained")
    _, *arguments = shlex.split(job.shellcmd)
    given = parser().parse_args(arguments)
    latents = Path("results/small/round-1/latents")
    assert given.latents == [latents / f"shard-00{k}.zarr" for k in (0, 1)]


def test_pretrained_needs_no_score(would_run):
    agent = whole_round(0) - from_evaluation(0)
    made = would_run({"rounds": 1, "seed": 1}, targets=["pretrained"])
    assert made == agent | {"pretrained"}


def test_a_pretrained_agent_is_made_once(project):
    overlay = project.write("small.yaml", {**project.config, "rounds": 1})
    status, output = project.run("pretrained", "--configfile", overlay)
    assert status == 0, output
    assert (project.folder / "results/small/pretrained.zarr/zarr.json").exists()
    _, output = project.run("pretrained", "--configfile", overlay)
    assert "Nothing to be done" in output


def test_the_command_line_takes_every_job_as_the_rules_give_it(jobs_to_run):
    warm = {s: {"warm_start": True} for s in ("vision", "memory", "controller")}
    jobs = jobs_to_run({"seed": 1, **warm})
    assert len(jobs) == len(whole_round(0) | whole_round(1) | REPORT)
    for job in jobs:
        program, *arguments = shlex.split(job.shellcmd)
        assert program == "worldmodels"
        parser().parse_args(arguments)


@pytest.mark.slow
def test_added_generations_run_once_and_only_they(project):
    overlay = project.write("small.yaml", {**project.config, "rounds": 1})
    status, output = project.run("--configfile", overlay)
    assert status == 0, output
    blocks = project.folder / "results/small/round-0/controller"
    before = (blocks / "block-0000.zarr/zarr.json").stat().st_mtime_ns

    more = project.write("more.yaml", {"controller": {"generations": 6}})
    status, output = project.run("--configfile", overlay, more)

    assert status == 0, output
    assert {p.name for p in blocks.iterdir()} == {
        "block-0000.zarr",
        "block-0001.zarr",
        "block-0002.zarr",
    }
    assert (blocks / "block-0000.zarr/zarr.json").stat().st_mtime_ns == before
    _, output = project.run("--configfile", overlay, more)
    assert "Nothing to be done" in output
