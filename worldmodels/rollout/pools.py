"""The pool of environments that a stage's settings ask for."""

from worldmodels.environments import EnvironmentSpec
from worldmodels.environments.processes.pool import EnvironmentPool
from worldmodels.experiment.settings import Environment, section_dict


def spec_of(settings: Environment) -> EnvironmentSpec:
    """Return the environment that settings name."""
    return EnvironmentSpec.of(section_dict(settings))


def pool_of(settings: Environment, workers: int | None) -> EnvironmentPool:
    """Return a pool, a context manager; `workers` None is one a core.

    Raises:
        UserError: for a game that cannot be played.
    """
    spec = spec_of(settings)
    spec.game  # noqa: B018  a world that cannot be built is refused here, by name
    return EnvironmentPool(spec, slots=settings.slots, workers=workers)
