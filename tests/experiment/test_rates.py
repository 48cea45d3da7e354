"""Seconds of units of work: on other cores, inferred, and kept as text."""

import json

import pytest

from worldmodels.environments.games import V0, V3
from worldmodels.experiment import rates, work
from worldmodels.experiment.settings import Environment

TIMED = {work.V_FRAME: 3.4e-3, work.START: 0.8, work.CAR: 33e-6, work.M_STEP: 184e-6}


def test_work_takes_its_units_times_their_seconds():
    found = rates.measured({work.CAR: 10e-6, work.START: 2.0}, cores=4)
    done = {work.CAR: 1e6, work.START: 3}
    assert found.of(done, cores=4) == pytest.approx(10 + 6)
    # Cars share the cores; a process starts no sooner.
    assert found.of(done, cores=8) == pytest.approx(5 + 6)
    assert found.of(done, cores=1) == pytest.approx(40 + 6)


def test_what_was_not_timed_is_inferred_from_what_was():
    found = rates.measured(TIMED, cores=2)  # 2, 0.5, 3 and 2 times the built-in ones
    assert found.seconds[work.CAR] == 33e-6
    assert found.seconds[work.TRACK] == pytest.approx(2 * rates.BUILT_IN[work.TRACK])
    assert found.seconds[work.COMPILED] == pytest.approx(2)
    assert found.measured == TIMED.keys()
    # As fast on each of four cores: half the seconds on all, but for what one does.
    four = rates.measured({unit: s / 2 for unit, s in TIMED.items()}, cores=4)
    assert four.seconds[work.TRACK] == pytest.approx(rates.BUILT_IN[work.TRACK])
    assert four.seconds[work.COMPILED] == pytest.approx(2)


def test_built_in_rates_have_every_unit_of_every_stage():
    units = {v for n, v in vars(work).items() if n.isupper() and type(v) is str}
    units |= set(work.PLAYED.values())
    units |= {work.seen(unit, V0) for unit in units}
    assert units - {*work.PLAYED, V3} == rates.BUILT_IN.keys()


def test_measured_rates_come_back_as_they_were():
    found = rates.measured(TIMED, cores=2)
    assert rates.from_kept(json.loads(rates.as_text(found))) == found


GOOD = {"cores": 2, "seconds": TIMED}


@pytest.mark.parametrize(
    "content",
    [
        None, [], "2", 3.0, {}, {"cores": 2}, GOOD | {"cores": "2"},
        GOOD | {"cores": 0}, GOOD | {"cores": True}, GOOD | {"seconds": {}},
        GOOD | {"seconds": []}, GOOD | {"seconds": {work.START: 1.0}},
        GOOD | {"seconds": TIMED | {"another unit": 1.0}},
        GOOD | {"seconds": TIMED | {work.CAR: "1"}},
        GOOD | {"seconds": TIMED | {work.CAR: -1.0}},
        GOOD | {"seconds": TIMED | {work.CAR: float("nan")}},
        GOOD | {"seconds": {work.CAR: 0.0}},
    ],
)  # fmt: skip
def test_what_is_no_kept_file_holds_no_rates(content):
    assert rates.from_kept(GOOD) is not None
    assert rates.from_kept(content) is None


def test_a_kept_file_is_named_by_all_that_changes_its_rates():
    first = ("x86", 2, "float32", Environment(), "jax-1")
    world = {"name": "gymnasium", "backend": "gymnasium"}
    others = [
        ("arm", *first[1:]), ("x86", 4, *first[2:]), (*first[:2], "mixed", *first[3:]),
        (*first[:4], "jax-2"), (*first[:3], Environment().changed(view=V0), "jax-1"),
        *((*first[:3], Environment().changed(id=id, **world), "jax-1")
          for id in ("CartPole-v1", "ns/World-v0")),
    ]  # fmt: skip
    names = [rates.file_name(*given) for given in (first, *others)]
    assert len(set(names)) == len(names)
    assert all("/" not in name for name in names)
