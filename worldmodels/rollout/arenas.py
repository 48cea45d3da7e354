"""Where candidates are scored: in the simulator, in gymnasium or in M's dreams.

Each gives a `Score`: a function of a population [P, D], of seeds, [R] or [P, R], and of
the steps in an episode at most, which returns the returns [P, R].
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

from worldmodels.environments.carracing.simulator import World
from worldmodels.environments.processes.pool import EnvironmentPool
from worldmodels.experiment.settings import Environment
from worldmodels.experiment.worlds import spec_of, uses_simulator
from worldmodels.models.agent import Agent, Weights
from worldmodels.models.dream import Dream, check_pays
from worldmodels.models.precision import Precision
from worldmodels.rollout import in_dream, in_gymnasium, in_simulator
from worldmodels.rollout.grouping import Score, returns
from worldmodels.stores import networks
from worldmodels.stores.artifact import Artifact, ArtifactError
from worldmodels.stores.lineage import check_all_inputs


def pool_of(settings: Environment, workers: int | None) -> EnvironmentPool:
    """Return the pool of environments that the settings ask for, a context manager.

    Args:
        workers: processes; None is one a core.

    Raises:
        UserError: for a game that cannot be played.
    """
    spec = spec_of(settings)
    spec.game  # noqa: B018  a world that cannot be built is refused here, by name
    return EnvironmentPool(spec, slots=settings.slots, workers=workers)


class Arena(NamedTuple):
    """Where candidates learn, and where the mean of their distribution is tested."""

    learning: Score
    testing: Score


@contextmanager
def game(
    agent: Agent,
    weights: Weights,
    environment: Environment,
    start: str,
    workers: int | None,
) -> Iterator[Arena]:
    """Give the game, played where the settings say.

    Args:
        start: where cars begin that learn: at the "line", as in tests, or "anywhere".
    """
    if uses_simulator(environment):
        learning = partial(in_simulator.fresh, start=start)
        yield Arena(simulator(agent, weights, learning), simulator(agent, weights))
        return
    with pool_of(environment, workers) as pool:
        score = gymnasium(pool, agent, weights)
        yield Arena(score, score)


def gymnasium(pool: EnvironmentPool, agent: Agent, weights: Weights) -> Score:
    """Return the score in gymnasium's environments."""
    return partial(returns, partial(in_gymnasium.play, pool, agent, weights))


def simulator(
    agent: Agent,
    weights: Weights,
    build: Callable[..., World] = in_simulator.fresh,
) -> Score:
    """Return the score in the simulator, on tracks that `build` makes of seeds."""
    mesh = in_simulator.devices()
    return partial(returns, partial(in_simulator.play, mesh, agent, weights, build))


def dreams(agent: Agent, dream: Dream) -> Score:
    """Return the score in dreams: a seed is a dream of its own, and V is not needed."""
    mesh = in_simulator.devices()
    play = partial(in_dream.play, mesh, dream, agent.controller)
    return partial(returns, play, seed_by_seed=True)


def open_dream(
    memory: Artifact,
    latents: Sequence[Artifact],
    temperature: float,
    death: str,
    precision: Precision,
) -> Dream:
    """Return the dream of M to score candidates in.

    Args:
        death: the setting `controller.death`.
        precision: of M's products.

    Raises:
        UserError: for a dream that cannot begin, or that pays nothing.
    """
    if not latents:
        raise ArtifactError(
            "a controller that learns in the dream needs --latents, the stores that M "
            "learnt from: dreams begin in their episodes"
        )
    check_all_inputs(memory, "latents", latents)
    dream = networks.load_dream(memory, latents, temperature, death, precision)
    check_pays(dream.model)
    return dream
