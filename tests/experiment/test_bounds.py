"""The bounds of settings: every number has one that a machine can bear."""

from collections.abc import Iterator
from typing import Any

import pytest

from worldmodels.experiment.config import load
from worldmodels.experiment.section import Section
from worldmodels.experiment.settings import Round
from worldmodels.experiment.stage_settings import nested
from worldmodels.runtime.errors import UserError


def leaves(section: Section, where: str) -> Iterator[tuple[str, Any]]:
    """Yield the whole name of each setting, those in groups too, and its default."""
    for name, value in section:
        if isinstance(value, Section):
            yield from leaves(value, f"{where}{name}.")
        else:
            yield f"{where}{name}", value


NUMBERS = [
    (name, default)
    for name, default in leaves(Round(), "")
    if not isinstance(default, (bool, str))
]


@pytest.mark.parametrize(("name", "default"), NUMBERS, ids=str)
def test_every_number_has_an_upper_limit_that_is_stated(name, default):
    """What is larger overflows sizes of 32 bits or aborts in C++."""
    value = 10**12
    if isinstance(default, tuple):
        value = [value] * len(default)
    with pytest.raises(UserError) as refusal:
        load(nested(f"{name}={value}"))
    sentence = str(refusal.value)
    assert sentence.startswith(name)
    _, _, limit = sentence.rpartition("at most ")
    assert float(limit) <= 1e9
