"""What a comparison of runs says of settings, scores, curves, cost and versions."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from support import synthetic
from support.compared_runs import SETTINGS, UPDATES, make_run, write_peak
from support.damage import edited, set_attribute

from worldmodels.report.comparison import costs, curves, figures, scores
from worldmodels.report.comparison.figures import Curve
from worldmodels.report.comparison.runs import missing, open_runs
from worldmodels.report.comparison.scores import RoundScores
from worldmodels.report.comparison.settings import differing
from worldmodels.report.comparison.versions import versions
from worldmodels.runtime.errors import UserError
from worldmodels.stores import publication
from worldmodels.stores.artifact import open_artifact
from worldmodels.stores.run_folders import open_run_folder
from worldmodels.training import excerpts

CHANGED = SETTINGS.changed(
    memory={"epochs": 7}, controller={"sigma": 0.3, "initial_steps": 15}
)
BASE = [10.0, 20.0, 30.0, 40.0]
BETTER = [15.0, 24.0, 37.0, 48.0]  # 5, 4, 7 and 8 more


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    """A run of one round: only read or copy it."""
    return make_run(tmp_path_factory.mktemp("runs") / "base", BASE)


@pytest.fixture(scope="module")
def changed(base) -> Path:
    """A run of two rounds with other settings: only read or copy it."""
    folder = base.with_name("changed")
    make_run(folder, BASE, settings=CHANGED)
    block = open_artifact(folder / "round-0/controller/block-0000.zarr")
    return make_run(folder, BETTER, round=1, blocks=2, settings=CHANGED, start=[block])


def several(folder: Path, means: dict[int, float], **options) -> Path:
    """Write a run of several seeds, each of which scores so much and a little more."""
    for seed, mean in means.items():
        returns = mean + np.array([-1.0, 0.0, 1.0])
        place = folder / f"seeds/seed-{seed}"
        make_run(place, returns, seed=seed, kinds=["evaluation"], **options)
    return folder


def rows_of(*folders: Path) -> dict[str, tuple[str, ...]]:
    """Return the values of the settings that differ, by name."""
    return {name: values for name, *values in differing(open_runs(folders))}


def test_settings_of_a_cell_are_told_one_by_one(base, tmp_path):
    cells = [
        SETTINGS.changed(memory={"cell": "dnc", "dnc": {"slots": slots}})
        for slots in (8, 9)
    ]
    few, many = (
        make_run(tmp_path / f"dnc-{n}", BASE, settings=settings)
        for n, settings in enumerate(cells)
    )
    assert rows_of(few, many) == {"memory.dnc.slots": ["8", "9"]}
    rows = rows_of(base, few)
    assert rows["memory.dnc.slots"] == ["not used", "8"]
    assert rows["memory.dnc.read_heads"] == ["not used", "4"]
    assert rows["memory.cell"] == ["lstm", "dnc"]


def test_settings_that_differ_are_told_by_round(base, changed):
    assert rows_of(base, changed) == {
        "rounds": ["1", "2"],
        "memory.epochs": ["40", "7"],
        "controller.sigma": ["0.1", "0.3"],
        "controller.initial_steps": ["0", "15"],
        "controller.generations": ["4", "round 0: 4; round 1: 8"],
    }


def test_rounds_that_a_run_has_from_another_are_counted(changed, tmp_path):
    last = make_run(tmp_path / "last", BETTER, round=1, blocks=2, settings=CHANGED)
    assert "rounds" not in rows_of(changed, last)


def test_a_setting_that_older_stores_do_not_record_is_what_was_done_then(
    base, tmp_path
):
    old = shutil.copytree(base, tmp_path / "old")

    def forget(root):
        del root["attributes"]["config"]["precision"]

    memory = "round-0/memory.zarr"
    edited(open_artifact(base / memory), old / memory, forget)
    for made in ("controller/block-0000", "evaluation"):
        shutil.rmtree(old / f"round-0/{made}.zarr")
    found = rows_of(base, old)
    assert "precision" not in found
    assert "memory.epochs" not in found


def test_seeds_and_an_idle_setting(base, tmp_path):
    settings = SETTINGS.changed(
        controller={"train_in": "dream", "temperature": 1.3},
        memory={"death_head": True},
    )
    dreamt = make_run(tmp_path / "dreamt", BASE, settings=settings, seed=3)
    found = rows_of(base, dreamt)
    assert found["seed"] == ["0", "3"]
    assert found["controller.temperature"] == ["not used", "1.3"]
    assert found["controller.train_in"] == ["environment", "dream"]


def scored(*folders: Path) -> scores.Scores:
    return scores.scores(open_runs(folders))


def test_one_training_a_side_is_paired_by_track(base, changed):
    found = scored(base, changed)
    assert [(s.name, s.round) for s in found.last] == [("base", 0), ("changed", 1)]
    assert [(s.name, s.round) for s in found.earlier] == [("changed", 0)]
    gap = found.gap(found.last[1])
    assert sorted(gap.returns.tolist()) == [4, 5, 7, 8]
    assert gap.difference.mean == 6
    assert gap.difference.told_apart
    same = found.gap(found.earlier[0])
    assert same.difference.interval == (0, 0)
    (verdict,) = scores.verdicts(open_runs([base, changed]), found)
    assert verdict.startswith("changed scores 6.0 more than base (95 % interval +4.")
    assert "the change helped. With one training a side the interval is" in verdict


def test_other_tracks_are_compared_on_those_that_both_had():
    first = round_scores("a", {0: [10, 20, 30, 40]})
    other = round_scores("b", {0: [100, 33, 44, 55]}, first=1)
    gap = scores.gap(first, other)
    # Tracks 1 to 3: 20, 30, 40 against 100, 33, 44.
    assert gap.returns.tolist() == [80, 3, 4]
    told = "They are compared on the 3 tests that both had, of 4 and 4."
    assert gap.remarks == [told]
    with pytest.raises(UserError, match="have 1 test in common, of 4 and 4; evaluate"):
        scores.gap(first, round_scores("c", {0: [1, 2, 3, 4]}, first=3))


def round_scores(
    name: str, returns: dict[int, list[float]], first: int = 0, longest: int = 20
) -> RoundScores:
    """Return scores by seed, on the tests from number `first` on."""
    values = np.array([*returns.values()], np.float64)
    tests = first + np.arange(values.shape[1])
    return RoundScores(name, 0, [*returns], tests, values, longest)


def test_several_seeds_are_compared_seed_by_seed(tmp_path):
    first = {0: 10.0, 1: 20.0, 2: 30.0}
    other = {0: 14.0, 1: 27.0, 2: 32.0}
    found = scored(several(tmp_path / "a", first), several(tmp_path / "b", other))
    gap = found.gap(found.last[1]).difference
    test = stats.ttest_rel([*other.values()], [*first.values()])
    assert gap.interval == pytest.approx([*test.confidence_interval()])
    assert gap.paired
    expected = stats.ttest_1samp([*first.values()], 0).confidence_interval()
    assert found.last[0].interval == pytest.approx([*expected])
    assert found.last[0].row()[2:5] == ("0, 1, 2", "3", "20.0")


def test_other_seeds_are_not_paired_and_one_seed_has_no_spread():
    first = round_scores("a", {0: [9, 11], 1: [18, 22]})
    other = round_scores("b", {1: [14, 14], 2: [26, 28], 3: [30, 34]})
    gap = scores.gap(first, other)
    test = stats.ttest_ind([14, 27, 32], [10, 20], equal_var=False)
    assert gap.difference.interval == pytest.approx([*test.confidence_interval()])
    assert not gap.remarks
    alone = scores.gap(round_scores("c", {0: [9, 11]}), other)
    assert alone.remarks[-1].startswith("c has one training: how much the trainings")


def test_episodes_of_another_length_are_refused():
    first = round_scores("a", {0: [1, 2]})
    other = round_scores("b", {0: [1, 2]}, longest=30)
    with pytest.raises(UserError, match="at most 20 steps and b over 30; evaluate"):
        scores.gap(first, other)


def test_seeds_that_were_tested_apart_are_refused(tmp_path):
    run = several(tmp_path / "a", {0: 10.0})
    make_run(run / "seeds/seed-1", BASE, seed=1, first=9, kinds=["evaluation"])
    with pytest.raises(UserError, match="the seeds of a have 0 tests in common after"):
        scores.after("a", open_run_folder(run), 0)


def test_what_is_not_there_yet_is_said(base, tmp_path):
    begun = make_run(tmp_path / "begun", kinds=["vision"])
    runs = open_runs([base, begun])
    assert [*missing(runs)] == [
        "begun: round 0 has no memory, controller and evaluation yet."
    ]
    (verdict,) = scores.verdicts(runs, scores.scores(runs))
    assert verdict == "begun has no evaluation yet: whether it helped is open."
    turned = open_runs([begun, base])
    (verdict,) = scores.verdicts(turned, scores.scores(turned))
    assert verdict.startswith("begun has no evaluation yet, so nothing can be compared")
    assert {row[1] for row in differing(turned)} <= {"not there yet"}


def test_tested_means_go_on_through_the_rounds(changed):
    (seed,) = open_runs([changed.with_name("base"), changed]).runs[1].run.seeds
    first, second = curves.tested(seed)
    np.testing.assert_array_equal(first[0], [2, 4])
    np.testing.assert_array_equal(first[1], [10, 20])
    np.testing.assert_array_equal(second[0], [6, 8, 10, 12])
    np.testing.assert_array_equal(second[1], [10, 20, 110, 120])
    (_, (updates, nll)) = curves.history("memory", "nll")(seed)
    np.testing.assert_array_equal(updates, UPDATES + 1 + np.arange(UPDATES))
    np.testing.assert_allclose(nll, 1.3 - 0.01 * np.arange(UPDATES), rtol=1e-6)


def test_the_mean_curve_is_where_all_seeds_have_a_value():
    one = [(np.array([5, 10, 15]), np.array([1.0, 2.0, 3.0]))]
    other = [(np.array([5, 15, 20]), np.array([3.0, 7.0, 9.0])), (one[0])]
    ((places, values),) = figures.mean([one, other])
    np.testing.assert_array_equal(places, [5, 15])
    np.testing.assert_array_equal(values, [2, 5])


def drawn_mean(lengths: list[tuple[int, ...]]) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean line, without gaps, of seeds with rounds of so many updates.

    The value of seed n's round r is 10 r + 2 n.
    """
    seeds = []
    for n, rounds in enumerate(lengths):
        starts = np.cumsum([0, *rounds])
        seeds.append(
            [
                (start + np.arange(1, length + 1), np.full(length, 10.0 * r + 2 * n))
                for r, (start, length) in enumerate(zip(starts, rounds, strict=False))
            ]
        )
    lines = []

    def keep(figure):
        lines.extend(line.get_data() for line in figure.axes[0].get_lines())
        return b""

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(figures, "svg", keep)
        figures.losses({"loss": [Curve("run", 0, seeds)]})
    updates, values = lines[-1]  # the seeds' come before it
    known = np.isfinite(values)
    return updates[known], values[known]


