"""What each job is given: its inputs, its cores and the words of its command."""

import shlex
from pathlib import Path

from support.small_run import (
    EARLIER,
    RANDOM,
    REPORT,
    artifact,
    from_controller,
    rollouts,
    whole_round,
)

from worldmodels.commands import parser


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
        episodes = {"evaluation": {"episodes": 7}}
        jobs = jobs_to_run({"seed": 1, **episodes, **change}, cores=64)
        threads = {job.rule.name: job.threads for job in jobs}
        expected = expected | {"evaluate": 16, "score_random": 16}
        assert {name: threads[name] for name in expected} == expected


def test_dreams_begin_at_the_latents_that_m_learnt_from(jobs_to_run):
    """Each round's own, to learn and be scored; who learns in the game needs none."""
    for where in ("dream", "environment"):
        learning = {"train_in": where, "sigma": 0.2, "centred": False}
        change = {"controller": learning}
        for job in jobs_to_run(change | {"memory": {"death_head": True}}):
            if job.rule.name not in ("evolve_block", "evaluate"):
                continue
            home = f"results/small/round-{job.wildcards.round}"
            shards = [f"{home}/latents/shard-00{k}.zarr" for k in (0, 1)]
            expected = shards if where == "dream" else []
            assert list(job.input.get("latents", [])) == expected
            assert (f"--latents {' '.join(shards)}" in job.shellcmd) == bool(expected)


def test_a_centred_search_begins_at_what_m_learnt_from(jobs_to_run):
    change = {"controller": {"centred": True, "sigma": 0.2}}
    given = {
        (job.wildcards.round, int(job.wildcards.block)): [*job.input.get("latents", [])]
        for job in jobs_to_run(change)
        if job.rule.name == "evolve_block"
    }
    assert {block for _, block in given} == {0, 1}
    for (round, block), latents in given.items():
        home = f"results/small/round-{round}/latents"
        shards = [f"{home}/shard-00{k}.zarr" for k in (0, 1)]
        assert latents == ([] if block else shards)


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


def test_the_report_is_given_every_store_once(jobs_to_run):
    """Those that a later round's V made of earlier rollouts too, but no rollouts."""
    jobs = jobs_to_run({"seed": 1, "rollouts": {"accumulate": True}})
    (report,) = (job for job in jobs if job.rule.name == "report")
    others = [job for job in jobs if job.rule.name not in ("report", "rollouts_shard")]
    made = [job.output[0] for job in others]
    assert {artifact(job) for job in jobs} >= EARLIER | rollouts(0) | rollouts(1)
    (random,) = RANDOM  # which is there already
    made.append(f"results/small/{random}.zarr")
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


def test_the_page_to_play_in_is_of_the_agent_of_the_last_round(jobs_to_run):
    (job,) = jobs_to_run(targets=["play"])  # the rest is there
    assert job.output[0] == "results/small/play.html"
    _, *arguments = shlex.split(job.shellcmd)
    given = parser().parse_args(arguments)
    last = Path("results/small/round-1")
    assert (given.vision, given.memory) == (last / "vision.zarr", last / "memory.zarr")
    assert given.controller[0] == last / "controller/block-0000.zarr"
    assert last / "latents/shard-000.zarr" in given.latents
    assert (given.out, given.record) == (Path(job.output[0]), 0)


def test_the_command_line_takes_every_job_as_the_rules_give_it(jobs_to_run):
    warm = {s: {"warm_start": True} for s in ("vision", "memory", "controller")}
    jobs = jobs_to_run({"seed": 1, "evaluation": {"episodes": 7}, **warm})
    assert len(jobs) == len(whole_round(0) | whole_round(1) | RANDOM | REPORT)
    for job in jobs:
        program, *arguments = shlex.split(job.shellcmd)
        assert program == "worldmodels"
        parser().parse_args(arguments)
