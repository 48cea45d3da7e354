"""What a setting may be: each value is checked against its field, in one sentence.

No JAX is imported here: the Snakefile reads it.
"""

import dataclasses
import math
from typing import Any, get_args, get_origin

from worldmodels.runtime.errors import UserError


def checked(setting: dataclasses.Field, value: Any, where: str) -> Any:
    """Return `value` as the type of `setting`; `where` is its name for the reader.

    Raises:
        UserError: when it is of the wrong type or impossible.
    """
    if get_origin(setting.type) is not tuple:
        return _checked_scalar(setting.type, setting, value, where)
    count = len(setting.default)
    if not isinstance(value, (list, tuple)) or len(value) != count:
        raise UserError(f"{where} is {value!r}; it must be a list of {count} numbers")
    kind = get_args(setting.type)[0]
    return tuple(
        _checked_scalar(kind, setting, entry, f"{where}[{n}]")
        for n, entry in enumerate(value)
    )


def _checked_scalar(kind: type, setting: dataclasses.Field, value: Any, where: str):
    allowed = _allowed(kind, setting)
    if kind is float:
        value = _as_float(value)
    if type(value) is not kind or (kind is float and not math.isfinite(value)):
        raise UserError(f"{where} is {value!r}; it must be {allowed}")
    limits = setting.metadata
    choices, above = limits["choices"], limits["above"]
    low, high = limits["low"], limits["high"]
    if (
        (choices is not None and value not in choices)
        or (low is not None and value < low)
        or (high is not None and value > high)
        or (above is not None and value <= above)
    ):
        raise UserError(f"{where} is {value!r}; it must be {allowed}")
    return value


def _as_float(value: Any) -> Any:
    # YAML 1.1 reads 1e-4 as a string; flags are strings anyway.
    if isinstance(value, (int, str)) and not isinstance(value, bool):
        try:
            return float(value)
        except (ValueError, OverflowError):
            return value
    return value


def _allowed(kind: type, setting: dataclasses.Field) -> str:
    limits = setting.metadata
    if limits["choices"]:
        return "one of " + ", ".join(map(str, limits["choices"]))
    word = {
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        str: "text",
    }
    parts = [word[kind]]
    if limits["low"] is not None:
        parts.append(f"at least {limits['low']}")
    if limits["above"] is not None:
        parts.append(f"above {limits['above']}")
    if limits["high"] is not None:
        parts.append(f"at most {limits['high']}")
    return ", ".join(parts)
