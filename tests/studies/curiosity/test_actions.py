"""Distributions of actions, beside scipy."""

import jax
import numpy as np
from scipy import stats

from worldmodels.studies.curiosity.actions import Choice, Numbers

RNG = np.random.default_rng(0)


def test_choices_are_drawn_as_their_logits_say():
    choice, logits = Choice(3), np.log([0.2, 0.5, 0.3]).astype(np.float32)
    count = 20_000
    bits = RNG.integers(0, 2**32, (count, 1), np.uint32)
    outputs = np.broadcast_to(logits, (count, 3))
    found = np.asarray(jax.jit(lambda o, b: choice.draw(o, {}, b))(outputs, bits))
    shares = np.bincount(found, minlength=3) / count
    np.testing.assert_allclose(shares, [0.2, 0.5, 0.3], atol=0.015)
    chance = np.exp(jax.jit(lambda o, a: choice.log_prob(o, {}, a))(outputs, found))
    np.testing.assert_allclose(chance, np.array([0.2, 0.5, 0.3])[found], rtol=1e-5)
    entropy = jax.jit(lambda o: choice.entropy(o, {}))(outputs[:1])
    np.testing.assert_allclose(entropy, [stats.entropy([0.2, 0.5, 0.3])], rtol=1e-5)
    assert int(choice.likeliest(outputs[:1])[0]) == 1


def test_numbers_are_drawn_from_a_normal_distribution_and_lie_between_bounds():
    numbers = Numbers((-1.0, 0.0), (1.0, 1.0), (0.0, 0.0))
    params = {"log_std": np.log([0.5, 2.0]).astype(np.float32)}
    means = np.array([0.3, -0.2], np.float32)
    bits = RNG.integers(0, 2**32, (20_000, 2), np.uint32)
    outputs = np.broadcast_to(means, bits.shape)
    found = np.asarray(jax.jit(numbers.draw)(outputs, params, bits))
    np.testing.assert_allclose(found.mean(axis=0), means, atol=0.05)
    np.testing.assert_allclose(found.std(axis=0), [0.5, 2.0], rtol=0.02)
    known = stats.norm(means, [0.5, 2.0])
    log_prob = jax.jit(numbers.log_prob)(outputs, params, found)
    np.testing.assert_allclose(log_prob, known.logpdf(found).sum(-1), rtol=1e-3)
    entropy = jax.jit(numbers.entropy)(outputs[:1], params)
    np.testing.assert_allclose(entropy, [known.entropy().sum()], rtol=1e-5)
    ends = np.array([[-1, -1], [1, 1], [9, -9], [0, 0]], np.float32)
    applied = [[-1, 0], [1, 1], [1, 0], [0, 0.5]]
    np.testing.assert_allclose(numbers.applied(ends), applied)
