"""Where candidates are scored: in the game, gymnasium's or the simulator's, or dreams.

Each is a context manager that gives a function of a population [P, D], of seeds, [R] or
[P, R], and of the steps in an episode at most, which returns returns [P, R].
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import numpy as np

from worldmodels import dreaming, driving, simulation, trained
from worldmodels.agent import Agent, Weights
from worldmodels.artifacts import Artifact, ArtifactError
from worldmodels.dream import Dream, check_pays
from worldmodels.lineage import check_all_inputs
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


def open_dream(
    memory: Artifact, latents: Sequence[Artifact], temperature: float
) -> Dream:
    """Return the dream of M to score candidates in.

    Raises:
        UserError: for a dream that cannot begin, or that pays nothing.
    """
    if not latents:
        raise ArtifactError(
            "a controller that learns in the dream needs --latents, the stores that M "
            "learnt from: dreams begin at their first frames"
        )
    check_all_inputs(memory, "latents", latents)
    dream = trained.load_dream(memory, latents, temperature)
    check_pays(dream.model)
    return dream
