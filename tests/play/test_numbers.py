"""The page's random numbers and draws: their statistics, and the same everywhere."""

import numpy as np
import pytest
from jax.extend.random import threefry2x32_p
from support import engine
from support.engine import needs_node

from worldmodels.play.packing import pack

pytestmark = needs_node

COUNT = 10_000


def test_functions_are_exact_enough():
    x = np.concatenate([np.linspace(-700, 700, 3001), np.linspace(-2, 2, 1001)])
    u = np.linspace(0, 1, 1001)[:-1]
    body = """
    const { x, u } = input.given;
    return [x.map(exp), x.map(exp).map(log), u.map(cosine), x.map(tanh), x.map(sigmoid),
      x.map(softplus), [exp(-800), exp(-Infinity), exp(NaN)], [exp(800)] + ""];
    """
    given = {"x": x.tolist(), "u": u.tolist()}
    e, logs, cosines, tanhs, sigmoids, softpluses, ends, large = engine.run(body, given)
    np.testing.assert_allclose(np.array(e, float), np.exp(x), rtol=1e-9)
    np.testing.assert_allclose(logs, x, rtol=0, atol=1e-9)
    np.testing.assert_allclose(cosines, np.cos(2 * np.pi * u), atol=1e-11)
    np.testing.assert_allclose(tanhs, np.tanh(x), atol=1e-9)
    np.testing.assert_allclose(sigmoids, 1 / (1 + np.exp(-x)), atol=1e-9)
    np.testing.assert_allclose(softpluses, np.logaddexp(0, x), atol=1e-9)
    assert (ends, large) == ([0, 0, None], "Infinity")


def test_random_numbers_are_threefry_s():
    """JAX's own Threefry of the key, the seed's words, and the count and the step."""
    seeds = [0, 1, 2**31 + 5, 2**53 - 1]
    body = """
    return input.given.map((seed) => {
      const r = random(seed);
      r.uniform();
      r.at(9);
      return [r.uniform(), r.uniform(), r.uniform()];
    });
    """
    found = np.array(engine.run(body, seeds))
    for seed, numbers in zip(seeds, found, strict=True):
        key = [np.full(3, word, np.uint32) for word in (seed % 2**32, seed >> 32)]
        counts = np.arange(3, dtype=np.uint32), np.full(3, 9, np.uint32)
        first, _ = threefry2x32_p.bind(*key, *counts)
        np.testing.assert_array_equal(numbers, (np.asarray(first) >> 8) / 2**24)


def test_draws_have_the_mixture_s_mean_and_deviation():
    """At a temperature logits are divided by it and variances multiplied by it."""
    packed = pack(engine.player())
    rng = np.random.default_rng(1)
    logit, mean, logstd = rng.normal(size=(3, 3, 5)) * [[[1.0]], [[2.0]], [[0.3]]]
    given = {"logit": logit, "mean": mean, "logstd": logstd}
    given = {name: x.ravel().tolist() for name, x in given.items()}
    body = """
    const { count, taus, mixture } = input.given;
    const z = new Float32Array(5);
    return taus.map((tau) => {
      const r = random(7);
      return Array.from({ length: count }, (_, t) => {
        r.at(t);
        world.draw(mixture, tau, r, z);
        return Array.from(z);
      });
    });
    """
    taus = [0.5, 1, 1.5]
    given = {"count": COUNT, "taus": taus, "mixture": given}
    for tau, found in zip(taus, engine.run(body, given, packed), strict=True):
        z = np.array(found)
        weight = np.exp(logit / tau)
        weight /= weight.sum(0)
        wanted = (weight * mean).sum(0)
        variance = (weight * (np.exp(2 * logstd) * tau + mean**2)).sum(0) - wanted**2
        error = np.sqrt(variance / COUNT)
        assert (np.abs(z.mean(0) - wanted) < 4 * error).all()
        squares = (z - wanted) ** 2
        error = np.sqrt(((squares**2).mean(0) - variance**2) / COUNT)
        assert (np.abs(squares.mean(0) - variance) < 4 * error).all()


def test_at_temperature_0_the_likeliest_mean_is_drawn():
    packed = pack(engine.player())
    rng = np.random.default_rng(2)
    logit, mean, logstd = rng.normal(size=(3, 3, 5)).astype(np.float32)
    given = {"logit": logit, "mean": mean, "logstd": logstd}
    given = {name: x.ravel().tolist() for name, x in given.items()}
    body = """
    const [drawn, likeliest] = [new Float32Array(5), new Float32Array(5)];
    world.draw(input.given, 0, random(1), drawn);
    world.likeliest(input.given, likeliest);
    return [drawn, likeliest];
    """
    wanted = mean[logit.argmax(0), np.arange(5)]
    for found in engine.run(body, given, packed):
        np.testing.assert_array_equal(np.float32(found), wanted)


@pytest.mark.parametrize("threshold", [None, -2.3])
def test_death_is_drawn_or_a_threshold_s(threshold):
    """Of logits from -4 to 4 each is asked 2,000 times."""
    player = engine.player(death_head=True)._replace(death_threshold=threshold)
    logits = np.linspace(-4, 4, 9)
    body = """
    const r = random(3);
    return input.given.map((logOdds) => {
      const prediction = { logOdds, death: sigmoid(logOdds) };
      let deaths = 0;
      for (let n = 0; n < 2000; n++) deaths += world.dies(prediction, r);
      return deaths / 2000;
    });
    """
    found = engine.run(body, logits.tolist(), pack(player))
    if threshold is None:
        share = 1 / (1 + np.exp(-logits))
        error = np.sqrt(share * (1 - share) / 2000)
        assert (np.abs(found - share) < 4 * error).all()
    else:
        np.testing.assert_array_equal(found, logits > threshold)