def test_the_mean_loss_goes_through_all_rounds_where_seeds_updates_differ():
    updates, values = drawn_mean([(738, 1686), (712, 1565), (783, 1898)])
    late = updates > 783
    assert set(values[~late]) == {2.0}
    assert set(values[late]) == {12.0}
    assert updates[~late][-1] == 712
    assert updates[late][0] == 784
    assert 712 + 1565 - 5 < updates[-1] <= 712 + 1565


def test_a_round_without_a_common_update_has_no_mean_loss():
    updates, values = drawn_mean([(10, 10), (30, 10)])
    assert updates.tolist() == [*range(1, 11)]
    assert set(values) == {1.0}


def test_twenty_runs_have_different_looks_and_any_name():
    assert Curve("_a$b", 0, []).label == r" _a\$b"
    looks = {tuple(Curve("", n, []).look.values()) for n in range(20)}
    assert len(looks) == 20


def timed(store: Path, seconds: float) -> None:
    """Let a store have taken so long."""
    path = store / "zarr.json"
    root = json.loads(path.read_text())
    set_attribute("wall_seconds", seconds)(root)
    path.write_text(json.dumps(root))


def test_cost_is_of_one_training(base, tmp_path):
    run = shutil.copytree(base, tmp_path / "run")
    for name, seconds in (("vision", 60.0), ("memory", 6.0), ("evaluation", 3.0)):
        timed(run / f"round-0/{name}.zarr", seconds)
    timed(run / "round-0/controller/block-0000.zarr", 120.0)
    make_run(run / "seeds/seed-1", BASE, seed=1, kinds=["evaluation"])
    timed(run / "seeds/seed-1/round-0/evaluation.zarr", 5.0)
    write_peak(run, "vision", 1000)
    write_peak(run, "controller-0000", 200)
    write_peak(run, "controller-0001", 300)
    write_peak(run, "memory", "NA")
    head, *found = costs.table(open_runs([base, run]))
    assert head == ("stage", "base", "run", "peak memory")  # base's was not measured
    cells = {row[0]: row[2:] for row in found}
    assert cells["vision"] == ("1.0 min", "1.0 GB")
    assert cells["controller"] == ("2.0 min", "314.6 MB")
    assert cells["memory"] == ("6.0 s", "")
    assert cells["evaluation"] == ("4.0 s", "")
    assert cells["all stages"] == ("3.2 min", "1.0 GB")
    assert "rollouts" not in cells


