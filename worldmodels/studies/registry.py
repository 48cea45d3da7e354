"""The studies by name.

A new one is a package with a `steps.STUDY`, a row here, rules/studies/<name>.smk, three
lines of the Snakefile and a page, docs/studies/<name>.md. No JAX is imported here: the
Snakefile reads it.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from worldmodels.experiment.config import Config
from worldmodels.runtime.errors import UserError
from worldmodels.studies.study import Study

STUDIES: tuple[str, ...] = (
    "dnc_tasks",
    "dsprites",
    "mixture_density",
    "evolution",
    "conditional_gan",
    "curiosity",
    "pommerman",
)


def study(name: str) -> Study:
    """Return the study of that name."""
    return import_module(f"{__package__}.{name}.steps").STUDY


def has(kind: str) -> bool:
    """Return whether a study makes stores of that kind."""
    return any(kind.startswith(f"{name}_") for name in STUDIES)


def configured(name: str, config: Config) -> dict[str, Any]:
    """Return the settings of a study in an experiment's configuration.

    The type of the numbers and `debug` are the experiment's where the study has none.
    """
    shared = {"dtype": config.run.dtype, "debug": config.run.debug}
    return shared | dict(config.studies.get(name) or {})


def check(given: Mapping[str, Any]) -> None:
    """Refuse settings of studies, by their names, that no study can have.

    Raises:
        UserError: naming the first that is unknown or impossible.
    """
    for name, values in given.items():
        if name not in STUDIES:
            raise UserError(
                f"studies.{name} is no study; those are {', '.join(STUDIES)}"
            )
        study(name).load({} if values is None else values)
