"""Where candidates are scored: in the game, gymnasium's or the simulator's, or dreams.

Each is a context manager that gives a function of a population [P, D], of seeds, [R] or
[P, R], and of the steps in an episode at most, which returns returns [P, R].
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import numpy as np

from worldmodels.experiment.settings import Environment, uses_simulator
from worldmodels.models.agent import Agent, Weights
from worldmodels.models.dream import Dream, check_pays
from worldmodels.rollout import in_dream, in_gymnasium, in_simulator
from worldmodels.rollout.pools import pool_of
from worldmodels.stores import networks
from worldmodels.stores.artifact import Artifact, ArtifactError
from worldmodels.stores.lineage import check_all_inputs

Arena = Callable[[np.ndarray, np.ndarray, int], np.ndarray]


@contextmanager
def game(
    agent: Agent, weights: Weights, environment: Environment, workers: int | None
) -> Iterator[Arena]:
    """Give the game, played where the settings say."""
    if uses_simulator(environment):
        yield partial(in_simulator.returns, in_simulator.devices(), agent, weights)
        return
    with pool_of(environment, workers) as pool:
        yield partial(in_gymnasium.returns, pool, agent, weights)


@contextmanager
def dreams(agent: Agent, dream: Dream) -> Iterator[Arena]:
    """Give a dream: a seed is a dream of its own, and V is not needed."""
    yield partial(in_dream.returns, in_simulator.devices(), dream, agent.controller)


def open_dream(
    memory: Artifact, latents: Sequence[Artifact], temperature: float, death: str
) -> Dream:
    """Return the dream of M to score candidates in.

    Args:
        death: the setting `controller.death`.

    Raises:
        UserError: for a dream that cannot begin, or that pays nothing.
    """
    if not latents:
        raise ArtifactError(
            "a controller that learns in the dream needs --latents, the stores that M "
            "learnt from: dreams begin at their first frames"
        )
    check_all_inputs(memory, "latents", latents)
    dream = networks.load_dream(memory, latents, temperature, death)
    check_pays(dream.model)
    return dream
