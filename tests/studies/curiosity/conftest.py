"""A world in which all is known in advance, and an agent that plays it."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from worldmodels.studies.curiosity import agent as agents
from worldmodels.studies.curiosity import setup
from worldmodels.studies.curiosity.actions import Choice
from worldmodels.studies.curiosity.agent import Agent
from worldmodels.studies.curiosity.distillation import Pair
from worldmodels.studies.curiosity.networks import Body
from worldmodels.studies.curiosity.setup import Setup
from worldmodels.studies.curiosity.worlds import World

LIVES = 5  # steps until every second level's player dies; the others never do


class Clock(NamedTuple):
    """Each level has a number; a step says what time it is."""

    level: jax.Array  # typed keys [B]
    number: jax.Array  # float32 [B], of the level
    step: jax.Array  # int32 [B]


def _reset(keys):
    number = (jax.random.key_data(keys)[:, 1] % 1000).astype(np.float32)
    return Clock(keys, number, jnp.zeros(len(number), np.int32))


def _step(state, action, limit):
    state = state._replace(step=state.step + 1)
    dead = (state.step >= LIVES) & (state.number % 2 == 0)
    reward = action + state.step.astype(np.float32) - 9.0 * dead
    return state, reward, dead, (state.step >= limit) & ~dead


def _renew(state, keys, done, observed):
    new = _reset(keys)
    state = Clock(*(jnp.where(done, a, b) for a, b in zip(new, state, strict=True)))
    # Those that go on are seen as the caller said, so that a wrong word of it shows.
    return state, jnp.where(done[:, None], _observe(new), observed)


def _observe(state):
    return jnp.stack([state.number, state.step.astype(np.float32)], -1)


def clock_of(config: dict) -> Setup:
    """Return the world, and a small agent that sees two observations."""
    dtype = config.get("dtype", "float32")
    world = World(
        _reset, _step, _renew, _observe, _observe, (2,), 0.01, Choice(2),
        lambda action: action == 0,
    )  # fmt: skip
    body = Body("dense", (2,), 2, 4, dtype=dtype)
    target = Body("dense", (2,), 1, 3, activated=False, dtype=dtype)
    agent = Agent(body, Pair(target, target), world.actions, False, world.scale)
    return Setup(world, agent, 2, 7)


@pytest.fixture(scope="session")
def clock() -> Setup:
    """The world and its agent in float32."""
    return clock_of({})


@pytest.fixture
def in_clock(monkeypatch):
    """Let trainings learn the clock's world: it compiles in a few seconds."""
    monkeypatch.setattr(setup, "of", clock_of)


@pytest.fixture(scope="session")
def weights(clock):
    """Fresh weights of what learns, and of the target."""
    return agents.initial(clock.agent, np.random.default_rng(0))


@pytest.fixture
def coefficients():
    """Return coefficients of an arm, changed at will."""

    def make(**changes):
        config = {
            "extrinsic": 2.0, "intrinsic": 1.0, "gamma": 0.9, "gamma_intrinsic": 0.8,
            "trace": 0.95, "clip": 0.2, "entropy": 0.01, "learning_rate": 1e-2,
            "last_rate": 0.5, "gradient_clip": 0.5, "reward_clip": 0.0,
            "reward_scale": 0.5, "limit": 7, "faults": [],
        }  # fmt: skip
        return setup.coefficients(config | changes, 3)

    return make
