"""What a run is predicted to take, against a finished run and counts by hand."""

import pytest
import yaml
from support.commands import REPOSITORY
from support.measured_run import RECIPE, TWO_ROUNDS

from worldmodels.experiment import cost, paths, programs, rates
from worldmodels.experiment.config import load
from worldmodels.experiment.overlays import merged
from worldmodels.experiment.runs import main_run

PRESETS = sorted(path.stem for path in (REPOSITORY / "presets").glob("*.yaml"))


def run_of(preset: str = "", **changes):
    files = [REPOSITORY / "presets" / f"{preset}.yaml"] if preset else []
    entries = [f"{name}={yaml.safe_dump(v).strip()}" for name, v in changes.items()]
    return main_run(load(merged(REPOSITORY / "config.yaml", files, entries)))


def predicted(run) -> list[cost.StageCost]:
    return cost.of(cost.plan(run, cores=2), rates.built_in())


# The default run on two quiet cores: wall seconds of the jobs, megabytes of the stores.
TAKEN = {
    "rollouts": (23.4, 14.45), "vision": (135.7, 6.87), "controller": (317.2, 4.07),
    "random": (57.2, 0.29), "evaluation": (69.5, 0.53), "report": (22.6, 6.02),
    "latents": (5.1, 2.31), "memory": (14.8, 0.218),
}  # fmt: skip


def test_the_default_run_is_predicted_within_a_factor():
    found = {one.stage: one for one in predicted(run_of(**RECIPE))}
    assert found.keys() == TAKEN.keys()
    for stage, (seconds, megabytes) in TAKEN.items():
        told = found[stage]
        assert 1 / 1.25 < told.seconds / seconds < 1.25, stage
        assert 1 / 1.25 < told.disk / 1e6 / megabytes < 1.25, stage
    assert found["controller"].jobs == 3


# The same of the default of two rounds, by round.
TAKEN_IN_TWO = {
    (0, "rollouts"): (20.6, 15.8), (0, "vision"): (109.2, 6.9),
    (0, "latents"): (5.0, 2.3), (0, "memory"): (15.0, 0.218),
    (0, "controller"): (84.8, 1.4), (1, "rollouts"): (20.6, 42.9),
    (1, "vision"): (139.4, 7.1), (1, "latents"): (5.0, 4.8),
    (1, "memory"): (31.1, 0.219), (1, "controller"): (358.7, 4.1),
    (1, "random"): (60.3, 0.29), (1, "evaluation"): (74.5, 0.53),
    (1, "report"): (30.3, 9.56),
}  # fmt: skip


def test_the_default_of_two_rounds_is_predicted_within_a_factor():
    found = {(one.round, one.stage): one for one in predicted(run_of(**TWO_ROUNDS))}
    assert found.keys() == TAKEN_IN_TWO.keys()
    for place, (seconds, megabytes) in TAKEN_IN_TWO.items():
        told = found[place]
        assert 1 / 1.5 < told.seconds / seconds < 1.5, place
        assert 1 / 1.5 < told.disk / 1e6 / megabytes < 1.5, place


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_has_the_jobs_that_its_rounds_ask_for(preset):
    run = run_of(preset)
    found = predicted(run)
    jobs = {(one.round, one.stage): one.jobs for one in found}
    for round in run.rounds:
        assert jobs[round, "rollouts"] == len(paths.rollouts(run, round))
        assert jobs[round, "controller"] == len(paths.blocks(run, round))
    encoded = {path for n in run.rounds for path in paths.memory_data(run, n)}
    assert sum(n for (_, stage), n in jobs.items() if stage == "latents") == len(
        encoded
    )
    scored = {paths.random(run, n) for n in paths.scored_rounds(run)}
    assert sum(stage == "random" for _, stage in jobs) == len(scored)
    assert found[-1].stage == "report"
    assert all(one.seconds > 1 and one.memory > 1e8 for one in found)


def test_imported_rollouts_are_not_driven():
    run = run_of(rounds=1, rollouts={"policy": "imported"})
    stages = {one.stage for one in predicted(run)}
    assert "rollouts" not in stages
    assert "vision" in stages


def test_a_later_round_of_the_same_shapes_finds_its_programs():
    run = run_of(rounds=2)
    for stage in ("vision", "memory", "controller", "evaluation"):
        first, later = (programs.seconds(stage, run, n) for n in (0, 1))
        assert later == pytest.approx(first * programs.LOADED)
    # An agent drives the second round, and a policy of its own drove the first.
    assert programs.seconds("rollouts", run, 0) == programs.seconds("rollouts", run, 1)
    assert programs.seconds("controller", run, 0, 1) < programs.seconds(
        "controller", run, 0
    )
    wider = run_of(rounds=[{}, {"vision": {"channels": [8, 16, 32, 128]}}])
    assert programs.seconds("vision", wider, 1) == programs.seconds("vision", wider, 0)
    further = run_of(rounds=[{}, {"rollouts": {"steps": 500}}])
    whole, later = (programs.seconds("memory", further, n) for n in (0, 1))
    assert later == whole
    longer = run_of(rounds=[{}, {"vision": {"epochs": 9}}])
    assert programs.seconds("vision", longer, 1) < programs.seconds("vision", longer, 0)


def test_a_dnc_takes_longer_to_compile_and_to_train():
    plain, dnc = run_of(), run_of("dnc")
    for round in (0, 1):
        times = [programs.seconds("memory", run, round) for run in (plain, dnc)]
        assert times[1] == pytest.approx(3 * times[0])
    plain, dnc = (
        {(one.round, one.stage): one.seconds for one in predicted(run)}
        for run in (plain, dnc)
    )
    assert dnc[1, "memory"] > 2 * plain[1, "memory"]
    assert plain[1, "controller"] < dnc[1, "controller"] < 1.3 * plain[1, "controller"]


def bytes_of(run, **each: float) -> list[cost.StageCost]:
    """Return costs of every round in which stages make so many bytes."""
    return [
        cost.StageCost(round, stage, 1, 1.0, 1.0, size, "")
        for round in run.rounds
        for stage, size in each.items()
    ]


@pytest.mark.parametrize(
    ("keep", "accumulate", "kept", "peak"),
    [
        (True, False, 330, 330),
        (False, False, 30, 130),  # the last round's frames beside all that is kept
        (False, True, 30, 330),  # of all rounds: the last one reads them
    ],
)
def test_rollouts_that_are_freed_lie_on_disk_for_a_while(keep, accumulate, kept, peak):
    run = run_of(rounds=3, rollouts={"keep": keep, "accumulate": accumulate})
    found = cost.disk(run, bytes_of(run, rollouts=100, vision=10))
    assert found == (kept, peak)


def test_a_correction_counts_for_seconds_and_bytes():
    run = run_of()
    plans = cost.plan(run, 2)

    def correct(planned):
        return cost.Factor(2.0, 3.0, "a run") if planned.stage == "vision" else None

    before, after = (
        {one.stage: one for one in cost.of(plans, rates.built_in(), *given)}
        for given in ((), (correct,))
    )
    assert after["vision"].seconds == 2 * before["vision"].seconds
    assert after["vision"].disk == 3 * before["vision"].disk
    assert after["vision"].source == "a run"
    assert after["memory"] == before["memory"]
