"""The pool: faults of workers, and what is left of them when the parent dies."""

import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from support.processes import alive, wait_until

from worldmodels.environments import EnvironmentSpec
from worldmodels.environments.carracing import reference
from worldmodels.environments.frames import preprocess
from worldmodels.environments.games import CARRACING
from worldmodels.environments.processes.pool import EnvironmentPool
from worldmodels.runtime.errors import UserError
from worldmodels.runtime.exit_status import how_it_ended

SPEC = EnvironmentSpec(CARRACING.name, max_steps=4)
STRAIGHT = np.array([[0, 1, 0]] * 3, np.float32)


@pytest.fixture
def pool():
    with EnvironmentPool(SPEC, slots=3, workers=2) as pool:
        yield pool


def test_slots_start_and_step_in_one_round_trip_as_the_environment_alone(pool):
    environment = reference.make(SPEC.max_steps)
    frame, _ = environment.reset(seed=5)
    first = pool.reset([0, 2], [5, 6])
    assert first.frames.shape == (3, 64, 64, 3)
    np.testing.assert_array_equal(first.frames[0], preprocess(frame, CARRACING.view))
    other = first.frames[2].copy()
    # Slot 1 starts while slot 0 steps and slot 2, in the same worker, rests.
    second = pool.advance(STRAIGHT, np.array([True, False, False]), {1: 5})
    stepped, reward, *_ = environment.step(STRAIGHT[0])
    np.testing.assert_array_equal(second.frames[0], preprocess(stepped, CARRACING.view))
    np.testing.assert_array_equal(second.frames[1], preprocess(frame, CARRACING.view))
    np.testing.assert_array_equal(second.frames[2], other)
    assert second.rewards.tolist() == [np.float32(reward), 0, 0]
    assert not second.lost.any()


def test_truncation_is_reported(pool):
    pool.reset([0, 1], [1, 1])
    active = np.array([True, True, False])
    ends = [pool.step(STRAIGHT, active) for _ in range(SPEC.max_steps)]
    assert [end.truncated.tolist() for end in ends[2:]] == [
        [False] * 3,
        [True, True, False],
    ]
    assert not any(end.terminated.any() for end in ends)


@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP])
def test_a_dead_or_stalled_worker_is_replaced_and_its_slots_are_lost(fault):
    with EnvironmentPool(SPEC, slots=3, workers=2, deadline=3) as pool:
        pool.reset([0, 1, 2], [1, 2, 3])
        old, survivor = pool.pids[1], pool.pids[0]
        os.kill(old, fault)
        step = pool.step(STRAIGHT, np.ones(3, bool))
        assert step.lost.tolist() == [False, True, True]
        assert pool.pids[0] == survivor
        assert pool.pids[1] != old
        assert not alive(old)
        again = pool.reset([1, 2], [2, 3])
        assert not again.lost.any()


def test_an_episode_that_always_fails_ends_in_one_sentence(pool):
    pool.reset([0, 2], [1, 2])
    nobody = np.zeros(3, bool)
    for _ in range(2):
        assert pool.advance(None, nobody, {1: -7, 2: 9}).lost.tolist() == [
            False,
            True,
            True,
        ]
    with pytest.raises(UserError, match=r"episode seed -7 was lost 3 times.*Error"):
        pool.advance(None, nobody, {1: -7, 2: 9})


def test_losses_of_different_episodes_are_no_reason_to_stop(pool):
    for seed in range(4):
        pool.reset([0], [seed])
        os.kill(pool.pids[0], signal.SIGKILL)
        assert pool.step(STRAIGHT, np.array([True, False, False])).lost[0]
    assert not pool.reset([0], [0]).lost.any()


