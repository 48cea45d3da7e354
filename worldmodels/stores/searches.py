"""Where C learnt and where its means were tested, by what its stores record.

No JAX is imported here: `worldmodels compare` does without it.
"""

from collections.abc import Mapping
from typing import Any


def learnt_in_dream(controller: Mapping[str, Any]) -> bool:
    """Return whether a controller with these settings learnt in M's dream."""
    # Stores of earlier versions do not say where: in the game.
    return controller.get("train_in") == "dream"


def tested_in_dream(controller: Mapping[str, Any]) -> bool:
    """Return whether the means of such a search were tested in M's dream."""
    same = controller.get("test_in", "same") == "same"
    return same and learnt_in_dream(controller)
