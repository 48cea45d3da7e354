"""Advantages and returns, beside loops over the steps of one environment."""

import jax
import numpy as np
import pytest

from worldmodels.studies.curiosity import advantages as module

T, B, GAMMA, TRACE = 7, 3, 0.9, 0.8
RNG = np.random.default_rng(0)
REWARDS, VALUES = RNG.normal(size=(2, T, B)).astype(np.float32)
LATER = np.concatenate([VALUES[1:], RNG.normal(size=(1, B)).astype(np.float32)])
DEAD = np.zeros((T, B), bool)
DEAD[2, 0] = DEAD[6, 1] = DEAD[4, 2] = True
CUT = np.zeros((T, B), bool)
CUT[3, 1] = True
AT_CUT = np.where(CUT, 1.7, 0).astype(np.float32)
NONE = np.zeros((T, B), bool)


def looped(after, ends, lost=False):
    """Add up each step's errors until its episode ends, forwards."""
    found = np.zeros((T, B))
    for b in range(B):
        for t in range(T):
            weight = 1.0
            for k in range(t, T):
                error = REWARDS[k, b] + GAMMA * after[k, b] - VALUES[k, b]
                found[t, b] += weight * (0 if lost and ends[k, b] else error)
                weight *= GAMMA * TRACE
                if ends[k, b]:
                    break
    return found


def of_module(function, after, ends):
    return jax.jit(function)(REWARDS, VALUES, after, ends, GAMMA, TRACE)


@pytest.mark.parametrize("through", [False, True])
def test_advantages_are_discounted_sums_of_errors(through):
    """Extrinsic ones stop at a death and bootstrap at a cut; intrinsic ones run on."""
    ends = NONE if through else DEAD | CUT
    after = LATER if through else np.where(DEAD, 0, np.where(CUT, AT_CUT, LATER))
    found = of_module(module.advantages, after, ends)
    np.testing.assert_allclose(found, looped(after, ends), rtol=1e-5, atol=1e-6)


def test_the_fault_2_forgets_what_dying_costs():
    ends = DEAD | CUT
    found = of_module(module.without_last, LATER, ends)
    np.testing.assert_allclose(found, looped(LATER, ends, True), rtol=1e-5, atol=1e-6)
    assert (np.asarray(found)[ends] == 0).all()


def test_the_fault_3_begins_returns_one_step_late():
    last = LATER[-1]
    found = np.asarray(jax.jit(module.one_late)(VALUES, last, DEAD))
    for b in range(B):
        for t in range(T):
            later = VALUES[t + 1, b] if t < T - 1 else last[b]
            assert found[t, b] == (0 if DEAD[t, b] else later)
