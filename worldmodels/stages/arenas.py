"""Where candidates are scored: in the game, gymnasium's or the simulator's, or dreams.

Each is a context manager that gives a function of a population [P, D], of seeds, [R] or
[P, R], and of the steps in an episode at most, which returns returns [P, R].
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np

from worldmodels import dreaming, driving, simulation
from worldmodels.agent import Agent, Weights
from worldmodels.dream import Dream
from worldmodels.settings import Environment, in_simulator
from worldmodels.stages.pools import pool_of

Arena = Callable[[np.ndarray, np.ndarray, int], np.ndarray]


@contextmanager
def game(
    agent: Agent, weights: Weights, environment: Environment, workers: int | None
) -> Iterator[Arena]:
    """Give the game, played where the settings say."""
    if in_simulator(environment):
        yield partial(simulation.returns, simulation.devices(), agent, weights)
        return
    with pool_of(environment, workers) as pool:
        yield partial(driving.returns, pool, agent, weights)


@contextmanager
def dreams(agent: Agent, dream: Dream) -> Iterator[Arena]:
    """Give a dream: a seed is a dream of its own, and V is not needed."""
    yield partial(dreaming.returns, simulation.devices(), dream, agent.controller)
