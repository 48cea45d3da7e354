"""Calibration of death: bins, intervals and their chart."""

import numpy as np
import pytest
from scipy import stats
from support import dreamt

from worldmodels.report import calibration
from worldmodels.training import assessment


@pytest.fixture(scope="module")
def steps():
    return dreamt.steps()


def test_bins_hold_together_what_was_expected(steps):
    """Against a plain loop: a bin ends as soon as M expects a tenth of all in it."""
    fine = dreamt.deaths(steps)
    bins = calibration.merged(fine)
    wanted, begun, borders = fine.expected.sum() / 10, 0, []
    for n in range(len(fine.expected)):
        if fine.expected[begun : n + 1].sum() >= wanted:
            borders.append((begun, n + 1))
            begun = n + 1
    borders[-1] = (borders[-1][0], len(fine.expected))
    assert len(bins.died) == len(borders) <= 10
    for q, (low, high) in enumerate(borders):
        assert bins.expected[q] == pytest.approx(fine.expected[low:high].sum())
        assert bins.died[q] == fine.died[low:high].sum()
        assert bins.edges[q] == fine.edges[low]
    assert bins.steps.sum() == len(steps.logit)
    assert bins.edges[-1] == np.inf


def test_bins_tell_what_the_steps_in_them_tell(steps):
    bins = calibration.merged(dreamt.deaths(steps))
    inside = np.digitize(steps.logit, bins.edges) - 1
    for q in range(len(bins.died)):
        some = inside == q
        assert bins.predicted[q] == pytest.approx(steps.probability[some].mean())
        assert bins.observed[q] == pytest.approx(steps.died[some].mean())


@pytest.mark.parametrize(("bias", "calibrated"), [(0.0, True), (1.0, False)])
def test_intervals_hold_a_calibrated_memory_and_no_other(bias, calibrated):
    bins = calibration.merged(dreamt.deaths(dreamt.steps(bias=bias)))
    low, high = bins.interval
    covered = (low <= bins.predicted) & (bins.predicted <= high)
    # One interval of twenty misses the truth.
    assert 7 <= len(covered) <= covered.sum() + 1 if calibrated else covered.sum() <= 2


def test_few_deaths_make_one_bin():
    fine = dreamt.deaths(dreamt.steps(count=60))
    assert fine.expected.sum() < 10
    bins = calibration.merged(fine)
    assert len(bins.died) == 1
    assert bins.expected[0] == pytest.approx(fine.expected.sum())


def test_intervals_are_exact_ones_also_where_nobody_or_everybody_died():
    bins = calibration.Deaths(
        np.arange(4.0), np.array([50, 37, 0]), np.array([0, 3, 9]), np.ones(3)
    )
    low, high = bins.interval
    for q in range(3):
        exact = stats.binomtest(int(bins.died[q]), int(bins.steps[q])).proportion_ci()
        assert (low[q], high[q]) == pytest.approx((exact.low, exact.high))


def test_log_odds_of_the_histogram_are_the_assessment_s(steps):
    """Even odds are an edge: recall and bins speak of the same steps."""
    fine = dreamt.deaths(steps)
    above = fine.edges[:-1] >= 0
    assert fine.died[above].sum() == (steps.foreseen & steps.died).sum()
    assert len(fine.died) == len(assessment.LOGIT_EDGES) - 1