def test_workers_that_cannot_start_end_in_one_sentence(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with EnvironmentPool(SPEC, slots=1, workers=1) as pool:
        assert pool.reset([0], [0]).lost.all()
        assert pool.reset([0], [0]).lost.all()
        with pytest.raises(UserError, match=r"the last died with exit status 1$"):
            pool.reset([0], [0])


def test_a_worker_that_always_dies_is_told_with_the_signal_that_it_died_of(pool):
    def drive_and_crash():
        pool.reset([0], [9])
        os.kill(pool.pids[0], signal.SIGSEGV)
        pool.step(STRAIGHT, np.array([True, False, False]))

    drive_and_crash()
    drive_and_crash()
    with pytest.raises(UserError, match=r"seed 9 was lost 3 times: .* SIGSEGV$"):
        drive_and_crash()


def test_ends_of_processes_are_told_by_their_names():
    unnamed = 1000  # as the real-time signals are, of which macOS has none
    statuses = (0, 3, -signal.SIGBUS, -unnamed)
    assert [how_it_ended(status) for status in statuses] == [
        "died with exit status 0",
        "died with exit status 3",
        "died of signal SIGBUS (is /dev/shm full?)",
        f"died of signal {unnamed}",
    ]


def test_unknown_environments_and_impossible_sizes_are_refused():
    with pytest.raises(UserError, match=r"'chess' does not exist.*carracing"):
        EnvironmentSpec("chess")
    with pytest.raises(UserError, match="at least 1"):
        EnvironmentPool(SPEC, slots=0)


# What Linux has and macOS, with Python 3.11 or 3.12, has not.
LINUX_ALONE = ("memfd_create", "pidfd_open", "prctl", "sched_getaffinity", "waitid")
# Python imports a module of this name when it starts: in the workers too.
WITHOUT_LINUX = f"""
import os
import worldmodels.environments.worker as worker

for name in {LINUX_ALONE}:
    if hasattr(os, name):
        delattr(os, name)
worker._PR_SET_PDEATHSIG = 0  # no operation of prctl
"""


@pytest.fixture(params=["with", "without"])
def linux(request, tmp_path, monkeypatch):
    """The system with or without what it alone has, for this process and workers."""
    if request.param == "with":
        return
    for name in LINUX_ALONE:
        monkeypatch.delattr(os, name, raising=False)
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_LINUX)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


def test_closing_ends_all_workers_even_a_stopped_one(linux):
    pool = EnvironmentPool(SPEC, slots=2, workers=2)
    pool.reset([0, 1], [0, 1])
    assert not pool.step(STRAIGHT[:2], np.ones(2, bool)).lost.any()
    pids = pool.pids
    os.kill(pids[1], signal.SIGSTOP)
    pool.close()
    assert not any(alive(pid) for pid in pids)


PARENT = """
import numpy as np
from worldmodels.environments import EnvironmentSpec
from worldmodels.environments.processes.pool import EnvironmentPool

with EnvironmentPool(EnvironmentSpec("carracing"), slots=2, workers=2) as pool:
    pool.reset([0, 1], [0, 1])
    print(*pool.pids, flush=True)
    while True:
        step = pool.step(np.zeros((2, 3), np.float32), np.ones(2, bool))
"""


def start_parent():
    """Start a process that drives for ever; return it and its workers' ids."""
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PARENT)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    return parent, [int(pid) for pid in parent.stdout.readline().split()]


def test_workers_die_with_a_parent_that_is_killed():
    parent, pids = start_parent()
    assert len(pids) == 2
    assert all(map(alive, pids))
    os.kill(pids[1], signal.SIGSTOP)  # it cannot notice by itself
    parent.kill()
    parent.communicate()
    assert wait_until(lambda: not any(map(alive, pids)))


def test_an_interrupt_prints_the_parents_traceback_only():
    parent, pids = start_parent()
    os.killpg(parent.pid, signal.SIGINT)  # as the terminal does
    _, errors = parent.communicate(timeout=20)
    assert errors.count("Traceback") == 1
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert wait_until(lambda: not any(map(alive, pids)))


def test_workers_never_load_jax(pool):
    pool.reset([0, 1], [0, 1])
    for pid in pool.pids:
        with open(f"/proc/{pid}/maps") as file:
            libraries = file.read()
        assert "numpy" in libraries
        assert "jaxlib" not in libraries
        assert "torch" not in libraries
