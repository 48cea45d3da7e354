"""Quantities in words."""

from worldmodels.runtime import wording


def test_quantities_read_well():
    sizes = [wording.size(n) for n in (0, 999, 1000, 999_940, 1_000_000, 5 * 10**9)]
    assert sizes == ["0 bytes", "999 bytes", "1.0 kB", "999.9 kB", "1.0 MB", "5.0 GB"]
    times = [wording.duration(s) for s in (1.26, 90, 7200)]
    assert times == ["1.3 s", "1.5 min", "2.0 h"]


def test_one_thing_is_no_many():
    assert [wording.count(n, "step") for n in (1, 1200)] == ["1 step", "1,200 steps"]
    assert [wording.every(n, "step") for n in (1, 5)] == ["every step", "every 5 steps"]
    assert [wording.one(t) for t in ("track", "episode")] == ["a track", "an episode"]
