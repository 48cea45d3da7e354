"""Mutual information: all of the entropy where a factor is planted, else none."""

import numpy as np
import pytest

from worldmodels.studies.dsprites import mutual_information as info


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def estimate(numbers, factor, rng, permutations=60) -> info.Found:
    return info.estimate(numbers, factor, 8, permutations, rng)


def test_a_planted_number_has_all_of_the_entropy(rng):
    x = rng.integers(32, size=2000)
    numbers = np.stack([x, np.exp(x / 9.0), rng.normal(size=2000)], axis=1)
    found = estimate(numbers, x, rng)
    np.testing.assert_allclose(found.entropy, np.log(8), atol=0.01)
    np.testing.assert_allclose(found.plain[:2], found.entropy)  # in any form
    corrected = info.verdict(found).corrected
    np.testing.assert_allclose(corrected[:2], found.entropy, atol=0.02)
    assert abs(corrected[2]) < 0.01
    assert info.verdict(found).p == 1 / 61


def test_independent_numbers_have_none_and_chance_explains_their_largest(rng):
    """Over 40 memories of noise p is as if drawn between 0 and 1."""
    p, corrected = [], []
    for _ in range(40):
        found = estimate(rng.normal(size=(300, 12)), rng.integers(32, size=300), rng)
        p.append(info.verdict(found).p)
        corrected.append(info.verdict(found).corrected.mean())
    assert abs(np.mean(corrected)) < 0.003
    assert found.plain.mean() > 0.05  # what is taken off
    assert 0.35 < np.mean(p) < 0.65
    assert np.mean(np.array(p) < 0.05) < 0.2


def test_a_weak_dependence_is_found_among_many_numbers(rng):
    x = rng.integers(32, size=1000)
    numbers = rng.normal(size=(1000, 200))
    numbers[:, 77] += 0.02 * x
    verdict = info.verdict(estimate(numbers, x, rng))
    assert verdict.corrected.argmax() == 77
    assert verdict.p < 0.05
    assert verdict.corrected[77] > verdict.limit


def test_counts_equal_a_loop(rng):
    x, y = rng.integers(32, size=200), rng.normal(size=(200, 3))
    found = estimate(y, x, rng, 3)
    a, b = info.binned(x, 8), info.binned(y, 8)
    for number in range(3):
        expected = 0.0
        for i in range(8):
            for j in range(8):
                both = np.mean((a == i) & (b[:, number] == j))
                alone = np.mean(a == i) * np.mean(b[:, number] == j)
                expected += both * np.log(both / alone) if both else 0
        np.testing.assert_allclose(found.plain[number], expected)
        np.testing.assert_allclose(info.of_labels(a, b[:, number]), expected)


def test_more_numbers_than_are_counted_at_once(rng, monkeypatch):
    x, y = rng.integers(32, size=100), rng.normal(size=(100, 7))
    whole = estimate(y, x, np.random.default_rng(1), 5)
    monkeypatch.setattr(info, "_TOGETHER", 3)
    parts = estimate(y, x, np.random.default_rng(1), 5)
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_array_equal(one, other)


def test_bins_hold_equally_many_and_equal_values_stay_together(rng):
    counts = np.bincount(info.binned(rng.normal(size=800), 8))
    np.testing.assert_array_equal(counts, np.full(8, 100))
    assert len(np.unique(info.binned(np.zeros(100), 8))) == 1
    values = np.repeat([0.0, 1.0], 50)
    assert len(np.unique(info.binned(values, 8))) == 2


def test_simple_estimates_tell_noise_from_a_memory_badly(rng):
    """The seed's two figures below 1e-8 can only be of numbers that never change."""
    found = info.without_power(rng)
    labels, widths = found["values as labels"], found["10 bins of equal width"]
    # noise, a constant, the factor itself
    np.testing.assert_allclose(labels[0], labels[2])  # all of it, whatever is held
    np.testing.assert_allclose(labels[2], np.log(32), atol=0.05)
    assert 0.15 < widths[0] < 0.4  # noise
    assert abs(labels[1]) < 1e-8
    assert abs(widths[1]) < 1e-8
