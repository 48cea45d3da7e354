"""Values of settings that are more than a number between bounds, or one of some words.

No JAX is imported here: the Snakefile reads it.
"""

import re
from collections.abc import Callable
from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticKnownError

from worldmodels.experiment.bounds import MAX_RATE
from worldmodels.runtime.randomness import MAX_ROUNDS, MAX_SEED

_NAME = r"\w[\w.-]*"


def _as_number(value: Any) -> Any:
    """Return the number of a text: YAML 1.1 reads 1e-4 as one."""
    if isinstance(value, (int, str)) and not isinstance(value, bool):
        try:
            return float(value)
        except (ValueError, OverflowError):
            return value
    return value


Number = Annotated[float, BeforeValidator(_as_number), Field(allow_inf_nan=False)]


def list_of(entry: Any, count: int | None = None) -> Any:
    """Return the type of a list of `count` entries, or of any number of them."""
    # Not strict: what YAML and JSON have is a list, and no tuple.
    several = Field(strict=False, min_length=count, max_length=count)
    return Annotated[tuple[entry, ...], several, BeforeValidator(_a_list)]


def _a_list(value: Any) -> Any:
    if not isinstance(value, (list, tuple)):  # a set has no order
        raise PydanticKnownError("tuple_type")
    return value


def _different(values: tuple) -> tuple:
    if len(set(values)) < len(values):
        raise ValueError("they must be different")
    return values


_Temperature = Annotated[Number, Field(ge=0.0, le=MAX_RATE)]
Temperatures = Annotated[list_of(_Temperature), AfterValidator(_different)]


def _checked(allow: Callable[[Any], bool], words: str) -> BeforeValidator:
    def check(value: Any) -> Any:
        if not allow(value):
            raise ValueError(words)
        return value

    return BeforeValidator(check)


def _folder(value: Any) -> Any:
    """Return a folder's name: it becomes part of shell commands and of patterns."""
    if isinstance(value, (int, float, date)):  # `on` and `yes` are truth values
        raise ValueError(
            "YAML takes that for a number, a date or a truth value: put the name in "
            'quotes, such as experiment: "2024" (on the command line --config '
            "'experiment=\"2024\"')"
        )
    if not isinstance(value, str) or not re.fullmatch(_NAME, value, re.ASCII):
        raise ValueError("it must be a folder's name of letters, digits, _, - and .")
    return value


Folder = Annotated[str, BeforeValidator(_folder), Field(pattern=f"^{_NAME}$")]


def _are_seeds(seeds: Any) -> bool:
    return (
        isinstance(seeds, (list, tuple))
        and bool(seeds)
        and all(type(s) is int and 0 <= s <= MAX_SEED for s in seeds)
        and len(set(seeds)) == len(seeds)
    )


Seeds = Annotated[
    list_of(Annotated[int, Field(ge=0, le=MAX_SEED)]),
    _checked(
        _are_seeds,
        f"it must be a list of different whole numbers from 0 to {MAX_SEED}",
    ),
]


def _are_rounds(rounds: Any) -> bool:
    if type(rounds) is int:
        return 1 <= rounds <= MAX_ROUNDS
    return isinstance(rounds, list) and 1 <= len(rounds) <= MAX_ROUNDS


Rounds = Annotated[
    Any,
    _checked(
        _are_rounds,
        f"it must be a whole number from 1 to {MAX_ROUNDS}, or a list with a mapping "
        "of overrides for each round",
    ),
]


def _are_studies(studies: Any) -> bool:
    return isinstance(studies, dict) and all(
        isinstance(name, str) and isinstance(values, (dict, type(None)))
        for name, values in studies.items()
    )


Studies = Annotated[
    dict[str, Any],
    _checked(
        _are_studies,
        "it must be a mapping of studies' names to mappings of their settings",
    ),
]
