"""Several seeds: the table against a calculation, the curves, and what was unlike."""

import numpy as np
import pytest
from scipy import stats
from support import damage, small_store, synthetic

from worldmodels.runtime.errors import UserError
from worldmodels.scores import making, seeds
from worldmodels.scores.curves import through_rounds
from worldmodels.scores.statistics import summarise
from worldmodels.stores.artifact import open_artifact
from worldmodels.stores.publication import create

RETURNS = {3: [10, 20, 60, 14], 0: [30, 10, 80, 0], 7: [2, 6, 40, 20]}


@pytest.fixture
def scored(tmp_path):
    """The evaluations of three seeds, of four tracks."""
    return {
        seed: open_artifact(synthetic.make_scores(tmp_path / str(seed), seed, row))
        for seed, row in RETURNS.items()
    }


def words(lines: list[str]) -> list[str]:
    return [" ".join(line.split()) for line in lines]


def told(returns) -> str:
    found = summarise(np.array(returns))
    return f"{found.low:.1f} to {found.high:.1f}"


def test_the_mean_counts_seeds_and_the_spread_is_of_tracks(scored):
    found = seeds.read(scored)
    means = np.array([26, 30, 17])
    low, high = stats.t.interval(0.95, 2, means.mean(), stats.sem(means))
    std = np.mean([np.std(row, ddof=1) for row in RETURNS.values()])
    lines = words(seeds.text(found, []).splitlines())
    assert lines[:6] == [
        "seed mean 95 % interval std lowest",
        f"3 26.0 {told(RETURNS[3])} {np.std(RETURNS[3], ddof=1):.1f} 10.0",
        f"0 30.0 {told(RETURNS[0])} {np.std(RETURNS[0], ddof=1):.1f} 0.0",
        f"7 17.0 {told(RETURNS[7])} {np.std(RETURNS[7], ddof=1):.1f} 2.0",
        # On the tracks the seeds have the means 14, 12, 60 and 11.3.
        f"mean of 3 24.3 {low:.1f} to {high:.1f} {std:.1f} 11.3",
        f"random policy 16.0 {told(np.array(RETURNS[3]) - 10)} "
        f"{np.std(RETURNS[3], ddof=1):.1f}",
    ]
    data = seeds.data(found, [])
    assert data["interval"] == pytest.approx((low, high))
    assert data["std_of_seeds"] == pytest.approx(means.std(ddof=1))
    assert data["std_of_tracks"] == pytest.approx(std)
    assert data["seed"]["0"]["returns"] == RETURNS[0]
    assert [track["mean"] for track in data["tracks"]] == pytest.approx(
        [14, 12, 60, 34 / 3]
    )
    assert "number 3 (11.3), number 1 (12.0), number 0 (14.0), number 2" in lines[-2]


def test_one_seed_has_no_interval_over_seeds(scored):
    found = seeds.read({3: scored[3]})
    assert words(seeds.text(found, []).splitlines())[2].startswith("mean of 1 26.0 - ")
    assert seeds.data(found, [])["std_of_seeds"] is None


def test_what_cannot_be_compared_is_refused(scored, tmp_path):
    with pytest.raises(UserError, match=r"is of seed 3 and is given as that of seed 1"):
        seeds.read({1: scored[3]})
    other = synthetic.make_scores(tmp_path / "other", 8, RETURNS[3], first=5)
    with pytest.raises(UserError, match="scored on other tracks than"):
        seeds.read(scored | {8: open_artifact(other)})
    with pytest.raises(UserError, match="at least one seed"):
        seeds.read({})


def block(folder, round: int, number: int, values: np.ndarray, tests: list[int]):
    """Write what curves are read of: values [G], each the mean of a population."""
    path = folder / f"round-{round}" / f"block-{number}.zarr"
    spread = np.array([[-3.0, 3.0], [-1.0, 1.0]])
    config = {"round": round, "block": number}
    with create(path, "made", config=config, inputs={}, stage_version=1) as store:
        store.write("fitness", values[:, None, None] + spread)
        store.write("mean", values[:, None])
        store.write("selection/generation", np.array(tests, np.int32))
        returns = values[-1] + 100 * np.array(tests)[:, None] + np.array([[-5, 5]])
        store.write("selection/returns", returns)
    return open_artifact(path)


def training(folder, level: float, last=(7.0, 9.0)) -> list:
    """Two rounds: two blocks of two generations, then one."""
    blocks = [
        block(folder, 0, 0, level + np.array([1.0, 2.0]), [2]),
        block(folder, 0, 1, level + np.array([3.0, 5.0]), [3, 4]),
        block(folder, 1, 0, level + np.array(last), [1, 2]),
    ]
    return blocks[::-1]


def test_curves_go_through_all_rounds(tmp_path):
    given = {s: training(tmp_path / str(s), 10.0 * s) for s in (1, 2)}
    found = through_rounds(given)
    assert found.starts.tolist() == [0, 4]
    fitness = np.array([1, 2, 3, 5, 7, 9])
    np.testing.assert_allclose(found.fitness, [fitness + 10, fitness + 20])
    # A round counts its generations from 1 on, through all its blocks.
    assert found.tested_at.tolist() == [2, 3, 4, 5, 6]
    tested = np.array([202, 305, 405, 109, 209])
    np.testing.assert_allclose(found.tested, [tested + 10, tested + 20])


def test_curves_of_other_generations_are_refused(tmp_path):
    given = {0: training(tmp_path / "0", 0), 4: training(tmp_path / "4", 0, (7, 8, 9))}
    with pytest.raises(
        UserError, match="seed 4 was evolved for other generations than"
    ):
        through_rounds({**given, 4: given[4][1:]})


def test_what_was_made_unlike_is_said(tmp_path):
    def made(name: str, round: int, **attributes):
        store = small_store.make(tmp_path / name, config={"round": round})
        for key, value in attributes.items():
            change = damage.set_attribute(key, value)
            store = open_artifact(damage.edited(store, tmp_path / f"{name}-", change))
        return store

    one = [made("a", 0), made("b", 1)]
    other = [made("c", 0), made("d", 1)]
    assert "made with the same versions" in making.sentence(
        making.of_seeds({0: one, 5: other})
    )
    moved = [made("e", 0), made("f", 1, compute="gpu x 1")]
    found = making.of_seeds({0: one, 5: moved, 6: other})
    assert [m.name for m in found if not m.alike] == ["computed on"]
    before = one[0].attributes["compute"]
    assert (
        "NOT all made alike, so that they differ by more than their seeds: "
        f"computed on {before} (seeds 0, 5, 6), gpu x 1 (seed 5)."
    ) in making.sentence(found)
    elsewhere = [made("i", 0), made("j", 1, machine="another processor, 2 cores")]
    found = making.of_seeds({0: one, 5: elsewhere})
    assert [m.name for m in found if not m.alike] == ["machine"]
    assert "another processor, 2 cores (seed 5)." in making.sentence(found)
    crossed = [made("g", 0, compute="gpu x 1"), made("h", 1)]
    found = making.of_seeds({1: crossed, 5: moved})
    assert f"gpu x 1 and {before}, each in other stages." in making.sentence(found)
