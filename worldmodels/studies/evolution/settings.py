"""The settings of the study. No JAX is imported here: the Snakefile reads it."""

from typing import Annotated, Literal, NamedTuple

from pydantic import Field, model_validator

from worldmodels.experiment.bounds import MAX_BATCH, MAX_RATE
from worldmodels.experiment.section import setting
from worldmodels.experiment.values import Number, list_of
from worldmodels.runtime.randomness import MAX_SEED
from worldmodels.search.names import IN_PAIRS, STRATEGIES
from worldmodels.studies.study import StudySettings

FORMS = ("saddles", "rings")  # of Schaffer's function; the seeds' is the first
NEAR, BOX = "near", "box"  # where searches start: N(0, I), or uniform in [-20, 40]^2
TENSOR, SCALAR = "tensor", "scalar"  # the rank-one term: as it should be, or a number
OPTIMUM, MIRRORED = (10.0, 10.0), (10.0, -10.0)
MAX_POPULATION = 512  # the constants of every size to 8 times it lie in memory
SEEDS_PARENTS, SEEDS_SIGMA = 0.25, 0.3  # of the seeds' code: a share of the population

_Sigma = Annotated[Number, Field(gt=0.0, le=MAX_RATE)]
_Share = Annotated[Number, Field(ge=0.0, le=1.0)]


class Case(NamedTuple):
    """Searches of one kind, of Schaffer's function.

    Attributes:
        parents: mu; 0: half of the population, and the others have negative weights.
    """

    form: str
    start: str
    parents: int
    sigma: float
    rank_one: str = TENSOR
    optimum: tuple[float, float] = OPTIMUM

    @property
    def name(self) -> str:
        """What its numbers are drawn for."""
        return " ".join(map(str, self))


class Evolution(StudySettings):
    """What CMA-ES finds, and when."""

    seed: int = setting(0, "of all that is drawn", low=0, high=MAX_SEED)
    searches: int = setting(
        512, "of each kind, in one program", unit="searches", low=2, high=MAX_BATCH
    )
    population: int = setting(
        64, "in a generation", unit="candidates", low=8, high=MAX_POPULATION
    )
    generations: int = setting(
        63, "of one search of Schaffer's function", unit="generations", low=1, high=2000
    )
    sigmas: list_of(_Sigma) = setting(
        (0.3, 1.0, 3.0, 5.0, 10.0, 20.0), "first step sizes"
    )
    parents: list_of(_Share) = setting(
        (0.0, 0.125, 0.25, 0.5),
        "mu, the best that the mean moves to; 0: half, and the others repel",
        unit="shares of the population",
    )
    generations_beside: int = setting(
        60,
        "of one search of the functions that CMA-ES and others are compared on",
        unit="generations",
        low=16,
        high=2000,
    )
    strategies: list_of(Literal[STRATEGIES]) = setting(
        ("sep_cma_es", "snes"), "of evosax, compared as well"
    )
    restart_sigmas: list_of(_Sigma) = setting(
        (0.3, 3.0), "first step sizes of searches that are restarted"
    )
    restart_searches: int = setting(
        128, "that are restarted, of each kind", unit="searches", low=2, high=MAX_BATCH
    )
    budget: int = setting(
        32_256,
        "of a search with all its restarts",
        unit="evaluations",
        low=64,
        high=10**7,
    )

    @model_validator(mode="after")
    def _possible(self) -> "Evolution":
        for name in ("sigmas", "parents", "restart_sigmas", "strategies"):
            values = getattr(self, name)
            if not values and name != "strategies":
                raise ValueError(f"{name} must have at least one entry")
            if len(set(values)) < len(values):
                raise ValueError(f"each entry of {name} must be there once")
        if self.budget < self.population:
            raise ValueError("budget must be at least its population, one generation")
        if self.population % 2 and set(self.strategies) & set(IN_PAIRS):
            raise ValueError("its population must be even, for its strategies")
        return self


def parents_of(share: float, settings: Evolution) -> int:
    """Return the candidates mu of a share of the population; 0 stays 0."""
    return max(1, round(share * settings.population)) if share else 0


def cases(settings: Evolution) -> list[Case]:
    """Return the kinds of searches that are compared on Schaffer's function.

    The seeds' form by everything; the one with rings, and starts in the whole box, by
    the first step size; and the seeds' fault with its optimum either way.
    """
    first = FORMS[0]
    of_seeds = parents_of(SEEDS_PARENTS, settings)
    numbers = dict.fromkeys(parents_of(share, settings) for share in settings.parents)
    found = [
        Case(first, NEAR, parents, sigma)
        for parents in numbers
        for sigma in settings.sigmas
    ]
    for form, start in ((first, BOX), (FORMS[1], NEAR), (FORMS[1], BOX)):
        found += [Case(form, start, of_seeds, sigma) for sigma in settings.sigmas]
    for rank_one in (TENSOR, SCALAR):
        for optimum in (OPTIMUM, MIRRORED):
            case = Case(first, NEAR, of_seeds, SEEDS_SIGMA, rank_one, optimum)
            found += [] if case in found else [case]
    return found
