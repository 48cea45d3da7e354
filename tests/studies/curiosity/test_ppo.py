"""PPO's losses, beside loops over steps; and the fault of shapes, beside T x T."""

import jax
import numpy as np

from worldmodels.studies.curiosity import ppo

T, B, CLIP = 5, 2, 0.2
RNG = np.random.default_rng(0)
NOW, BEFORE, ADVANTAGE = RNG.normal(scale=0.4, size=(3, T, B)).astype(np.float32)
VALUES, RETURNS = RNG.normal(size=(2, T, B, 2)).astype(np.float32)


def clipped(now, before, advantage):
    ratio = np.exp(now - before)
    within = min(max(ratio, 1 - CLIP), 1 + CLIP)
    return min(ratio * advantage, within * advantage)


def test_the_clipped_objective_is_the_mean_over_steps():
    terms = [
        clipped(NOW[t, b], BEFORE[t, b], ADVANTAGE[t, b])
        for t in range(T)
        for b in range(B)
    ]
    found = jax.jit(ppo.policy_loss)(NOW, BEFORE, ADVANTAGE, CLIP)
    np.testing.assert_allclose(found, -np.mean(terms), rtol=1e-5)


def test_both_values_are_fitted_to_their_own_returns():
    terms = [
        sum((VALUES[t, b, k] - RETURNS[t, b, k]) ** 2 for k in range(2)) / 2
        for t in range(T)
        for b in range(B)
    ]
    found = jax.jit(ppo.value_loss)(VALUES, RETURNS)
    np.testing.assert_allclose(found, np.mean(terms), rtol=1e-5)


def test_the_fault_1_pairs_every_step_with_every_other_of_its_chunk():
    """Chainer 5.1 stretches [C] and [C, 1] over [C, C]."""
    chunk = np.array([[0, 1], [0, 1], [1, 1], [1, 1], [1, 2]], np.int32)
    policy, value, wanted = [], [], np.zeros_like(RETURNS)
    for b in range(B):
        for t in range(T):
            own = np.flatnonzero(chunk[:, b] == chunk[t, b])
            met = [clipped(NOW[t, b], BEFORE[t, b], ADVANTAGE[s, b]) for s in own]
            policy.append(np.mean(met))
            errors = ((VALUES[t, b] - RETURNS[s, b]) ** 2 for s in own)
            value.append(np.mean([error.sum() / 2 for error in errors]))
            wanted[t, b] = RETURNS[own, b].mean(axis=0)
    of_policy = NOW, BEFORE, ADVANTAGE, CLIP, chunk
    found = jax.jit(ppo.stretched_policy_loss)(*of_policy)
    np.testing.assert_allclose(found, -np.mean(policy), rtol=1e-5)
    found, slope = jax.jit(jax.value_and_grad(ppo.stretched_value_loss))(
        VALUES, RETURNS, chunk
    )
    np.testing.assert_allclose(found, np.mean(value), rtol=1e-5)
    # So every value is drawn to the mean return of its chunk.
    drawn = (VALUES - wanted) / (T * B)
    np.testing.assert_allclose(slope, drawn, rtol=1e-4, atol=1e-6)


def test_advantages_are_standardised():
    found = np.asarray(jax.jit(ppo.standardised)(3 + 2 * ADVANTAGE))
    np.testing.assert_allclose([found.mean(), found.std()], [0, 1], atol=1e-5)
    flat = np.asarray(jax.jit(ppo.standardised)(np.ones((T, B), np.float32)))
    np.testing.assert_array_equal(flat, 0)