def test_rollouts_that_were_deleted_are_known_from_the_vision_store(tmp_path):
    shard = synthetic.make_rollouts(tmp_path / "driven", 0, 0, np.random.default_rng(0))
    timed(shard.path, 30.0)
    shards = [open_artifact(shard.path)]
    run = make_run(tmp_path / "run", kinds=["vision"])
    vision = open_artifact(run / "round-0/vision.zarr")
    with publication.create(
        vision.path,
        "vision",
        config=vision.config,
        inputs={"rollouts": shards},
        stage_version=1,
    ) as store:
        for name, written in excerpts.arrays(shards, 0).items():
            store.write(name, *written)
    runs = open_runs([run, make_run(tmp_path / "other", kinds=["vision"])])
    assert costs.seconds(runs.runs[0].run.seeds[0])["rollouts"] == 30
    other = tmp_path / "twice"
    for n in range(2):
        shutil.copytree(shard.path, other / f"round-0/rollouts/shard-00{n}.zarr")
    assert rows_of(run, other)["rollouts.episodes"] == ["3", "6"]


def test_versions_that_differ_are_apart_from_those_that_do_not(base, tmp_path):
    other = shutil.copytree(base, tmp_path / "other")
    path = other / "round-0/vision.zarr/zarr.json"
    root = json.loads(path.read_text())
    root["attributes"]["libraries"]["jax"] = "0.1"
    root["attributes"]["compute"] = "gpu x 1"
    path.write_text(json.dumps(root))
    differ, same = versions(open_runs([base, other]))
    assert [row[0] for row in differ] == ["jax", "devices of vision"]
    assert differ[0][2].startswith("0.1; ")
    assert differ[1][2] == "gpu x 1"
    assert {"worldmodels", "numpy", "version of memory"} <= {row[0] for row in same}


def test_a_training_is_not_compared_with_itself(tmp_path):
    run = several(tmp_path / "a", {0: 1.0, 1: 2.0})
    with pytest.raises(UserError, match="is a training of a and of seed-1, and would"):
        open_runs([run, run / "seeds/seed-1"])


def test_runs_of_two_games_are_refused(base, tmp_path):
    settings = SETTINGS.changed(
        environment={"name": "takecover", "backend": "gymnasium"}
    )
    other = make_run(tmp_path / "b", BASE, settings=settings, kinds=["evaluation"])
    with pytest.raises(UserError, match=r"is of carracing and .* of takecover"):
        open_runs([base, other])
