"""Which precision a stage multiplies in: what is asked for, or what suits the machine.

A store records both: the setting, which may be auto, and the precision that was used.
Work that goes on keeps the precision that it was begun in, also on another machine: a
stopped stage that of its checkpoint, a search that of the block before. So no training
and no search is of two precisions.
"""

from collections.abc import Callable, Mapping
from typing import Any

from worldmodels.experiment.settings import AUTO
from worldmodels.experiment.stages import PRECISION_USED
from worldmodels.models.precision import FLOAT32, MIXED, Precision
from worldmodels.runtime.matrix_unit import has_matrix_unit

Begun = Callable[[Mapping[str, Any]], bool]


def settled(
    config: Mapping[str, Any], begun: Begun = lambda config: False
) -> dict[str, Any]:
    """Return the settings of a stage with the precision that it uses.

    Args:
        config: with the settings dtype and precision.
        begun: whether there is work with just such settings, to go on from.
    """
    if config["precision"] != AUTO:
        return {**config, PRECISION_USED: config["precision"]}
    for answer in (FLOAT32, MIXED):
        if begun(there := {**config, PRECISION_USED: answer}):
            return there
    return {**config, PRECISION_USED: _suiting(config["dtype"])}


def _suiting(dtype: str) -> Precision:
    """Return the precision that suits this machine; float64 is never rounded."""
    return MIXED if dtype != "float64" and has_matrix_unit() else FLOAT32
