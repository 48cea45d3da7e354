"""What mixtures start from: counts against a loop, and their place among outputs."""

import math

import numpy as np
import pytest

from worldmodels.models import mixture
from worldmodels.studies.pommerman import starts
from worldmodels.studies.pommerman.components import PARTS, Z

LEAST = math.log(0.3)


@pytest.fixture
def pairs(games):
    states = games["states"]
    return states[:, :-1].reshape(-1, Z), states[:, 1:].reshape(-1, Z)


def test_pairs_of_values_are_counted(pairs):
    now, later = pairs
    counts = starts.counted(now, later)
    expected = np.zeros_like(counts)
    for number, part in enumerate(PARTS.values()):
        for a, b in zip(now[:, part].ravel(), later[:, part].ravel(), strict=True):
            expected[number, a, b] += 1
    np.testing.assert_array_equal(counts, expected)


def test_mixtures_of_counts_are_what_followed_as_often_as_it_did(pairs):
    counts = starts.counted(*pairs)
    found = _mixture("counts", counts, pairs[0])
    weight = np.exp(found.logweight)
    for row, entry in ((0, 0), (3, 200), (5, 363), (7, 367)):
        part = [p.start <= entry < p.stop for p in PARTS.values()].index(True)
        often = counts[part, pairs[0][row, entry]]
        best = np.argsort(-often, kind="stable")[:3]
        np.testing.assert_array_equal(found.mean[row, entry], best)
        share = (often[best] + 0.5) / (often[best] + 0.5).sum()
        np.testing.assert_allclose(weight[row, entry], share, rtol=1e-5)
    assert (found.logstd[..., :-1] < LEAST).all()
    assert (found.logstd[..., -1] > 0).all()  # what is not among them may happen, too
    likeliest = np.asarray(found.mean[..., 0]).astype(int)
    np.testing.assert_array_equal(starts.likeliest(counts, pairs[0]), likeliest)


def test_means_that_start_at_the_state_are_the_state(pairs):
    found = _mixture("state", starts.counted(*pairs), pairs[0])
    for kind in range(3):
        np.testing.assert_array_equal(found.mean[..., kind], pairs[0])
    assert not np.any(found.logit)
    assert not np.any(found.logstd)


def test_outputs_that_start_from_nothing_are_as_they_are(pairs):
    assert not starts.table("nothing", starts.counted(*pairs), 3, LEAST).any()


def _mixture(kind, counts, now):
    table = starts.table(kind, counts, 3, LEAST).astype("f4")
    return mixture.from_outputs(starts.of(table, now), 3)
