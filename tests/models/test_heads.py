"""What M's heads state once they are trained: the hazard, and the expected reward."""

from functools import partial

import jax
import numpy as np
import optax
import pytest

from worldmodels.models import memory, memory_loss
from worldmodels.models.memory import Memory


@pytest.mark.slow
def test_the_stated_probability_of_death_is_the_hazard():
    """Trained on deaths of a known hazard with weight 10, M states the hazard.

    What the weighted loss itself sees, log 10 higher, would be wrong by far.
    """
    model = Memory(
        latent_size=1, action_size=1, hidden_size=4, mixtures=1, death_head=True
    )
    rng = np.random.default_rng(0)
    shape = (64, 50)
    danger = rng.integers(0, 2, (*shape, 1))  # seen in the action
    hazard = np.where(danger[..., 0] == 1, 0.2, 0.02)
    died = rng.uniform(size=shape) < hazard
    batch = {
        "mu": np.zeros((64, 51, 1), np.float32),
        "logvar": np.zeros((64, 51, 1), np.float32),
        "actions": danger.astype(np.float32),
        "terminated": died,
        "last": died,  # and the next episode begins
        "first": np.concatenate([np.ones((64, 1), bool), died[:, :-1]], axis=1),
        "inside": np.ones(shape, bool),
    }
    params = fitted(model, batch, memory_loss.Scale(death_weight=10.0))
    state = memory.initial_state(model, 64)
    by_time = [batch[k].swapaxes(0, 1) for k in ("mu", "actions", "first")]
    by_time[0] = by_time[0][:-1]
    _, predicted = model.apply({"params": params}, *by_time, state, method="observe")
    logit = np.asarray(predicted.death).T
    for place in (danger[..., 0] == 1, danger[..., 0] == 0):
        frequency = died[place].mean()
        stated, raw = (
            (1 / (1 + np.exp(-x[place]))).mean() for x in (logit, logit + np.log(10))
        )
        assert stated == pytest.approx(frequency, rel=0.15)
        assert raw > 2.5 * frequency


def fitted(model: Memory, batch: dict, scale: memory_loss.Scale, steps: int = 400):
    """Return parameters after so many steps of Adam on one batch."""
    optimizer = optax.adam(0.03)
    start = memory.initial_state(model, len(batch["mu"]))
    loss = partial(memory_loss.loss, model=model, scale=scale)

    def step(carry, key):
        params, state = carry
        grads, _ = jax.grad(loss, has_aux=True)(params, batch, key, start)
        changes, state = optimizer.update(grads, state)
        return (optax.apply_updates(params, changes), state), None

    params = memory.initial(jax.random.key(0), model)
    keys = jax.random.split(jax.random.key(1), steps)
    train = jax.jit(lambda carry: jax.lax.scan(step, carry, keys)[0])
    return train((params, optimizer.init(params)))[0]


@pytest.mark.slow
def test_the_expected_reward_is_the_mean_of_rare_and_large_rewards():
    """-0.1 a frame and 3.2 with a tile, one frame in five: 0.56, no median of -0.1."""
    model = Memory(
        latent_size=1, action_size=1, hidden_size=4, mixtures=1, reward_head=True
    )
    rng = np.random.default_rng(0)
    rewards = np.where(rng.uniform(size=(64, 50)) < 0.2, 3.2, -0.1).astype("f4")
    step = np.broadcast_to(np.arange(50), rewards.shape)
    batch = {
        "mu": np.zeros((64, 51, 1), np.float32),
        "logvar": np.zeros((64, 51, 1), np.float32),
        "actions": np.zeros((64, 50, 1), np.float32),
        "rewards": rewards,
        "first": step == 0,
        "last": step == 49,
        "inside": step >= 0,
    }
    scale = memory_loss.Scale(reward_variance=float(rewards.var()))
    params = fitted(model, batch, scale, steps=200)
    start = memory.initial_state(model, 64)
    z, a = batch["mu"][:, :-1].swapaxes(0, 1), batch["actions"].swapaxes(0, 1)
    _, predicted = memory.observe(params, model, start, z, a)
    assert np.mean(predicted.reward) == pytest.approx(rewards.mean(), abs=0.02)
