"""Probes find what is there, and nothing where nothing is."""

import jax
import numpy as np
import pytest
from scipy.linalg import lstsq

from worldmodels.studies.dsprites import factors, probes
from worldmodels.studies.dsprites.probes import LAGS, SCORES, Probe


@pytest.fixture
def places() -> np.ndarray:
    return np.random.default_rng(0).integers(factors.COUNT, size=(40, 30))


def scored(probe: Probe, x: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return what is gained over chance, [lag, score]."""
    told = x @ np.asarray(probe.kernel) + np.asarray(probe.bias)
    return probes.gained(probes.errors(told, wanted).mean(axis=0))


def gram(x: np.ndarray, y: np.ndarray) -> probes.Gram:
    return probes.gram(x.reshape(-1, x.shape[-1]), y.reshape(-1, y.shape[-1]))


def test_targets_are_of_the_step_and_of_those_before(places):
    found = probes.targets(places).reshape(40, 20, 3, 9)
    for lag, wanted in zip(LAGS, np.moveaxis(found, 2, 0), strict=True):
        given = factors.classes(places[7, 15 - lag])
        row = wanted[7, 15 - max(LAGS)]
        np.testing.assert_array_equal(row[:3], np.arange(3) == given[0])
        np.testing.assert_allclose(row[3:7], factors.values(given)[1:], rtol=1e-6)
        np.testing.assert_allclose(row[7:], factors.turned(given), atol=1e-6)


def test_the_best_constant_scores_as_chance(places):
    wanted = probes.targets(np.arange(0, factors.COUNT, 31)[None])
    told = np.broadcast_to(probes.constant(), wanted.shape)
    found = probes.errors(told, wanted)[0]
    np.testing.assert_allclose(found, np.tile(probes.of_chance(), (3, 1)), rtol=0.02)
    np.testing.assert_allclose(probes.gained(found), 0, atol=0.02)


def test_errors_by_hand():
    wanted = np.zeros((1, 2, 27), np.float32)
    wanted[0, :, [0, 9, 18]] = 1  # both steps show the first shape
    told = wanted.copy()
    told[0, 1, 1] = 2  # the second, at lag 0 of the second step
    told[0, 0, 9 + 3] = 3  # scale at lag 5 of the first step, wrong by 3
    told[0, 1, 18 + 7 : 18 + 9] = 3, 4  # the turn at lag 10 of the second step
    expected = np.zeros((3, 6))
    expected[0, 0], expected[1, 1], expected[2, 5] = 0.5, 9 / 2, 25 / 2
    np.testing.assert_allclose(probes.errors(told, wanted)[0], expected)


def test_ridge_finds_what_is_planted_and_nothing_else(places):
    """The vector holds x at t and y five steps before, mixed with noise."""
    values, rng = factors.values(factors.classes(places)), np.random.default_rng(1)
    x = np.stack([values[:, 10:, 3], values[:, 5:-5, 4], rng.random((40, 20))], axis=-1)
    x = (x - x.mean(axis=(0, 1))) / x.std(axis=(0, 1)) @ rng.normal(size=(3, 6))
    x, wanted = x.astype(np.float32), probes.targets(places)
    probe = probes.ridge(gram(x[:24], wanted[:24]), gram(x[24:30], wanted[24:30]))
    found = scored(probe, x[30:], wanted[30:])
    planted = np.zeros((3, 6))
    planted[0, SCORES.index("x")] = planted[1, SCORES.index("y")] = 1
    np.testing.assert_allclose(found, planted, atol=0.25)
    np.testing.assert_allclose(found[planted == 1], 1, atol=0.01)


def test_ridge_with_little_strength_is_least_squares(places, monkeypatch):
    monkeypatch.setattr(probes, "STRENGTHS", np.array([1e-12]))
    x = np.random.default_rng(2).normal(size=(800, 5)).astype(np.float32)
    y = probes.targets(places).reshape(800, 27)
    probe = probes.ridge(probes.gram(x[:500], y[:500]), probes.gram(x[500:], y[500:]))
    expected = lstsq(x.astype(float), y - probes.constant())[0]
    np.testing.assert_allclose(probe.kernel, expected, atol=1e-4)


def test_ridge_compares_strengths_on_other_rows(places):
    """With few rows of pure noise, the strongest is best."""
    x = np.random.default_rng(3).normal(size=(800, 60)).astype(np.float32)
    y = probes.targets(places).reshape(800, 27)
    few = probes.gram(x[:70], y[:70])
    weak = probes.ridge(few, few)  # checked on what it was fitted to
    probe = probes.ridge(few, probes.gram(x[70:], y[70:]))
    assert np.linalg.norm(probe.kernel) < np.linalg.norm(weak.kernel) / 4


def test_adams_probe_begins_at_chance_and_finds_what_is_planted(places):
    values = factors.values(factors.classes(places))[:, 10:, 3:4]
    x = ((values - 0.5) / values.std()).astype(np.float32)
    wanted = probes.targets(places)
    probe = probes.initial(1)
    np.testing.assert_allclose(scored(probe, x, wanted), 0, atol=0.15)
    moments = probes.optimizer(0.01).init(probe)
    rows = [a.reshape(1, 800, -1).repeat(200, axis=0) for a in (x, wanted)]
    probe, moments = probes.learn(0.01, probe, moments, *rows)
    found = scored(probe, x, wanted)
    assert found[0, SCORES.index("x")] > 0.99
    assert np.abs(found[1:]).max() < 0.15


def test_outputs_learn_independently(places):
    """The gradient of one lag's outputs takes no notice of the others' targets."""
    x = np.random.default_rng(4).normal(size=(50, 3)).astype(np.float32)
    y = probes.targets(places).reshape(800, 27)[:50]
    other = y.copy()
    other[:, 9:] = 5
    gradient = jax.jit(jax.grad(probes.loss))
    one, two = (gradient(probes.initial(3), x, target) for target in (y, other))
    np.testing.assert_allclose(one.kernel[:, :9], two.kernel[:, :9])
    assert not np.allclose(one.kernel[:, 12:], two.kernel[:, 12:])
