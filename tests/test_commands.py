"""What is typed: numbers that are impossible, and words that a shell completes."""

import os
import subprocess
import sys

import pytest
from support import commands

from worldmodels import cli
from worldmodels.runtime import devices

TRAINING = ["--rollouts", "r.zarr", "--checkpoint", "c", "--out", "o.zarr"]
BLOCK = ["--vision", "v", "--memory", "m", "--checkpoint", "c", "--out", "o.zarr"]
ROLLOUTS, FILM = ["--out", "o.zarr"], ["--pretrained", "--out", "o.gif"]
GIANT = "9" * 5000

IMPOSSIBLE = [
    ("rollouts", ROLLOUTS, "--workers", ("0", "-1", "4097", GIANT, "two", "1.5", "")),
    ("rollouts", ROLLOUTS, "--shard", ("-1", GIANT)),
    ("rollouts", ROLLOUTS, "--round", ("-1", "256", GIANT)),
    ("controller", BLOCK, "--block", ("-1", str(2**28), GIANT)),
    ("controller", BLOCK, "--workers", ("0",)),
    ("vision", TRAINING, "--checkpoint-seconds", ("-1", "nan", "inf", "soon")),
    ("drive", FILM, "--seed", ("-1", str(2**54), GIANT)),
    ("drive", FILM, "--steps", ("0", "-1", GIANT)),
    ("dream", ["--memory", "m", "--out", "o.gif"], "--seed", ("-1", GIANT)),
    ("dream", ["--memory", "m", "--out", "o.gif"], "--steps", ("0",)),
    ("dream", ["--memory", "m", "--out", "o.gif"], "--temperature", ("-1", "nan")),
    ("evaluate", [], "--episodes", ("0", "1", "-5", GIANT)),
    ("evaluate", [], "--workers", ("0",)),
]


@pytest.fixture
def nothing_else(monkeypatch):
    """Let nothing happen after the words have been read."""

    def unreachable(parsed):
        raise AssertionError("the words were taken")

    monkeypatch.setattr(cli, "_options", unreachable)


@pytest.mark.parametrize(
    ("command", "others", "flag", "values"),
    IMPOSSIBLE,
    ids=[f"{command} {flag}" for command, _, flag, _ in IMPOSSIBLE],
)
def test_impossible_numbers_are_refused_as_they_are_read(
    command, others, flag, values, nothing_else
):
    for value in values:
        sentence = commands.call_refused(command, *others, f"{flag}={value}")
        assert sentence.startswith(f"error: argument {flag}: {value[:40]} is not a ")
        assert sentence.endswith(f"; see worldmodels {command} --help")
        assert len(sentence) < 200


def test_possible_numbers_are_taken(nothing_else):
    most = ["--workers=4096", "--shard=0", "--round=255"]
    with pytest.raises(AssertionError, match="were taken"):
        cli.main(["rollouts", *ROLLOUTS, *most])
    with pytest.raises(AssertionError, match="were taken"):
        cli.main(["drive", *FILM, f"--seed={2**54 - 1}", "--steps=1"])


def test_many_more_workers_than_cores_are_refused(monkeypatch):
    prepared = []
    monkeypatch.setattr(devices, "prepare", lambda *given: prepared.append(given))
    for cores, most in ((2, 64), (128, 128)):
        monkeypatch.setattr(devices, "cores", lambda cores=cores: cores)
        sentence = commands.call_refused("evaluate", f"--workers={most + 1}")
        assert f"may use {cores} cores; give at most {most}" in sentence
        assert not prepared
        cli._prepare("float32", {"workers": most})
        assert prepared.pop() == ("float32", most)


def test_other_wrong_words_are_one_sentence_too(nothing_else):
    told = commands.call_refused("visoin")
    assert "invalid choice: 'visoin'" in told
    assert told.endswith("; see worldmodels --help")
    assert "required: --out" in commands.call_refused("rollouts")


def completed(typed: str) -> tuple[list[str], str]:
    """Return what a shell is offered for a line, and the modules that it took."""
    program = (
        "import os, sys\n"
        "from worldmodels import cli\n"
        "leave = os._exit\n"
        "def note(status):\n"
        "    print(*sys.modules, file=sys.stderr, flush=True)\n"
        "    leave(status)\n"
        "os._exit = note\n"
        "cli.main()\n"
    )
    asked = {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_IFS": "\n",
        "_ARGCOMPLETE_SHELL": "bash",
        "COMP_LINE": typed,
        "COMP_POINT": str(len(typed)),
        "COMP_TYPE": "9",
    }
    read, write = os.pipe()
    shell = f"exec {sys.executable} -c '{program}' 8>&{write}"
    answer = subprocess.run(
        ["bash", "-c", shell],
        env=os.environ | asked,
        pass_fds=[write],
        capture_output=True,
        text=True,
        timeout=60,
    )
    os.close(write)
    with os.fdopen(read) as offered:
        return [word.strip() for word in offered.read().split("\n")], answer.stderr


def test_a_shell_completes_commands_and_flags_at_once():
    words, modules = completed("worldmodels eva")
    assert words == ["evaluation", "evaluate"]
    assert "argcomplete" in modules
    for heavy in ("jax", "numpy", "zarr", "tqdm"):
        assert heavy not in modules.split()
    words, _ = completed("worldmodels vision --checkpoint-")
    assert words == ["--checkpoint-seconds"]
