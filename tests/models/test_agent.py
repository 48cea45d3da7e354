"""The agent's step against V, C and M called by hand."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special
from support.small_agent import AGENT, untrained

from worldmodels.models import memory, vision
from worldmodels.models.agent import Agent, AgentPolicy, choose
from worldmodels.models.cells.lstm import LSTMState

B, T = 3, 4
MEAN_AGENT = Agent(AGENT.vision, AGENT.memory, AGENT.controller, sample_z=False)


@pytest.fixture(scope="module")
def weights():
    return untrained(AGENT)


@pytest.fixture(scope="module")
def inputs():
    rng = np.random.default_rng(0)
    controllers = rng.normal(size=(B, AGENT.controller.parameter_count))
    state = LSTMState(*rng.normal(0, 0.5, (2, B, 5)).astype(np.float32))
    frames = rng.integers(0, 256, (B, 64, 64, 3)).astype(np.uint8)
    return controllers.astype(np.float32), state, frames, keys_of(0)


def keys_of(t):
    """One key for each car, of step t."""
    cars = jax.random.split(jax.random.key(7), B)
    return jax.vmap(partial(jax.random.fold_in, data=t))(cars)


def numpy_act(params, z, h):
    x = np.concatenate([z, h])
    steer, gas, brake = np.tanh(params[:-3].reshape(3, -1) @ x + params[-3:])
    return np.array([steer, (gas + 1) / 2, max(brake, 0)])


def numpy_lstm(params, h, c, x):
    p = jax.tree.map(np.asarray, params)
    gates = np.concatenate([x, h]) @ p["lstm_kernel"]
    i, f, g, o = np.split(gates + p["lstm_bias"], 4)
    c = special.expit(f) * c + special.expit(i) * np.tanh(g)
    return special.expit(o) * np.tanh(c), c


@partial(jax.jit, static_argnames="agent")
def step(agent, weights, controllers, state, frames, keys):
    """Drive one step as a policy; the state after it and the actions."""
    policy = AgentPolicy(agent, weights)
    carry = policy.initial(controllers)._replace(memory=state)
    carry, actions = policy.act(carry, frames, keys)
    return policy.remember(carry, actions), actions


@pytest.mark.parametrize("agent", [AGENT, MEAN_AGENT])
def test_step_equals_a_step_by_hand(agent, weights, inputs):
    controllers, state, frames, keys = inputs
    after, actions = step(agent, weights, controllers, state, frames, keys)
    mu, logvar = vision.encode(weights.vision, agent.vision, frames)
    for b in range(B):
        z = np.asarray(mu[b])
        if agent.sample_z:
            z = z + np.exp(0.5 * logvar[b]) * jax.random.normal(keys[b], (4,))
        action = numpy_act(controllers[b], z, state.h[b])
        # M consumes the bounded action, the one that the environment applies
        h, c = numpy_lstm(
            weights.memory, state.h[b], state.c[b], np.concatenate([z, action])
        )
        np.testing.assert_allclose(after.z[b], z, atol=1e-5)
        np.testing.assert_allclose(actions[b], action, atol=1e-5)
        np.testing.assert_allclose(after.memory.h[b], h, atol=1e-5)
        np.testing.assert_allclose(after.memory.c[b], c, atol=1e-5)


def test_memory_reads_the_action_that_was_applied(weights, inputs):
    """Another than the one that C chose, where somebody adds noise to it."""
    controllers, state, frames, keys = inputs
    policy = AgentPolicy(AGENT, weights)
    carry = policy.initial(controllers)._replace(memory=state)
    carry, chosen = policy.act(carry, frames, keys)
    applied = chosen + np.float32(0.1)
    after = policy.remember(carry, applied)
    for b in range(B):
        x = np.concatenate([carry.z[b], applied[b]])
        h, c = numpy_lstm(weights.memory, state.h[b], state.c[b], x)
        np.testing.assert_allclose(after.memory.h[b], h, atol=1e-5)
        np.testing.assert_allclose(after.memory.c[b], c, atol=1e-5)


def test_the_action_depends_on_the_memory_before_this_frame(weights, inputs):
    controllers, state, frames, keys = inputs
    z, actions = choose(AGENT, weights, controllers, state, frames, keys)
    # M's weights decide what is remembered of this frame, not this frame's action
    forgetful = weights._replace(memory=jax.tree.map(jnp.zeros_like, weights.memory))
    _, same = choose(AGENT, forgetful, controllers, state, frames, keys)
    np.testing.assert_array_equal(same, actions)
    moved = LSTMState(state.h + 0.5, state.c)
    seen, other = choose(AGENT, weights, controllers, moved, frames, keys)
    np.testing.assert_array_equal(seen, z)
    assert (np.abs(other - actions).max(1) > 1e-3).all()


def test_a_controller_changes_its_own_row_only(weights, inputs):
    controllers, state, frames, keys = inputs
    before = step(AGENT, weights, controllers, state, frames, keys)
    changed = controllers.copy()
    changed[1] *= -1
    after = step(AGENT, weights, changed, state, frames, keys)
    for x, y in zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=True):
        np.testing.assert_array_equal(x[::2], y[::2])
    assert np.any(before[1][1] != after[1][1])
    assert np.any(before[0].memory.h[1] != after[0].memory.h[1])


def test_a_key_changes_its_own_row_only(weights, inputs):
    controllers, state, frames, keys = inputs
    before, _ = choose(AGENT, weights, controllers, state, frames, keys)
    keys = keys.at[1].set(jax.random.key(99))
    after, _ = choose(AGENT, weights, controllers, state, frames, keys)
    np.testing.assert_array_equal(before[::2], after[::2])
    assert np.any(before[1] != after[1])


def test_an_episode_by_scan_equals_a_python_loop(weights, inputs):
    controllers = inputs[0]
    frames = np.random.default_rng(1).integers(0, 256, (T, B, 64, 64, 3), np.uint8)
    keys = jnp.stack([keys_of(t) for t in range(T)])
    policy = AgentPolicy(AGENT, weights)

    def drive(carry, at_t):
        carry, actions = policy.act(carry, *at_t)
        return policy.remember(carry, actions), actions

    last, scanned = jax.lax.scan(drive, policy.initial(controllers), (frames, keys))
    state = memory.initial_state(AGENT.memory, B)
    for t in range(T):
        after, actions = step(AGENT, weights, controllers, state, frames[t], keys[t])
        np.testing.assert_allclose(scanned[t], actions, atol=1e-5)
        state = after.memory
    np.testing.assert_allclose(last.memory.h, state.h, atol=1e-5)
    np.testing.assert_allclose(last.z, after.z, atol=1e-5)
