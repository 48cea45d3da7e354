"""M as an environment: how a dream begins, goes on, pays and ends."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats
from support import small_dream
from support.small_dream import MODEL

from worldmodels.models import dream, memory
from worldmodels.models.cells.lstm import LSTMState
from worldmodels.models.dream import Dream, DreamState, Starts
from worldmodels.models.memory import Memory
from worldmodels.runtime.errors import UserError

ACTION = np.array([0.5, 0.2, 0.9], np.float32)


@pytest.fixture(scope="module")
def world():
    return small_dream.mortal()


@pytest.fixture(scope="module")
def under_way():
    """A state that nothing in M is zero in."""
    h, c = np.random.default_rng(0).uniform(-1, 1, (2, 8)).astype(np.float32)
    return DreamState(np.array([1.0, -0.5, 0.2, 2.0], np.float32), LSTMState(h, c))


step = jax.jit(lambda world, *args: world.step(*args))
many_steps = jax.jit(
    lambda world, state, action, keys: jax.vmap(partial(world.step, state, action))(
        keys
    )
)
many_starts = jax.jit(lambda world, keys: jax.vmap(world.reset)(keys))


def test_a_dream_begins_at_a_sample_of_a_stored_frame_with_nothing_remembered(world):
    begun = many_starts(world, jax.random.split(jax.random.key(0), 3000))
    assert not np.any(begun.memory.h)
    assert not np.any(begun.memory.c)
    distance = np.abs(begun.z[:, None] - world.starts.mu).max(axis=-1)  # [B, S]
    start = distance.argmin(axis=1)
    assert stats.chisquare(np.bincount(start, minlength=3)).pvalue > 1e-3
    noise = begun.z - world.starts.mu[start]
    # 12,000 draws of standard deviation exp(-4 / 2): two per cent is three errors
    assert noise.std() == pytest.approx(np.exp(-2), rel=0.02)
    assert abs(noise.mean()) < 4 * np.exp(-2) / 12_000**0.5


def test_a_dream_of_means_begins_at_the_mean_of_a_stored_frame(world):
    world = replace(world, model=world.model.clone(target=memory.MEAN))
    begun = many_starts(world, jax.random.split(jax.random.key(0), 100))
    same = (begun.z[:, None] == world.starts.mu).all(axis=-1)  # [B, S]
    np.testing.assert_array_equal(same.sum(axis=1), 1)
    assert same.any(axis=0).all()


def test_the_same_key_is_the_same_dream(world):
    for other, same in ((3, True), (4, False)):
        keys = [jax.random.key(3), jax.random.key(other)]
        first, again = (many_starts(world, key[None]).z for key in keys)
        assert np.array_equal(first, again) == same
        first, again = (go(world, 5, key) for key in keys)
        assert np.array_equal(first, again) == same


def go(world, steps, key):
    """Return z [T, Z] of some steps under one action, from zeros."""
    zeros = np.zeros(8, np.float32)
    begun = DreamState(np.zeros(4, np.float32), LSTMState(zeros, zeros))
    return imagine(world, begun, np.tile(ACTION, (steps, 1)), key)


imagine = jax.jit(
    lambda world, state, actions, key: dream.imagine(
        world.params, world.model, state, actions, key, world.temperature
    )
)


def test_m_reads_what_is_seen_and_done_and_the_next_z_is_of_its_mixture(
    world, under_way
):
    """Moments over many keys, against the mixture that M predicts, in numpy."""
    keys = jax.random.split(jax.random.key(0), 20_000)
    after, _, _ = many_steps(world, under_way, ACTION, keys)
    state, predicted = memory.step(
        world.params, MODEL, under_way.memory, under_way.z, ACTION
    )
    np.testing.assert_allclose(after.memory.h[0], state.h, atol=1e-6)
    mean, std = moments(predicted.mixture, world.temperature)
    # five standard errors
    np.testing.assert_allclose(after.z.mean(0), mean, atol=5 * std.max() / 20_000**0.5)
    np.testing.assert_allclose(after.z.std(0), std, rtol=0.05)


def moments(mixture, tau):
    """Return mean and standard deviation of a mixture at a temperature."""
    weight = special.softmax(np.asarray(mixture.logweight) / tau, axis=-1)
    variance = np.exp(2 * np.asarray(mixture.logstd)) * tau
    mean = (weight * mixture.mean).sum(-1)
    second = (weight * (variance + np.asarray(mixture.mean) ** 2)).sum(-1)
    return mean, np.sqrt(second - mean**2)


@pytest.mark.parametrize("tau", [0.0, 1e-30])
def test_a_cold_dream_is_finite_and_goes_to_the_likeliest_gaussian(
    world, under_way, tau
):
    cold = replace(world, temperature=tau)
    after, _, _ = step(cold, under_way, ACTION, jax.random.key(0))
    _, predicted = memory.step(
        world.params, MODEL, under_way.memory, under_way.z, ACTION
    )
    best = np.argmax(predicted.mixture.logweight, axis=-1)
    likeliest = np.asarray(predicted.mixture.mean)[np.arange(4), best]
    np.testing.assert_allclose(after.z, likeliest, atol=1e-6)
    assert np.isfinite(go(cold, 50, jax.random.key(0))).all()


def test_imagine_is_a_loop_of_steps_under_given_actions(world, under_way):
    actions = np.random.default_rng(1).uniform(0, 1, (7, 3)).astype(np.float32)
    dreamt = imagine(world, under_way, actions, jax.random.key(3))
    state = under_way
    for t, key in enumerate(jax.random.split(jax.random.key(3), 7)):
        state, _ = dream.advance(
            world.params, MODEL, state, actions[t], key, world.temperature
        )
        np.testing.assert_allclose(dreamt[t], state.z, atol=2e-5)


def deadly_gas() -> Dream:
    """Return a dream where M is sure of death exactly when it reads gas above 1/2."""
    model = Memory(
        latent_size=1, hidden_size=1, mixtures=1, death_head=True, reward_head=True
    )
    params = jax.tree.map(jnp.zeros_like, memory.initial(jax.random.key(0), model))
    # The candidate is the gas less 1/2, all gates are open, nothing is kept.
    reads = params["lstm_kernel"].at[2, 2].set(1.0)
    params |= {"lstm_kernel": reads, "lstm_bias": jnp.array([20.0, -20.0, -0.5, 20.0])}
    params |= {"death_kernel": jnp.full((1, 1), 999.0), "reward_bias": jnp.array([7.0])}
    return Dream(model, params, Starts(np.zeros((1, 1), "f4"), np.zeros((1, 1), "f4")))


def test_the_step_that_kills_is_the_last_and_earns_nothing():
    """Reward and death belong to the action before them, not to the one after."""
    world = deadly_gas()
    state, outcomes = world.reset(jax.random.key(0)), []
    for gas in (0.0, 0.4, 0.6, 0.0):
        action = np.array([0.0, gas, 0.0], np.float32)
        state, reward, died = step(world, state, action, jax.random.key(1))
        outcomes.append((float(reward), bool(died)))
    assert outcomes == [(1, False), (1, False), (0, True), (1, False)]


@pytest.mark.parametrize("tau", [0.0, 1.15, 5.0])
def test_death_is_as_frequent_as_m_states_at_any_temperature(under_way, tau):
    """And it is drawn apart from z, whose draw says nothing of it."""
    count = 20_000
    params = small_dream.weights()
    world = Dream(MODEL, params, small_dream.starts(), tau)
    _, predicted = memory.step(params, MODEL, under_way.memory, under_way.z, ACTION)
    expected = 1 / (1 + np.exp(-float(predicted.death)))
    assert 0.1 < expected < 0.9
    keys = jax.random.split(jax.random.key(5), count)
    after, reward, died = many_steps(world, under_way, ACTION, keys)
    assert abs(died.mean() - expected) < 4 * np.sqrt(expected * (1 - expected) / count)
    np.testing.assert_array_equal(reward, 1 - np.asarray(died, np.float32))
    if tau:
        for z in np.asarray(after.z).T:
            assert abs(np.corrcoef(z, died)[0, 1]) < 4 / np.sqrt(count)


def test_a_threshold_kills_where_the_released_code_s_logit_is_above_zero(under_way):
    """Without luck: M's log-odds move by the head's bias, the keys are many.

    The released code's head, trained with weight 10, has the logit x + log 10.
    """
    weights = small_dream.weights()
    _, predicted = memory.step(weights, MODEL, under_way.memory, under_way.z, ACTION)
    keys = jax.random.split(jax.random.key(5), 100)
    for probability, deadly in ((0.5, True), (0.092, True), (0.090, False)):
        x = np.log(probability / (1 - probability))
        assert (x + np.log(10) > 0) == deadly == (probability > 1 / 11)
        bias = weights["death_bias"] + x - predicted.death
        world = Dream(
            MODEL,
            weights | {"death_bias": bias.astype(np.float32)},
            small_dream.starts(),
            death_threshold=dream.death_threshold(10),
        )
        after, reward, died = many_steps(world, under_way, ACTION, keys)
        assert np.ptp(after.z[:, 0]) > 0.1
        np.testing.assert_array_equal(died, np.full(100, deadly))
        np.testing.assert_array_equal(reward, np.full(100, 1 - deadly))


def test_without_a_weight_the_threshold_is_likelier_than_not():
    assert dream.death_threshold(1) == 0


def test_the_reward_head_pays_where_m_does_not_predict_death():
    both = deadly_gas()
    model = replace(both.model, death_head=False)
    params = {n: x for n, x in both.params.items() if not n.startswith("death")}
    world = replace(both, model=model, params=params)
    action = np.array([0.0, 1.0, 0.0], np.float32)
    _, reward, died = step(
        world, world.reset(jax.random.key(0)), action, jax.random.key(1)
    )
    assert reward == 7
    assert not died


def test_nobody_learns_in_the_dream_of_a_memory_that_predicts_neither(world):
    model = Memory(latent_size=4, hidden_size=8, mixtures=3)
    with pytest.raises(UserError, match=r"memory\.death_head or memory\.reward_head"):
        dream.check_pays(model)
    for paying in (MODEL, replace(model, reward_head=True)):
        dream.check_pays(paying)
    # It can be watched, but is worth nothing that could be selected by.
    silent = replace(world, model=model, params=small_dream.weights(model))
    state, reward, died = step(
        silent, silent.reset(jax.random.key(0)), ACTION, jax.random.key(1)
    )
    assert np.isfinite(state.z).all()
    assert np.isnan(reward)
    assert not died
