"""The command line when nobody reads what it prints, or a file cannot be written."""

import errno
import os
import subprocess

import pytest
from support import commands

from worldmodels import cli
from worldmodels.pictures import video
from worldmodels.runtime.errors import UserError
from worldmodels.runtime.progress import Progress
from worldmodels.stores.checkpoint import open_checkpoint
from worldmodels.stores.disk import explanation
from worldmodels.stores.publication import publish_text


@pytest.fixture
def closed_pipe():
    """The end to write to of a pipe that nobody reads."""
    read, write = os.pipe()
    os.close(read)
    yield write
    os.close(write)


# Seen when all has been printed, or in a print.
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_closed_pipe_ends_a_command_without_a_word(store, closed_pipe, unbuffered):
    answer = run_into(closed_pipe, "inspect", store, PYTHONUNBUFFERED=unbuffered)
    assert answer.stderr == b""
    assert answer.returncode == 141  # 128 and SIGPIPE, as the shell has it


def test_a_closed_pipe_ends_a_help_without_a_word(closed_pipe):
    answer = run_into(closed_pipe, "--help", PYTHONUNBUFFERED="")
    assert answer.stderr == b""
    assert answer.returncode == 141


def raising(error: OSError, monkeypatch) -> None:
    """Let every command end with an error."""

    def run(*arguments):
        raise error

    monkeypatch.setattr(cli, "_run", run)


@pytest.mark.parametrize(
    "number",
    [
        errno.EACCES,
        errno.EPERM,
        errno.EROFS,
        errno.EISDIR,
        errno.ENOTDIR,
        errno.ENAMETOOLONG,
    ],
)
def test_a_file_that_cannot_be_written_is_told_in_one_sentence(number, monkeypatch):
    reason = os.strerror(number)
    raising(OSError(number, reason, "/far/away"), monkeypatch)
    sentence = commands.call_refused("inspect", "x.zarr")
    assert f"/far/away cannot be opened or written ({reason}); choose" in sentence


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("place", ["/far/away", None])
def test_a_full_disk_and_a_spent_quota_are_told_alike(number, place, monkeypatch):
    raising(OSError(number, "no space", place), monkeypatch)
    sentence = commands.call_refused("inspect", "x.zarr")
    where = f": {place} could not be written" if place else ""
    assert f"the disk is full{where}; free some space" in sentence


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError(errno.ENOENT, "nothing there", "/far/away"),
        PermissionError(errno.EPERM, "not permitted"),  # of a process, for example
        OSError(errno.EIO, "input/output error", "/far/away"),
    ],
)
def test_another_error_of_the_system_is_a_bug_and_shown_whole(error, monkeypatch):
    raising(error, monkeypatch)
    with pytest.raises(OSError) as raised:  # noqa: PT011
        cli.main(["inspect", "x.zarr"])
    assert raised.value is error


def test_a_log_below_a_file_ends_a_command_with_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    files = ["--out", tmp_path / "table.txt", "--log", tmp_path / "file" / "log"]
    sentence = commands.call_refused("ablations", "--ablation", "a", "x.zarr", *files)
    assert f"{tmp_path / 'file'} cannot be opened or written (Not a dir" in sentence


def test_a_film_that_cannot_be_written_is_refused_before_any_store_is_read(tmp_path):
    (tmp_path / "file").touch()
    out = tmp_path / "file" / "drive.mp4"
    files = ["--controller", tmp_path / "missing", "--out", out]
    assert "cannot be written (Not a dir" in commands.call_refused("drive", *files)
    (tmp_path / "folder.mp4").mkdir()
    files[-1] = tmp_path / "folder.mp4"
    assert "is a folder, which a file" in commands.call_refused("drive", *files)


def open_log(path):
    with Progress("work", 1, path):
        pass


def open_lock(path):
    with open_checkpoint(path, "abc"):
        pass


@pytest.mark.parametrize(
    "write", [video.prepare, open_log, open_lock, lambda path: publish_text(path, "")]
)
def test_what_is_written_outside_of_stores_names_its_place(tmp_path, write):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "x.mp4", tmp_path / f"{'x' * 300}.mp4"):
        with pytest.raises((OSError, UserError)) as raised:
            write(path)
        error = raised.value
        told = error if isinstance(error, UserError) else explanation(error)
        assert str(tmp_path) in str(told)
    write(tmp_path / "new" / "x.mp4")


def test_a_log_that_is_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "log")
    with pytest.raises(OSError, match="No such device") as raised:
        open_log(tmp_path / "log")
    assert str(tmp_path / "log") in explanation(raised.value)
    reader = os.open(tmp_path / "log", os.O_RDONLY | os.O_NONBLOCK)
    open_log(tmp_path / "log")  # of a pipe that is read, such as >(tee FILE)
    assert b"work 0/1" in os.read(reader, 1000)
    os.close(reader)


def test_a_log_that_is_a_link_to_itself_is_one_sentence(tmp_path):
    (tmp_path / "log").symlink_to("log")
    with pytest.raises(OSError, match="symbolic links") as raised:
        open_log(tmp_path / "log")
    assert "symbolic links" in explanation(raised.value)


def test_a_folder_that_is_gone(tmp_path, monkeypatch, capsys):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert cli.main(["inspect", "vision.zarr"]) == 1
    told = capsys.readouterr().err
    assert "the folder that this command was called in is gone" in told
    assert told.count("\n") == 1


def test_a_page_in_a_folders_place_leaves_nothing_behind(tmp_path):
    page = tmp_path / "index.html"
    page.mkdir()
    with pytest.raises(UserError, match="is a folder, which a file does not replace"):
        publish_text(page, "words")
    assert list(tmp_path.iterdir()) == [page]


def run_into(
    pipe: int, *words: object, **variables: str
) -> subprocess.CompletedProcess:
    """Run a command that prints to `pipe`."""
    return subprocess.run(
        commands.command(*words),
        stdout=pipe,
        stderr=subprocess.PIPE,
        env=os.environ | variables,
        timeout=300,
    )
