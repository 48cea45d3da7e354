"""The page and the tables say what the results are, beside chance and the seed's."""

import re

import numpy as np
import pytest

from worldmodels.studies.dsprites import (
    mutual_information,
    page,
    probes,
    results,
    tables,
)
from worldmodels.studies.dsprites.mutual_information import Found
from worldmodels.studies.dsprites.results import Informed, Learnt, Probed, Results


def probed(model: str, vector: str, x: float) -> Probed:
    """Probes at chance but for x at t, of which they gain `x`."""
    rng = np.random.default_rng(0)
    gained = np.zeros((8, 3, 6))
    gained[:, 0, 3] = x + 0.02 * rng.normal(size=8)
    errors = (1 - gained) * probes.of_chance()
    each = {name: errors for name in results.METHODS}
    return Probed(
        model,
        vector,
        errors.mean(axis=0),
        each,
        {name: results._gained(errors) for name in results.METHODS},
    )


def informed(model: str) -> Informed:
    """A memory of 16 slots of 2 numbers, one of which holds something."""
    rng = np.random.default_rng(1)
    plain, null = 0.02 * rng.random(32), 0.02 * rng.random((19, 32))
    plain[5] = 0.5
    found = Found(plain, null, 2.07)
    itself = Found(np.array([2.07]), np.full((19, 1), 0.02), 2.07)
    noise = Found(np.array([0.02]), np.full((19, 1), 0.02), 2.07)
    verdict = mutual_information.verdict(found)
    return Informed(model, 16, found, verdict, itself, noise)


@pytest.fixture(scope="module")
def found() -> Results:
    rng = np.random.default_rng(2)
    lit = rng.integers(2, size=(20, 64, 64), dtype=np.uint8)
    return Results(
        learnt=[
            Learnt(name, 900, rng.random(900) + 400, 398.0, 566.0, lit, lit * 0.7, 120)
            for name in ("lstm", "b")
        ],
        probed=[
            probed("input", "pixels", 0.99),
            probed("random", "noise", 0),
            probed("b-untrained", "M", 0.1),
            probed("b", "r", 0.4),
            probed("b", "M", 0.3),
        ],
        informed=[informed("b-untrained"), informed("b")],
        without_power=mutual_information.without_power(rng),
    )


def test_the_seeds_table_has_chance_and_gains():
    rows = dict((row[0], row[1:]) for row in tables.test_1([], 0))
    assert rows["chance, exactly"] == (
        "0.6667",
        "0.02917",
        "3.459",
        "0.08871",
        "0.08871",
    )
    assert rows["the seed's A, reads"][3:] == ("0.02671 (+70 %)", "0.01285 (+86 %)")
    assert rows["the seed's B, memory"][3] == "0.08952 (-1 %)"


def test_the_seeds_probes_are_compared_with_ours(found):
    """Of A its reads, of B its memory, and noise; no other vector."""
    names = [row[0] for row in tables.test_1(found.probed, 0)]
    ours = ["random numbers, noise", "DNC B, untrained, M", "DNC B, M"]
    assert names[4:] == ours
    assert len(tables.test_1(found.probed, 1)) == 1 + len(ours)  # none were published


def test_held_out_scores_have_intervals_and_the_shape_its_share(found):
    row = tables.held_out(found.probed, 0)[6]
    assert row[:3] == ("DNC B", "r", "ridge")
    assert row[3] == "0.333 [0.333, 0.333]"  # at chance a third is right
    mean, low, high = map(float, re.findall(r"[\d.]+", row[6]))
    assert low < mean < high
    np.testing.assert_allclose(mean, 0.4, atol=0.03)


def test_the_page_says_what_the_seeds_numbers_meant(found):
    shown = page.html(found, "1.0")
    assert "explain 70 % of x and 86 % of y" in shown
    assert "Test 2 had no power" in shown
    assert shown.count("<figure>") == 4
    assert "http" not in re.sub(r"data:[^\"]+", "", shown)  # it opens offline


def test_the_tables_name_what_is_above_chance(found):
    text = tables.text(found)
    (row,) = re.findall(r"^DNC B  .* 32 .*$", text, re.M)
    assert " 0.050 " in row  # of 19 permutations none is as large
    assert "2.0700 of 2.0700" in row
    data = results.data(found)
    assert data["information"][1]["above_limit"] == 1
    assert data["probes"][4]["vector"] == "M"
    assert len(data["probes"][4]["ridge_gained"]) == 3
