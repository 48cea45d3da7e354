"""Drives again: in a process of their own, and told in a sentence where they fail."""

import numpy as np
import pytest

from worldmodels.environments import EnvironmentSpec
from worldmodels.environments.processes.process import start
from worldmodels.rollout import replay
from worldmodels.rollout.replay import Driven
from worldmodels.runtime.errors import UserError

DRIVEN = Driven(3, np.full((20, 3), 0.1, np.float32))
SPEC = EnvironmentSpec("carracing", max_steps=12)


def test_a_replay_is_the_drive_as_far_as_it_goes():
    again = replay.replay(SPEC, DRIVEN)
    actions = iter(DRIVEN.actions)
    here = replay.drive(SPEC, 3, lambda frame: next(actions), steps=20)
    for found, expected in zip(again, here, strict=True):
        assert len(found) == 12  # the episode's own limit
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == expected.dtype


def test_a_world_that_is_not_there_is_told_by_its_own_sentence():
    spec = EnvironmentSpec("gymnasium", id="Nothing-v0")
    with pytest.raises(UserError, match="'Nothing-v0' cannot be made by gymnasium"):
        replay.replay(spec, DRIVEN)


def test_a_process_that_is_killed_is_told(monkeypatch):
    def doomed(main, *rest):
        return start("import os; os.kill(os.getpid(), 9)", *rest)

    monkeypatch.setattr(replay, "start", doomed)
    with pytest.raises(UserError, match=r"seed 3 again died of signal SIGKILL.* again"):
        replay.replay(SPEC, DRIVEN)


def test_a_replay_that_nobody_waits_for_ends(monkeypatch):
    begun = []

    def sleeping(main, *rest):
        begun.append(start("import time; time.sleep(600)", *rest))
        return begun[0]

    monkeypatch.setattr(replay, "start", sleeping)
    with pytest.raises(UserError, match="SIGKILL"):
        replay.replay(SPEC, DRIVEN, lambda: bool(begun))
    assert begun[0].poll() is not None
