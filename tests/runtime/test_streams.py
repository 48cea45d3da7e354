"""Standard streams that are closed, full, or lack characters."""

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support import commands, small_store

from worldmodels import cli
from worldmodels.runtime import streams
from worldmodels.runtime.errors import UserError

STRANGE = "w\u00f6rld\udcff\x1b[31m.zarr"  # not of ASCII, not of UTF-8, not of a text
ESCAPED = r"w\xf6rld\udcff\x1b[31m.zarr"


def run(words, folder, before=":", **variables):
    """Run `worldmodels` in a shell, with its redirections."""
    command = f"{before}; exec {sys.executable} -m worldmodels.cli {words}"
    return subprocess.run(
        ["sh", "-c", command],
        env=os.environ | variables,
        cwd=folder,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        timeout=300,
    )


CHECKED = """
import os, sys
from worldmodels import cli
assert cli.main(["inspect", "none.zarr"]) == 1
print(sys.stdin.read(), "to nobody")
print("to nobody", file=sys.stderr)
assert os.open(sys.argv[0], os.O_RDONLY) == 3
os.write(1, b"to nobody"), os.write(2, b"to nobody")
"""


def test_closed_streams_keep_their_numbers(tmp_path):
    (tmp_path / "checked.py").write_text(CHECKED)
    answer = subprocess.run(
        ["sh", "-c", f"{sys.executable} checked.py <&- >&- 2>&-"],
        cwd=tmp_path,
        capture_output=True,
        timeout=60,
    )
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, b"", b"")


TABLE = "ablations --ablation a none.zarr --out table.txt --log a/log"


def test_a_stage_that_fails_unheard_says_why_in_its_log(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("stdin", "stdout", "stderr"):  # as Python has them when closed
        monkeypatch.setattr(sys, name, None)
    assert cli.main(TABLE.split()) == 1
    assert (tmp_path / "a" / "log").read_text().count("error: none.zarr does not") == 1


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (UserError("no \udcff here"), "error: no \\udcff here"),
        (ZeroDivisionError("a bug"), "ZeroDivisionError: a bug"),
    ],
)
def test_every_error_ends_the_log(error, expected, tmp_path, monkeypatch):
    def fail(parsed):
        raise error

    log = tmp_path / "log"
    log.write_text("before\n")
    monkeypatch.setattr(cli, "_options", fail)
    words = [*TABLE.split()[:-1], str(log)]
    if isinstance(error, UserError):
        assert cli.main(words) == 1
    else:
        with pytest.raises(type(error)):
            cli.main(words)
    lines = log.read_text().splitlines()
    assert lines[0] == "before"
    assert lines[-1].endswith(expected)


def test_a_full_device_in_place_of_stdout_is_told_in_one_sentence(store, monkeypatch):
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        sentence = commands.call_refused("inspect", store)
        # What is left is flushed at the exit, and must not fail again.
    assert sentence.startswith("error: the disk is full; free some space")


def test_nobody_who_reads_stderr_stops_no_work(monkeypatch):
    class Broken(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Broken())
    streams.tell("a line")


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_a_path_that_cannot_be_printed_is_escaped(encoding, tmp_path, monkeypatch):
    small_store.make(tmp_path / STRANGE)
    printed, told = (io.TextIOWrapper(io.BytesIO(), encoding) for _ in range(2))
    monkeypatch.setattr(sys, "stdout", printed)
    monkeypatch.setattr(sys, "stderr", told)
    monkeypatch.chdir(tmp_path)
    assert cli.main(["inspect", STRANGE]) == 0
    assert cli.main(["inspect", f"no-{STRANGE}"]) == 1
    first = printed.buffer.getvalue().decode(encoding).splitlines()[0]
    assert r"rld\udcff" in first
    sentence = told.buffer.getvalue().decode(encoding)
    assert sentence.count("\n") == 1
    expected = ESCAPED if encoding == "ascii" else ESCAPED.replace(r"\xf6", "\u00f6")
    assert sentence.startswith(f"error: no-{expected} does not exist")


@pytest.mark.slow
def test_a_stage_does_its_work_with_closed_streams_and_a_bare_locale(tmp_path):
    sizes = " ".join([*commands.ROLLOUTS, "--out wörld.zarr --log wörld.log"])
    bare = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    answer = run(f"rollouts {sizes} >&- 2>&-", tmp_path, **bare)
    assert answer.returncode == 0
    assert {p.name for p in Path(tmp_path).iterdir()} >= {"wörld.zarr", "wörld.log"}
    assert "rollouts 4/4" in (tmp_path / "wörld.log").read_text()


@pytest.mark.slow
def test_a_limit_of_the_size_of_files_is_told_in_one_sentence(tmp_path):
    off = {"JAX_ENABLE_COMPILATION_CACHE": "false"}  # it warns besides
    for name in ("film.gif", "film.mp4"):
        limited = f"drive --pretrained --steps 30 --out {name}"
        answer = run(limited, tmp_path, before="ulimit -f 8", **off)
        assert answer.returncode == 1
        told = answer.stderr.splitlines()[-1]
        assert re.search("^error: .*file size limit (is )?reached", told)
        assert not list(tmp_path.iterdir())
