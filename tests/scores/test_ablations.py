"""Ablations: what each changes, what it shares, and the table against a calculation."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from support import synthetic

from worldmodels.experiment.ablations import ABLATIONS, folder, names
from worldmodels.experiment.ablations import runs as ablation_runs
from worldmodels.experiment.config import load
from worldmodels.experiment.runs import by_folder
from worldmodels.runtime.errors import UserError
from worldmodels.scores.statistics import over_seeds
from worldmodels.stages import ablations

CONFIG = {
    "experiment": "small",
    "seed": 2,
    "controller": {"inputs": "z_c_h", "population": 8},
    "rounds": [{"memory": {"epochs": 3}}, {}],
    "seeds": [4, 2],
}


# What differs from the baseline in every round, and the first stage that does.
CHANGES = {
    "z": ({("controller", "inputs", "z")}, "controller"),
    "z_hidden": (
        {("controller", "inputs", "z"), ("controller", "hidden_size", 40)},
        "controller",
    ),
    "untrained_memory": ({("memory", "epochs", 0)}, "memory"),
    "sampled_z": ({("controller", "sample_z", True)}, "controller"),
    "separate_tracks": ({("controller", "common_tracks", False)}, "controller"),
}
# The same where the experiment itself has what those change.
OTHERS = {
    "mean_z": ({("controller", "sample_z", False)}, "controller"),
    "common_tracks": ({("controller", "common_tracks", True)}, "controller"),
}
SWAPPED = CONFIG["controller"] | {"sample_z": True, "common_tracks": False}


def difference(before, after) -> set[tuple]:
    """Return what differs between the settings of two rounds."""
    return {
        (section, key, value)
        for section, settings in vars(after).items()
        for key, value in vars(settings).items()
        if value != getattr(getattr(before, section), key)
    }


@pytest.mark.parametrize(("name", "seed"), [(n, s) for n in CHANGES for s in (4, 2)])
def test_an_ablation_changes_one_thing_and_shares_what_comes_before(name, seed):
    """With the experiment's own training of that seed, in round 0."""
    config = load(CONFIG)
    run = by_folder(ablation_runs(config))[folder("small", name, seed)]
    expected, first = CHANGES[name]
    for before, after in zip(config.rounds, run.config.rounds, strict=True):
        assert difference(before, after) == expected
    assert run.config.run == config.run.changed(seed=seed)
    stages = ["rollouts", "vision", "latents", "memory", "controller", "evaluation"]
    own = stages[stages.index(first) :]
    trained = {4: "small/seeds/seed-4", 2: "small"}[seed]
    ablated = f"small/ablations/{name}/seed-{seed}"
    homes = [{stage: run.home(stage, n) for stage in stages} for n in (0, 1)]
    assert homes[0] == {stage: ablated if stage in own else trained for stage in stages}
    assert set(homes[1].values()) == {ablated}
    assert run.home("random", 1) == "small"


def test_an_ablation_that_is_the_experiment_itself_is_left_out():
    """No twin of the baseline is trained."""
    config = load(CONFIG)
    assert names(config) == [*CHANGES]
    assert len(list(ablation_runs(config))) == 2 * len(CHANGES)
    swapped = load(CONFIG | {"controller": SWAPPED})
    assert names(swapped) == ["z", "z_hidden", "untrained_memory", *OTHERS]
    runs = by_folder(ablation_runs(swapped))
    for name, (expected, _) in OTHERS.items():
        run = runs[folder("small", name, 4)]
        assert difference(swapped.rounds[1], run.config.rounds[1]) == expected
    assert {*ABLATIONS} == {*CHANGES, *OTHERS}


@pytest.fixture
def scores(tmp_path):
    """Return a function that makes evaluation stores from returns by seed."""

    def make(name: str, returns: dict[int, list[float]], first: int = 0) -> list[str]:
        return [name] + [
            str(synthetic.make_scores(tmp_path / f"{name}-{s}-{first}", s, row, first))
            for s, row in returns.items()
        ]

    return make


