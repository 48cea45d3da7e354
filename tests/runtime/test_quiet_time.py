"""Seconds of a quiet machine, measured on a busy one."""

import os
import sys

import pytest

from worldmodels.runtime import quiet_time
from worldmodels.runtime.quiet_time import Turns


def test_what_was_waited_is_taken_out():
    # One thread, half of the time ready while others ran; two threads alike.
    assert quiet_time.quiet(3.0, Turns(1, 1), Turns(2.5, 2.5)) == pytest.approx(1.5)
    assert quiet_time.quiet(3.0, Turns(0, 0), Turns(3, 3)) == pytest.approx(1.5)
    # Two threads by turns, which keep one core busy, wait twice what they lost by it.
    assert quiet_time.quiet(5.0, Turns(0, 0), Turns(2, 6)) == pytest.approx(1.25)
    assert quiet_time.quiet(5.0, Turns(0, 0), Turns(2, 6), busy=1) == 2.0
    assert quiet_time.quiet(1.0, Turns(0, 0), Turns(2, 1), busy=1) == 1.0
    # A process that slept, or a system that does not count.
    assert quiet_time.quiet(3.0, Turns(1, 1), Turns(1.1, 1)) == 3.0
    assert quiet_time.quiet(3.0, Turns(0, 0), Turns(0, 0)) == 3.0


def test_work_is_timed_by_the_clock_that_is_given():
    times, done = iter([10.0, 14.0]), []
    found = quiet_time.seconds(
        lambda: done.append(1), pids=lambda: (), clock=lambda: next(times)
    )
    assert found == 4.0
    assert done == [1]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts")
def test_this_process_has_had_its_turns():
    before = quiet_time.turns()
    sum(range(2_000_000))
    after = quiet_time.turns()
    assert after.ran > before.ran
    assert after.waited >= before.waited
    assert quiet_time.turns([os.getpid()]).ran >= after.ran
    assert quiet_time.turns(["none"]) == (0, 0)
