"""Cores and memory that a container leaves, in trees as Linux shows them."""

import os

import pytest

from worldmodels.runtime import devices
from worldmodels.runtime.quotas import tightest


def tree(place, files):
    """Write the files of control groups below a folder, by their paths."""
    for name, text in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    return place


def v1(folder, quota, period="100000"):
    names = "cpu.cfs_quota_us", "cpu.cfs_period_us"
    return {
        f"{folder}/{name}": f"{n}\n"
        for name, n in zip(names, (quota, period), strict=True)
    }


HYBRID = "4:memory:/jobs/7\n3:cpu,cpuacct:/docker/abc\n1:name=systemd:/\n0::/jobs/7\n"


@pytest.mark.parametrize(
    ("groups", "files", "cores"),
    [
        # A container of version 2 sees its own group as the root.
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 1.5),
        ("0::/\n", {"cpu.max": "max 100000\n"}, None),
        ("0::/\n", {}, None),  # the machine's own root has no such file
        # Of nested groups the tightest binds: the pod's, not its container's.
        (
            "0::/pod/box\n",
            {"pod/box/cpu.max": "400000 100000", "pod/cpu.max": "200000 100000"},
            2.0,
        ),
        (
            "0::/pod/box\n",
            {"pod/box/cpu.max": "50000 100000", "pod/cpu.max": "max 100000"},
            0.5,
        ),
        # The group of another process binds it alone.
        ("0::/pod\n", {"pod/box/cpu.max": "100000 100000"}, None),
        # The host's path, of which the container mounts only the end.
        ("0::/../../docker/abc\n", {"cpu.max": "300000 100000"}, 3.0),
        (HYBRID, v1("cpu,cpuacct/docker/abc", "250000"), 2.5),
        (HYBRID, v1("cpu,cpuacct", "100000"), 1.0),
        (HYBRID, v1("cpu/docker/abc", "100000", "50000"), 2.0),
        (HYBRID, v1("cpu", "-1"), None),
        (HYBRID, {"unified/jobs/7/cpu.max": "100000 100000"}, 1.0),
        (HYBRID, {"cpu/cpu.cfs_quota_us": "no number"}, None),
        ("", {"cpu.max": "100000 100000"}, None),
    ],
)
def test_the_tightest_quota_up_to_the_root_binds(groups, files, cores, tmp_path):
    assert tightest("cpu", groups, tree(tmp_path, files)) == cores


@pytest.mark.parametrize(
    ("groups", "files", "limit"),
    [
        ("0::/jobs/mine/step\n", {"jobs/mine/step/memory.max": "max\n"}, None),
        (
            "0::/jobs/mine/step\n",
            {"jobs/memory.max": "5000\n", "jobs/mine/memory.max": "3000\n"},
            3000,
        ),
        ("0::/jobs/mine\n", {"memory.max": "2000\n"}, 2000),  # a container's own
        (HYBRID, {"memory/jobs/7/memory.limit_in_bytes": "4000\n"}, 4000),
        (HYBRID, {"memory/memory.limit_in_bytes": "4000\n"}, 4000),
        (HYBRID, {"unified/jobs/7/memory.max": "1000\n"}, 1000),
        (HYBRID, v1("cpu,cpuacct/docker/abc", "250000"), None),
        ("", {"memory.max": "2000\n"}, None),
    ],
)
def test_the_least_memory_up_to_the_root_binds(groups, files, limit, tmp_path):
    assert tightest("memory", groups, tree(tmp_path, files)) == limit


@pytest.mark.parametrize(
    ("quota", "cores"), [(None, 8), (2.0, 2), (1.5, 2), (0.1, 1), (64.0, 8)]
)
def test_cores_are_those_that_the_quota_leaves(quota, cores, monkeypatch):
    monkeypatch.setattr(devices, "cpu_quota", lambda: quota)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: range(8), raising=False)
    assert devices.cores() == cores


def test_cores_are_counted_where_there_is_neither_affinity_nor_a_quota(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(devices, "cpu_quota", lambda: None)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert devices.cores() == 3
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert devices.cores() == 1
