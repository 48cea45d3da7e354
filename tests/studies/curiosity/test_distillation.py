"""The bonus of random network distillation, beside numpy."""

import jax
import jax.numpy as jnp
import numpy as np

from worldmodels.studies.curiosity import distillation, networks
from worldmodels.studies.curiosity.distillation import Filter, Pair
from worldmodels.studies.curiosity.networks import Body
from worldmodels.training import running_moments

RNG = np.random.default_rng(0)
scaled = jax.jit(distillation.scaled)
normalised = jax.jit(distillation.normalised, static_argnums=2)
moments = jax.jit(running_moments.of)


def test_frames_are_normalised_and_cut_and_a_still_pixel_stays_finite():
    frames = RNG.integers(0, 256, (50, 3)).astype(np.uint8)
    frames[:, 1] = 204  # it never changes
    seen = moments(frames)
    other = frames[:4].copy()
    other[0] = [255, 205, 0]  # now it does
    found = np.asarray(normalised(other, seen, "float32"))
    deviation = frames.astype(float).std(axis=0, ddof=1) + 1e-5
    expected = np.clip((other - frames.mean(axis=0, dtype=float)) / deviation, -5, 5)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)
    assert found[0, 1] == 5
    assert np.isfinite(found).all()


def test_the_bonus_is_the_mean_error_over_features_and_what_the_predictor_learns():
    target = Body("dense", (3,), 1, 4, activated=False)
    predictor = Body("dense", (3,), 1, 4, extra=1, activated=False)
    weights = [
        networks.initial(RNG, networks.layers(body), "float32")
        for body in (target, predictor)
    ]
    frames = RNG.normal(size=(2, 5, 3)).astype(np.float32)
    pair, seen = Pair(target, predictor), moments(RNG.normal(2, 3, (40, 3)))

    def bonus(own, fixed):
        return distillation.errors(own, fixed, pair, frames, seen)

    def read(params, names):
        x = np.asarray(normalised(frames, seen, "float32"))
        for number, name in enumerate(names):
            x = x @ params[name]["kernel"] + params[name]["bias"]
            if number < len(names) - 1:
                x = np.where(x > 0, x, 0.01 * x)
        return x

    found = jax.jit(bonus)(weights[1], weights[0])
    known = read(weights[0], ["hidden0", "features"])
    guess = read(weights[1], ["hidden0", "features", "extra0"])
    np.testing.assert_allclose(found, ((guess - known) ** 2).mean(-1), rtol=1e-4)
    slope = jax.jit(jax.grad(lambda w: bonus(weights[1], w).mean()))(weights[0])
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(slope))


def test_the_divisor_is_the_deviation_of_sums_over_time_that_never_begin_anew():
    gamma, bonus = 0.9, RNG.exponential(size=(2, 6, 3)).astype(np.float32)
    kept = Filter(jnp.zeros(3), running_moments.empty(()))
    sums, seen = np.zeros(3), []
    for part in bonus:
        found, kept = scaled(part, kept, gamma)
        for now in part:
            sums = gamma * sums + now
            seen.append(sums)
        # All numbers count, with n - 1: time x environments of them.
        divisor = np.std(seen, ddof=1)
        np.testing.assert_allclose(found, part / divisor, rtol=1e-5)
    assert int(kept.moments.count) == bonus.size
    np.testing.assert_allclose(kept.sums, sums, rtol=1e-5)


def test_no_bonus_is_divided_by_nothing():
    kept = Filter(jnp.zeros(2), running_moments.empty(()))
    found, _ = scaled(np.zeros((3, 2), np.float32), kept, 0.9)
    np.testing.assert_array_equal(found, 0)
