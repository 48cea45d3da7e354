"""The command line when nobody reads what it prints."""

import os
import subprocess

import commands
import pytest


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
