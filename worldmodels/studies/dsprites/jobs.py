"""What the rules of the study ask about their jobs. No JAX is imported here."""

import shlex
from collections.abc import Callable
from typing import Any

from worldmodels.experiment.site import growing


def options(*names: str) -> Callable[[Any, Any], str]:
    """Return the function of a job's options for its inputs of these names."""

    def given(wildcards: Any, input: Any) -> str:
        each = {name: input.get(name, []) for name in names}
        return " ".join(
            f"--{name} {' '.join(map(shlex.quote, _several(paths)))}"
            for name, paths in each.items()
            if paths
        )

    return given


def _several(paths: Any) -> list[str]:
    """Return the paths of an input, which is a text where it is one path."""
    return [paths] if isinstance(paths, str) else list(paths)


def more(amount: int) -> Callable[[Any, int], int]:
    """Return the function of an amount that a job asks for, more at each try."""
    return lambda wildcards, attempt: growing(amount, 0, attempt)
