"""The pool of environments that a stage's settings ask for."""

from worldmodels.environments import EnvironmentSpec
from worldmodels.environments.processes.pool import EnvironmentPool
from worldmodels.experiment.settings import Environment


def pool_of(settings: Environment, workers: int | None) -> EnvironmentPool:
    """Return a pool, a context manager; `workers` None is one a core."""
    spec = EnvironmentSpec(settings.name, settings.max_steps)
    return EnvironmentPool(spec, slots=settings.slots, workers=workers)
