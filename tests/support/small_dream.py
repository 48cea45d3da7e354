"""A dream small enough to be dreamt step by step, and what acts in it."""

import jax
import numpy as np

from worldmodels.environments.games import CARRACING
from worldmodels.models import memory
from worldmodels.models.controller import Controller
from worldmodels.models.dream import Dream, Starts
from worldmodels.models.memory import Memory

MODEL = Memory(latent_size=4, hidden_size=8, mixtures=3, death_head=True)
CONTROLLER = Controller(4, MODEL.size.features, CARRACING, inputs="z_c_h")


def weights(model: Memory = MODEL) -> memory.Params:
    """Return random weights of M, all away from zero, the same at every call."""
    params = memory.initial(jax.random.key(0), model)
    keys = jax.random.split(jax.random.key(1), len(params))
    return {
        name: value + 0.2 * jax.random.normal(key, value.shape)
        for key, (name, value) in zip(keys, params.items(), strict=True)
    }


def starts(count: int = 3) -> Starts:
    """Return first frames that lie far apart, each seen sharply."""
    mu = np.arange(count * MODEL.latent_size).reshape(count, -1) % 7 - 3
    return Starts(mu.astype(np.float32), np.full(mu.shape, -4, np.float32))


def mortal(temperature: float = 1.15) -> Dream:
    """Return a dream in which some die early and some late."""
    return Dream(MODEL, lethal(), starts(), temperature)


def lethal(model: Memory = MODEL) -> memory.Params:
    """Return weights of M in whose dream some die early and some late."""
    params = weights(model)
    params["death_kernel"], params["death_bias"] = 16 * params["death_kernel"], LETHAL
    return params


LETHAL = np.array([-12], np.float32)  # how ready to die, found by trial


def population(count: int) -> np.ndarray:
    """Return that many random controllers, [P, D]."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(count, CONTROLLER.parameter_count)).astype(np.float32)
