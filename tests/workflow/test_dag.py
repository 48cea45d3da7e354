"""What a change of the configuration makes Snakemake run again: exact sets of jobs."""

from dataclasses import replace

import pytest
from support.small_run import (
    EARLIER,
    RANDOM,
    REPORT,
    artifact,
    from_controller,
    from_evaluation,
    from_memory,
    from_vision,
    rollouts,
    whole_round,
)

from worldmodels.experiment.stages import STAGES


@pytest.fixture
def would_run(jobs_to_run):
    """Return the artifacts that a changed configuration would make."""
    return lambda *args, **kwargs: {artifact(j) for j in jobs_to_run(*args, **kwargs)}


def test_nothing_runs_when_nothing_changed(would_run):
    assert would_run() == set()


def test_everything_runs_under_another_name(would_run):
    fresh = whole_round(0) | whole_round(1) | RANDOM | REPORT
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
    "memory.cell": (
        {"memory": {"cell": "dnc"}},
        from_memory(0) | whole_round(1) | REPORT,
    ),
    "controller.sigma": (
        {"controller": {"sigma": 0.2}},
        from_controller(0) | whole_round(1) | REPORT,
    ),
    # It is the dream's, and C learns in the game.
    "controller.temperature": ({"controller": {"temperature": 0.5}}, set()),
    "controller.death": ({"controller": {"death": "threshold"}}, set()),
    "controller.test_in": ({"controller": {"test_in": "environment"}}, set()),
    "controller.train_in": (
        {"controller": {"train_in": "dream"}, "memory": {"reward_head": True}},
        from_memory(0) | whole_round(1) | REPORT,
    ),
    "evaluation.episodes": (
        {"evaluation": {"episodes": 20}},
        RANDOM | from_evaluation(0) | from_evaluation(1) | REPORT,
    ),
    "rollouts.policy": (
        {"rollouts": {"policy": "white"}},
        whole_round(0) | whole_round(1) | REPORT,
    ),
    "rollouts.min_steps": (
        {"rollouts": {"min_steps": 5}},
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
        RANDOM | from_controller(0) | whole_round(1) | REPORT,
    ),
    "environment.backend": (
        {"environment": {"backend": "gymnasium"}},
        whole_round(0) | whole_round(1) | REPORT,
    ),
    "round 1: environment.backend": (
        {"rounds": [{}, {"environment": {"backend": "gymnasium"}}]},
        whole_round(1) | REPORT,
    ),
    # What only one round is scored on
    "round 1: evaluation.episodes": (
        {"rounds": [{}, {"evaluation": {"episodes": 20}}]},
        {"round-1/random"} | from_evaluation(1) | REPORT,
    ),
    "round 0 without a score": (
        {"rounds": [{"evaluation": {"episodes": 0}}, {}]},
        {"round-1/random"} | from_evaluation(1) | REPORT,
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
    "round 0 written out": ({"rounds": [{"vision": {"epochs": 2}}, {}]}, set()),
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


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        ("rollouts", whole_round(0) | whole_round(1) | REPORT),
        ("vision", from_vision(0) | whole_round(1) | REPORT),
        ("latents", from_vision(0) - {"round-0/vision"} | whole_round(1) | REPORT),
        ("memory", from_memory(0) | whole_round(1) | REPORT),
        ("controller", from_controller(0) | whole_round(1) | REPORT),
        ("random", RANDOM | from_evaluation(0) | from_evaluation(1) | REPORT),
        ("evaluation", from_evaluation(0) | from_evaluation(1) | REPORT),
        ("report", REPORT),
    ],
)
def test_a_raised_stage_version_rebuilds_the_stage(
    would_run, monkeypatch, stage, expected
):
    row = STAGES[stage]
    monkeypatch.setitem(STAGES, stage, replace(row, version=row.version + 1))
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
