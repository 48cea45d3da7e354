"""Signals to stop: a training saves first, and a second one does not wait."""

import signal

import pytest
from support.regression import UPDATE, assert_same, fit, source

from worldmodels.training.loop import TrainState


@pytest.mark.parametrize(
    ("number", "times", "stopped"),
    [(signal.SIGTERM, 2, SystemExit), (signal.SIGINT, 1, KeyboardInterrupt)],
)
def test_a_stopped_training_saves_before_it_ends(tmp_path, number, times, stopped):
    whole = fit(tmp_path / "whole")
    done = []

    def stopped_in_a_call(state: TrainState, data, key):
        for _ in range(times if len(done) == 1 else 0):
            signal.raise_signal(number)
        done.append(len(data["x"]))
        return UPDATE(state, data, key)

    before = signal.getsignal(number)
    with pytest.raises(stopped):
        fit(tmp_path / "a", update=stopped_in_a_call, interval=3600.0)
    assert len(done) == 2
    assert signal.getsignal(number) is before

    def counted(state: TrainState, data, key):
        done.append(len(data["x"]))
        return UPDATE(state, data, key)

    assert_same(fit(tmp_path / "a", update=counted), whole)
    assert sum(done) == source().steps


def test_a_second_signal_stops_at_once(tmp_path):
    def impatient(state: TrainState, data, key):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("it went on")

    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "a", update=impatient)
