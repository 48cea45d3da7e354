"""A cell that only a test knows goes through M's loss, a dream and an agent's step."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import small_agent, toy_cell

from worldmodels.environments.games import CARRACING
from worldmodels.experiment import sizes
from worldmodels.experiment.settings import Round
from worldmodels.models import memory, memory_loss, mixture
from worldmodels.models.agent import Agent, AgentPolicy
from worldmodels.models.cells.registry import CELLS
from worldmodels.models.controller import Controller
from worldmodels.models.dream import Dream, Starts
from worldmodels.rollout import in_dream, in_simulator
from worldmodels.rollout.grouping import returns
from worldmodels.runtime.randomness import episode_keys, seed_words, step_keys
from worldmodels.stores import networks

Z, A, N, SLOTS, B, T = 4, 3, 5, 3, 2, 6
RECORDED = {
    "latent_size": Z, "action_size": A, "cell": "toy", "hidden_size": N,
    "toy": {"slots": SLOTS}, "mixtures": 2, "death_head": True, "dtype": "float32",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
    monkeypatch.setitem(CELLS, "toy", toy_cell.KIND)


@pytest.fixture
def model():
    return networks.memory_model(RECORDED)


@pytest.fixture
def params(model):
    return memory.initial(jax.random.key(0), model)


@pytest.fixture
def controller(model):
    return Controller(Z, model.size.features, CARRACING, inputs="z_r_h")


def by_hand(params, state, x):
    """The toy's step in numpy, of one row."""
    hidden, read = state
    kernel = np.asarray(params["toy_kernel"])
    hidden = np.tanh(np.concatenate([x, hidden, read]) @ kernel)
    return hidden, 0.9 * read + hidden[:SLOTS]


BEGUN = np.full(N, 0.5, np.float32), np.ones(SLOTS, np.float32)


def test_m_has_its_weights_and_heads_on_its_output(model, params):
    assert params["toy_kernel"].shape == (Z + A + N + SLOTS, N)
    assert params["head_kernel"].shape == (N + SLOTS, 3 * 2 * Z)
    assert not any(name.startswith("lstm") for name in params)


@jax.jit
def mean_nll(params, h, mu):
    outputs = h @ params["head_kernel"] + params["head_bias"]
    return mixture.nll(mixture.from_outputs(outputs, 2), mu[:, 1:]).mean()


def test_the_loss_is_that_of_steps_from_each_beginning(model, params):
    rng = np.random.default_rng(0)
    first = np.zeros((B, T), bool)
    first[1, 3] = True
    batch = {
        "mu": rng.normal(size=(B, T + 1, Z)).astype(np.float32),
        "logvar": np.full((B, T + 1, Z), -60, np.float32),  # z is mu
        "actions": rng.normal(size=(B, T, A)).astype(np.float32),
        "first": first,
        "last": np.zeros((B, T), bool),
        "inside": np.ones((B, T), bool),
        "terminated": np.zeros((B, T), bool),
    }
    state = memory.initial_state(model, B)
    loss = partial(memory_loss.loss, model=model)
    value_and_grad = jax.jit(jax.value_and_grad(loss, has_aux=True))
    (_, (metrics, after)), grads = value_and_grad(
        params, batch, jax.random.key(1), state
    )
    h = np.zeros((B, T, N + SLOTS), np.float32)
    for b in range(B):
        carried = BEGUN
        for t in range(T):
            carried = BEGUN if first[b, t] else carried
            z, a = batch["mu"][b, t], batch["actions"][b, t]
            carried = by_hand(params, carried, np.concatenate([z, a]))
            h[b, t] = np.concatenate(carried)
        np.testing.assert_allclose(after["read"][b], carried[1], atol=1e-5)
    nll = float(mean_nll(params, h, batch["mu"]))
    assert metrics["nll"] == pytest.approx(nll, rel=1e-5)
    assert all(np.abs(grad).max() > 0 for grad in grads.values())


def test_an_agent_acts_on_its_features_and_remembers(model, params, controller):
    agent = Agent(small_agent.AGENT.vision, model, controller, sample_z=False)
    weights = small_agent.untrained(agent)._replace(memory=params)
    rng = np.random.default_rng(1)
    flat = rng.normal(size=(B, controller.parameter_count)).astype(np.float32)
    policy = AgentPolicy(agent, weights)

    @jax.jit
    def step(state, frames, keys):
        state, actions = policy.act(state, frames, keys)
        return policy.remember(state, actions), actions

    state = policy.initial(jnp.asarray(flat))
    carried = [BEGUN] * B
    for t in range(2):
        frames = rng.integers(0, 256, (B, 64, 64, 3)).astype(np.uint8)
        keys = jax.random.split(jax.random.key(t), B)
        state, actions = step(state, frames, keys)
        for b in range(B):
            x = np.concatenate([state.z[b], carried[b][1], carried[b][0]])
            raw = np.tanh(flat[b, :-3].reshape(3, -1) @ x + flat[b, -3:])
            expected = [raw[0], (raw[1] + 1) / 2, max(raw[2], 0)]
            np.testing.assert_allclose(actions[b], expected, atol=1e-5)
            read = np.concatenate([state.z[b], actions[b]])
            carried[b] = by_hand(params, carried[b], read)
            np.testing.assert_allclose(
                state.memory["read"][b], carried[b][1], atol=1e-5
            )


def test_a_population_dreams_with_it_as_a_loop_does(model, params, controller):
    starts = Starts(np.ones((1, Z), np.float32), np.full((1, Z), -3, np.float32))
    # Some die early and some late.
    world = Dream(model, params | {"death_bias": np.full(1, -8, np.float32)}, starts)
    rng = np.random.default_rng(2)
    population = rng.normal(size=(2, controller.parameter_count)).astype(np.float32)
    seeds, steps = np.array([3, 4]), 20
    play = partial(in_dream.play, in_simulator.devices(), world, controller)
    found = returns(play, population, seeds, steps, seed_by_seed=True)

    @jax.jit
    def step(state, flat, words, t):
        read = {"h": state.memory["hidden"], "r": state.memory["read"]}
        _, key = jax.random.split(step_keys(words, t[None])[0])
        return world.step(state, controller.act(flat, state.z, read), key)

    begin = jax.jit(lambda words: world.reset(episode_keys(words, "dream")[0]))
    for candidate, flat in enumerate(population):
        for rollout, words in enumerate(seed_words(seeds)):
            state, lived, died = begin(words[None]), 0, False
            np.testing.assert_array_equal(state.memory["read"], BEGUN[1])
            for t in range(steps):
                state, _, died = step(state, flat, words[None], np.int32(t))
                if died:
                    break
                lived += 1
            assert found[candidate, rollout] == lived
    assert len(np.unique(found)) > 2


def test_a_workflow_plans_with_its_size(params):
    settings = Round().changed(vision={"latent_size": Z}, memory={"mixtures": 2})
    # Past the checks, which know the names of the package's own cells.
    changed = {
        "memory": settings.memory.model_copy(update={"cell": "toy", "hidden_size": N}),
        "controller": settings.controller.model_copy(update={"inputs": "z_r_h"}),
    }
    settings = settings.model_copy(update=changed)
    # Without the settings of its own it has 2 slots.
    kernel, output = (Z + A + N + 2) * N, N + 2
    heads = (output + 1) * 3 * 2 * Z
    assert sizes.memory(settings).parameters == kernel + heads
    assert sizes.controller(settings).parameters == 3 * (Z + 2 + N + 1)
