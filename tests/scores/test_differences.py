"""Differences of scores against scipy, and the sentences about them."""

import numpy as np
import pytest
from scipy import stats

from worldmodels.runtime.errors import UserError
from worldmodels.scores import differences
from worldmodels.scores.differences import Difference

RNG = np.random.default_rng(4)


def test_tracks_are_paired_and_their_interval_is_a_bootstrap():
    first = RNG.normal(700, 150, 40)
    other = first + RNG.normal(25, 60, 40)
    found = differences.by_track(first, other)
    expected = stats.bootstrap(
        [other - first], np.mean, n_resamples=9999, rng=np.random.default_rng(0)
    ).confidence_interval
    assert found.mean == pytest.approx((other - first).mean())
    # Two bootstraps of so many draws differ by a hundredth of the interval.
    width = expected.high - expected.low
    assert found.interval == pytest.approx([*expected], abs=0.03 * width)
    assert (found.over, found.counted, found.paired) == ("track", 40, True)


def test_seeds_are_paired_by_students_interval():
    first, other = RNG.normal(800, 30, 5), RNG.normal(810, 30, 5)
    found = differences.by_seed(first, other)
    expected = stats.ttest_rel(other, first).confidence_interval()
    assert found.interval == pytest.approx([*expected])
    assert found.counted == 5


def test_other_seeds_have_welchs_interval():
    first, other = RNG.normal(800, 10, 4), RNG.normal(830, 40, 6)
    found = differences.unpaired(first, other)
    test = stats.ttest_ind(other, first, equal_var=False)
    assert found.interval == pytest.approx([*test.confidence_interval()])
    assert (found.counted, found.paired) == (10, False)


def test_one_training_against_several_has_the_interval_of_a_new_one():
    """By hand: of 1, 3, 5 the deviation is 2, and t of two degrees is 4.3027."""
    for given in ((np.array([10.0]), [1.0, 3.0, 5.0]), ([1.0, 3.0, 5.0], [10.0])):
        found = differences.unpaired(*map(np.array, given))
        half = 4.302653 * 2 * np.sqrt(1 + 1 / 3)
        assert abs(found.mean) == 7
        np.testing.assert_allclose(np.diff(found.interval), [2 * half], rtol=1e-6)


def test_trainings_that_do_not_vary_are_told_apart():
    found = differences.unpaired(np.array([3.0, 3.0]), np.array([4.0, 4.0]))
    assert found.interval == (1, 1)
    assert found.told_apart


def simulated_power(effect: float, seeds: int, paired: bool) -> float:
    """Return how often Student's interval of simulated trainings leaves out 0."""
    draws = np.random.default_rng(1).normal(size=(2, 20_000, seeds))
    if paired:
        test = stats.ttest_1samp(draws[0] + effect, 0, axis=1)
    else:  # whose difference has a deviation of 1
        groups = draws / np.sqrt(2)
        test = stats.ttest_ind(groups[0] + effect, groups[1], axis=1)
    return np.mean((test.pvalue < 0.05) & (test.statistic > 0))


@pytest.mark.parametrize("paired", [True, False])
def test_the_number_of_seeds_shows_a_difference_in_four_of_five_tries(paired):
    # Three differences with mean 0.6 and deviation 1, or trainings with such ones.
    spread = np.array([-1.0, 0.0, 1.0])
    if paired:
        found = differences.by_seed(np.zeros(3), 0.6 + spread)
    else:
        found = differences.unpaired(spread / np.sqrt(2), 0.6 + spread / np.sqrt(2))
    assert found.std == pytest.approx(1)
    assert simulated_power(0.6, found.needed, paired) == pytest.approx(0.8, abs=0.02)
    assert simulated_power(0.6, found.needed - 2, paired) < 0.8


def test_the_number_of_tracks_is_that_of_the_normal_distribution():
    gaps = np.tile([-1.0, 1.0], 50) + 0.1
    found = differences.by_track(np.zeros(100), gaps)
    std = gaps.std(ddof=1)
    power = stats.norm.cdf(0.1 / std * np.sqrt([found.needed, found.needed - 1]) - 1.96)
    assert power[0] >= 0.8 > power[1]


@pytest.mark.parametrize(
    "found",
    [
        differences.by_track(np.zeros(9), np.zeros(9)),
        differences.by_seed(np.zeros(3), np.zeros(3)),
        differences.by_seed(np.zeros(3), np.array([-100, 0, 100.01])),
        differences.by_track(np.zeros(40), np.tile([-100, 100.1], 20)),
    ],
)
def test_a_number_that_nobody_has_is_none(found):
    assert found.needed is None
    assert not found.told_apart


def test_one_track_has_no_interval():
    with pytest.raises(UserError, match="at least two"):
        differences.by_track(np.zeros(1), np.ones(1))


@pytest.mark.parametrize(
    ("mean", "interval", "needed", "words"),
    [
        (34.1, (12, 56), None, "b scores 34.1 more than a (95 % interval +12.0 to "
         "+56.0): the change helped"),
        (-34.1, (-56, -12), None, "b scores 34.1 less than a (95 % interval -56.0 to "
         "-12.0): the change did harm"),
        (4, (-9, 17), 88, "b and a cannot be told apart: the difference is +4.0 (95 % "
         "interval -9.0 to +17.0); about 88 tracks would be needed to tell a "
         "difference of this size apart"),
        (0.001, (-9, 9), None, "b and a cannot be told apart: the difference is +0.0 "
         "(95 % interval -9.0 to +9.0); no number of tracks that anybody has would "
         "tell them apart"),
        (0, (0, 0), None, "b and a score the same on every track"),
    ],
)  # fmt: skip
def test_the_verdict_says_whether_it_helped(mean, interval, needed, words):
    found = Difference(mean, interval, 1.0, 32, "track", True, needed)
    assert differences.verdict("a", "b", found, "track") == words


def test_what_an_interval_covers_is_said():
    found = Difference(1.0, (0, 2), 1.0, 32, "track", True, 40)
    told = differences.reach(found, "episode")
    assert "over 32 episodes and does not cover the luck of training" in told
    paired = found._replace(over="seed", counted=3)
    assert "over 3 seeds, each paired with itself" in differences.reach(paired, "track")
    assert "about 40 seeds of each" in differences.verdict("a", "b", paired, "track")
    unlike = paired._replace(paired=False, counted=7)
    assert "the trainings of both, 7 in all" in differences.reach(unlike, "track")