def table(tmp_path: Path, *given: list[str]) -> tuple[dict, list[str]]:
    """Return the JSON and the lines that the command writes."""
    out = tmp_path / "table" / "table.txt"
    ablations.run(ablation=given, out=out)
    data = json.loads(out.with_suffix(".json").read_text())
    return data, out.read_text().splitlines()


def words(lines: list[str]) -> list[str]:
    return [" ".join(line.split()) for line in lines]


def test_the_interval_counts_trainings_and_not_tracks(tmp_path, scores, capsys):
    data, lines = table(
        tmp_path,
        scores("baseline", {1: [5, 15], 2: [0, 28]}),  # means 10 and 14
        scores("z", {2: [9, 11], 1: [7, 9]}),  # means 10 and 8, seeds in another order
    )
    t = 12.7062  # of one degree of freedom; the error of 10 and 14 is 2
    base, z = data["ablations"]["baseline"], data["ablations"]["z"]
    assert base["mean"] == 12
    assert base["interval"] == pytest.approx([12 - 2 * t, 12 + 2 * t], abs=1e-3)
    assert base["mean_of_seed"] == {"1": 10, "2": 14}
    assert base["returns"] == [[5, 15], [0, 28]]
    assert z["mean_of_seed"] == {"1": 8, "2": 10}
    # Seed by seed: -2 and -4, with an error of 1.
    assert z["difference"]["mean"] == -3
    assert z["difference"]["interval"] == pytest.approx([-3 - t, -3 + t], abs=1e-3)
    assert "difference" not in base
    # Of 3 beside a deviation of 1.41: the power is 79.8 % with four, 93.6 % with five.
    assert z["seeds_needed"] == 5
    assert (data["seeds"], data["tracks"]) == ([1, 2], 2)
    assert words(lines[:3]) == [
        "ablation mean return 95 % interval seed 1 seed 2 minus baseline 95 % interval "
        "seeds needed",
        "baseline 12.0 -13.4 to 37.4 10.0 14.0",
        "z 9.0 -3.7 to 21.7 8.0 10.0 -3.0 -15.7 to 9.7 5",
    ]
    assert capsys.readouterr().out.splitlines() == lines


def test_a_difference_that_is_shown_needs_no_more_seeds(tmp_path, scores):
    data, lines = table(
        tmp_path,
        scores("baseline", {1: [10, 10], 2: [12, 12]}),
        scores("z", {1: [0, 0], 2: [2.5, 2.5]}),  # 10 and 9.5 lower
    )
    z = data["ablations"]["z"]
    assert z["difference"]["interval"][1] < 0
    assert "seeds_needed" not in z
    assert not any("eeds needed" in line for line in lines)


def test_one_training_has_no_interval_and_one_ablation_no_difference(tmp_path, scores):
    data, lines = table(tmp_path, scores("z", {1: [3, 4]}))
    assert data["ablations"]["z"]["interval"] is None
    assert words(lines[:2]) == [
        "ablation mean return 95 % interval seed 1",
        "z 3.5 - 3.5",
    ]


def test_the_interval_is_students():
    means = np.random.default_rng(0).normal(300, 80, 5)
    found = over_seeds(means)
    expected = stats.ttest_1samp(means, 0).confidence_interval(0.95)
    assert found.mean == pytest.approx(means.mean())
    assert found.interval == pytest.approx((expected.low, expected.high))


def test_what_cannot_be_compared_is_refused(tmp_path, scores):
    base = scores("baseline", {1: [3, 4], 2: [3, 4]})
    with pytest.raises(
        UserError, match=r"z has the seeds \[1\].*baseline has \[1, 2\]"
    ):
        table(tmp_path, base, scores("z", {1: [3, 4]}))
    with pytest.raises(UserError, match=r"other tracks than .*baseline-1-0"):
        table(tmp_path, base, scores("z", {1: [3, 4], 2: [3, 4]}, first=5))
    with pytest.raises(UserError, match=r"of the seeds \[1, 1\]"):
        table(tmp_path, [*base[:2], base[1]])
    with pytest.raises(UserError, match=r"of the seeds \[\]"):
        table(tmp_path, ["z"])
    with pytest.raises(UserError, match="same name"):
        table(tmp_path, base, base)
    assert not (tmp_path / "table").exists()
