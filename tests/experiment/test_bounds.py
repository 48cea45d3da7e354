"""The bounds of settings: every number has one that a machine can bear."""

import pytest

from worldmodels.experiment.config import load
from worldmodels.experiment.section import groups_of
from worldmodels.experiment.settings import Round
from worldmodels.runtime.errors import UserError

NUMBERS = [
    (section, name, getattr(kind(), name))
    for section, kind in groups_of(Round).items()
    for name in kind.model_fields
    if not isinstance(getattr(kind(), name), (bool, str))
]


@pytest.mark.parametrize(("section", "name", "default"), NUMBERS, ids=str)
def test_every_number_has_an_upper_limit_that_is_stated(section, name, default):
    """What is larger overflows sizes of 32 bits or aborts in C++."""
    value = 10**12
    if isinstance(default, tuple):
        value = [value] * len(default)
    with pytest.raises(UserError) as refusal:
        load({section: {name: value}})
    sentence = str(refusal.value)
    assert sentence.startswith(f"{section}.{name}")
    _, _, limit = sentence.rpartition("at most ")
    assert float(limit) <= 1e9
