"""What jobs ask for within a site's limits, and what cannot end within them."""

import pytest
from support.presets import PAPER

from worldmodels.experiment import site
from worldmodels.experiment.needs import Data
from worldmodels.experiment.settings import Round
from worldmodels.experiment.site import Site
from worldmodels.runtime.errors import UserError

WHOLE = Data(250, 1000, 1000)
NEED = {"": 1e9, "memory.window": 2e9}


def test_amounts_double_at_each_try_up_to_the_most():
    assert [site.growing(10, 35, attempt) for attempt in (1, 2, 3, 4)] == [
        10, 20, 35, 35,
    ]  # fmt: skip
    assert site.growing(10, 0, attempt=5) == 40  # no limit, and no more growth
    assert site.growing(10, 7, attempt=1) == 7


def test_memory_is_asked_for_beside_the_driver():
    assert site.megabytes(NEED, Site(), attempt=1) == 3500
    assert site.megabytes(NEED, Site(max_mem_mb=5000), attempt=2) == 5000


def refusal(stage: str, data: Data, limits: Site, settings: Round = PAPER) -> str:
    with pytest.raises(UserError) as raised:
        site.check(stage, settings, data, 2, NEED, limits)
    sentence = str(raised.value)
    assert "\n" not in sentence
    return sentence


def test_memory_above_the_most_is_refused():
    sentence = refusal("memory", WHOLE, Site(max_mem_mb=2999))
    assert "memory needs about 3000 MB" in sentence
    assert "site.max_mem_mb is 2999; lower memory.window, or raise" in sentence
    for most in (3000, 0):
        site.check("memory", PAPER, WHOLE, 2, NEED, Site(max_mem_mb=most))


@pytest.mark.parametrize("stage", ["rollouts", "latents", "evaluation"])
def test_what_begins_anew_each_time_is_not_cut_off_knowingly(stage):
    large = PAPER.changed(
        rollouts={"episodes_per_shard": 10**5}, evaluation={"episodes": 10**5}
    )
    data = Data(10**6, 1000, 1000)
    sentence = refusal(stage, data, Site(max_minutes=60), large)
    assert "site.max_minutes is 60; lower " in sentence
    assert "episodes" in sentence.partition("lower ")[2]
    site.check(stage, large, data, 2, NEED, Site(max_minutes=0))


@pytest.mark.parametrize("stage", ["vision", "memory", "controller"])
def test_what_goes_on_where_it_was_may_be_cut_off(stage):
    """The paper's, on data of days."""
    site.check(stage, PAPER, Data(10**6, 1000, 1000), 2, NEED, Site(max_minutes=1))
