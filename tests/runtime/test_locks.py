"""Locks: of files, which other machines see too, and none where there are none."""

import errno
import fcntl
import os

import pytest

from worldmodels.runtime import locks


def test_one_has_it_until_it_is_closed(tmp_path):
    with open(tmp_path / "lock", "w") as one, open(tmp_path / "lock", "w") as other:
        assert locks.take(one.fileno())
        assert not locks.take(other.fileno())
        one.close()
        assert locks.take(other.fileno())


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_used_all_the_same(number, monkeypatch):
    def fail(descriptor, operation):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", fail)
    assert locks.take(0)


def test_another_error_is_none_of_them(monkeypatch):
    def fail(descriptor, operation):
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))

    monkeypatch.setattr(fcntl, "flock", fail)
    with pytest.raises(OSError, match="Bad file"):
        locks.take(0)
