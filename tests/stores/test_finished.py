"""What finished runs took: read from their stores, and made the measure of plans."""

import json

import pytest
from support import synthetic

import worldmodels
from worldmodels.experiment import cost, paths, rates
from worldmodels.experiment.config import load
from worldmodels.experiment.runs import main_run
from worldmodels.experiment.stages import STAGES, recorded, sections_of
from worldmodels.runtime import devices
from worldmodels.stores import finished

ASKED = {
    "rollouts": {"episodes": 128, "episodes_per_shard": 64},
    "vision": {"epochs": 3},
    "controller": {"generations": 20, "generations_per_block": 10},
    "rounds": [{}, {"rollouts": {"accumulate": True}}],
}
RATES = rates.built_in()
SECONDS = {
    "rollouts": 20.0, "vision": 250.0, "latents": 4.0, "memory": 30.0,
    "controller": 90.0, "random": 50.0, "evaluation": 60.0,
}  # fmt: skip


def describe(path, stage, config, inputs, changes):
    """Write what a store records of itself, and nothing else."""
    attributes = {
        "kind": stage, "version": worldmodels.__version__, "complete": True,
        "stage_version": STAGES[stage].version, "config": config, "inputs": inputs,
        "compute": "cpu x 2", "created": "2026-01-02T03:04:05Z",
        "wall_seconds": SECONDS[stage], "files": {"x": [2, 1000]},
    }  # fmt: skip
    path.mkdir(parents=True)
    content = {"attributes": attributes | changes, "zarr_format": 3}
    (path / "zarr.json").write_text(json.dumps(content))


def make_run(folder, asked=ASKED, **changes):
    """Write the descriptions of all stores of a run; return the run."""
    run = main_run(load(asked))
    for round in run.rounds:
        settings, home = run.settings(round), folder / f"round-{round}"
        names = {
            "rollouts": ["rollouts/shard-000", "rollouts/shard-001"],
            "latents": ["latents/shard-000", "latents/shard-001"],
            "controller": ["controller/block-0000", "controller/block-0001"],
        }
        if round:
            names["latents"] += [f"latents/round-0-shard-00{k}" for k in (0, 1)]
        scored = paths.scored_rounds(run)
        stages = [s for s in SECONDS if s != "random" or round == scored[0]]
        stages = [s for s in stages if s != "evaluation" or round in scored]
        for stage in stages:
            config = recorded(
                stage, round, *sections_of(stage, run.config.run, settings)
            )
            read = {"latents": names["latents"]} if stage == "memory" else {}
            for name in names.get(stage, [stage]):
                describe(home / f"{name}.zarr", stage, config, read, changes)
    return run


UNSCORED = [{"evaluation": {"episodes": 0}}, *ASKED["rounds"][1:]]


@pytest.mark.parametrize("rounds", [ASKED["rounds"], UNSCORED])
def test_a_finished_run_is_planned_again_as_it_was(tmp_path, rounds):
    run = make_run(tmp_path / "default", ASKED | {"rounds": rounds})
    found = finished.took(tmp_path, cores=2)
    plans = [one for one in cost.plan(run, 2) if one.stage != "report"]
    assert [one.planned for one in found] == plans
    for one in found:
        jobs = len(one.planned.works)
        assert one.seconds == jobs * SECONDS[one.planned.stage]
        assert one.bytes == jobs * 1000


def test_the_same_run_is_predicted_to_take_what_it_took(tmp_path):
    run = make_run(tmp_path / "default")
    correct = finished.corrections(finished.took(tmp_path, 2), RATES)
    start = rates.BUILT_IN["start"]
    for one in cost.of(cost.plan(run, 2), RATES, correct):
        if one.stage == "report":
            assert one.source == "built-in"
            continue
        expected = one.jobs * (SECONDS[one.stage] + start)
        assert one.seconds == pytest.approx(expected)
        assert one.disk == pytest.approx(one.jobs * 1000)
        assert one.source == "a run of 2026-01-02"


def test_the_latest_of_alike_runs_counts_and_others_do_not(tmp_path):
    make_run(tmp_path / "old", wall_seconds=1.0, created="2026-01-01T00:00:00Z")
    here = f"a processor ({devices.processor()}), 2 cores"
    latest = {"created": "2026-02-01T00:00:00Z", "machine": here}
    make_run(tmp_path / "new", wall_seconds=400.0, **latest)
    foreign = (
        {"version": "0.0.1"}, {"stage_version": 0}, {"complete": False},
        {"machine": "another processor (arm64-00000000), 2 cores"},
    )  # fmt: skip
    for number, changes in enumerate(foreign):
        make_run(tmp_path / f"foreign-{number}", created="2027-01-01", **changes)
    took = finished.took(tmp_path, 2)
    correct = finished.corrections(took, RATES)

    def predicted(**changes):
        plans = cost.plan(main_run(load(ASKED | changes)), 2)
        return next(
            one
            for one in cost.of(plans, RATES, correct)
            if (one.round, one.stage) == (0, "vision")
        )

    same = predicted()
    assert (same.seconds, same.source) == (pytest.approx(401.6), "a run of 2026-02-01")
    twice = predicted(vision={"epochs": 6})
    assert 1.5 * same.seconds < twice.seconds < 2 * same.seconds
    # Five times what round 1 learns from; round 0 learns from half as much.
    assert predicted(vision={"epochs": 30}).source == "built-in"
    assert predicted(vision={"channels": (256, 256, 256, 256)}).source == "built-in"
    # Other cores drive, so C's run on them is none like it.
    four = finished.corrections(finished.took(tmp_path, 4), RATES)
    controller = next(p for p in cost.plan(main_run(load(ASKED)), 4) if p.cores == 4)
    assert four(controller) is None


def test_what_is_no_finished_run_is_passed_over(tmp_path):
    assert finished.took(tmp_path / "none", 2) == []
    (tmp_path / "file").write_text("")
    (tmp_path / "damaged" / "round-0" / "vision.zarr").mkdir(parents=True)
    (tmp_path / "damaged/round-0/vision.zarr/zarr.json").write_text("{")
    make_run(tmp_path / "other", config={"epochs": "many"})
    assert finished.took(tmp_path, 2) == []
    assert finished.plans_of([], 2) is None


def test_stores_of_stages_are_planned_too(stores):
    described = {
        kind: [store.attributes for store in given]
        for kind, given in {
            "rollouts": stores.rollouts, "latents": stores.latents,
            "vision": [stores.vision], "memory": [stores.memory],
            "controller": stores.controller, "evaluation": [stores.evaluation],
        }.items()
    }  # fmt: skip
    run = finished.run_of([described])
    for section in ("rollouts", "vision", "memory", "controller", "evaluation"):
        asked = getattr(synthetic.SETTINGS, section).model_dump()
        found = getattr(run.settings(0), section).model_dump()
        unused = {"warm_start", "keep", "accumulate", "action_noise", "random_policy"}
        for name in asked.keys() - unused:
            assert found[name] == asked[name], (section, name)
