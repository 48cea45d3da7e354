"""The bar and the lines that a stage's progress is shown by."""

import io
import re
import sys
from pathlib import Path

import pytest

from worldmodels.runtime import logs, progress
from worldmodels.runtime.errors import UserError
from worldmodels.runtime.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch):
    """A clock of seconds in a list, moved by hand."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_log_that_is_deleted_before_each_try_is_kept(tmp_path):
    log = tmp_path / "logs" / "vision.log"
    for number in (1, 2):
        for _ in range(2):  # what goes on with a log begins none
            with Progress(f"try {number}", 1, log):
                pass
        log.unlink()
    kept = sorted((tmp_path / "logs" / "tries").iterdir())
    assert [path.name for path in kept] == ["vision-1.log", "vision-2.log"]
    for number, path in enumerate(kept, 1):
        assert path.read_text().count(f"try {number} 0/1") == 2


def test_a_log_without_links_is_written_all_the_same(tmp_path, monkeypatch):
    def none_here(*_):
        raise PermissionError("no links here")

    monkeypatch.setattr(logs.os, "link", none_here)
    with Progress("vision", 1, tmp_path / "vision.log"):
        pass
    assert "vision 0/1" in (tmp_path / "vision.log").read_text()


def test_lines_when_there_is_no_terminal(capsys, tmp_path, clock):
    log = tmp_path / "logs" / "vision.log"
    with Progress("vision", 100, log) as bar:
        bar.update(5, loss=3.0)
        clock[0] += 11
        bar.update(6, loss=2.0, kl=0.123456)
        bar.update(1, loss=9.0)
        clock[0] += 9
        bar.update(28, loss=1.5)
    lines = log.read_text().splitlines()
    assert capsys.readouterr().err.splitlines() == lines
    # One after more than ten seconds, one at the end.
    time_of_day = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d "
    assert len(lines) == 2
    assert re.fullmatch(
        time_of_day + r"vision 11/100, 1/s, loss 2 kl 0.1235, 01:29 left", lines[0]
    )
    assert re.fullmatch(
        time_of_day + r"vision 40/100, 2/s, loss 1.5, 00:30 left", lines[1]
    )


def test_rate_of_a_resumed_work_counts_only_new_pieces(capsys, clock):
    with Progress("memory", 100, None, initial=90) as bar:
        clock[0] += 5
        bar.update(5)
    assert "memory 95/100, 1/s, 00:05 left" in capsys.readouterr().err


def test_a_resumed_log_is_appended_to(tmp_path, capsys):
    for _ in range(2):
        with Progress("memory", 1, tmp_path / "log") as bar:
            bar.update(1)
    assert len((tmp_path / "log").read_text().splitlines()) == 2


def test_an_interrupted_work_says_how_far_it_came(tmp_path, capsys):
    def interrupted():
        with Progress("rollouts", 9, tmp_path / "log") as bar:
            bar.update(4)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert "rollouts 4/9" in (tmp_path / "log").read_text()


def test_bar_on_a_terminal(monkeypatch, tmp_path):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Progress("controller", 8, tmp_path / "log", initial=2) as bar:
        bar.update(6, best=812.25)
    shown = terminal.getvalue()
    assert "controller" in shown
    assert "8/8" in shown
    assert "best 812.2" in shown
    assert "left" not in shown  # the bar stands instead of the lines
    assert "controller 8/8" in (tmp_path / "log").read_text()


def test_nothing_to_do(capsys):
    with Progress("latents", 0, None):
        pass
    assert "latents 0/0, 0/s" in capsys.readouterr().err


def left_after(clock, capsys, updates):
    """Return the last line of a work of 1,000 pieces that took these seconds each."""
    with Progress("memory", 1000, None) as bar:
        for seconds in updates:
            clock[0] += seconds
            bar.update(1)
    return capsys.readouterr().err.splitlines()[-1]


def test_a_pause_counts_neither_in_the_rate_nor_in_the_time_left(capsys, clock):
    line = left_after(clock, capsys, [1.0] * 50 + [7200.0] + [1.0] * 49)
    assert line.endswith("memory 100/1000, 1/s, 15:00 left")
    # Also soon after the beginning, and more than once.
    line = left_after(clock, capsys, [2.0, 2.0, 900.0, 2.0, 3600.0])
    assert line.endswith("memory 5/1000, 0.5/s, 33:10 left")


def test_what_is_only_slow_is_no_pause(capsys, clock):
    # The first compiles, every tenth is tested.
    line = left_after(clock, capsys, [60.0] + [2.0] * 9 + [22.0] + [2.0] * 9)
    assert line.endswith("memory 20/1000, 0.1695/s, 1:36:22 left")
    # Episodes that end together, in two batches.
    line = left_after(clock, capsys, ([40.0] + [0.001] * 99) * 2)
    assert "memory 200/1000, 2.4" in line


def test_a_pause_moves_the_bars_clock_too(monkeypatch, clock):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Progress("memory", 100, None) as bar:
        bar._bar._time = lambda: clock[0]
        bar._bar.start_t = bar._bar.last_print_t = clock[0]
        for seconds in [1.0] * 10 + [7200.0] + [1.0]:
            clock[0] += seconds
            bar.update(1)
        shown = terminal.getvalue().split("\r")[-1]
    assert "12/100 [00:12<01:28,  1.00it/s" in shown


def test_details_follow_each_line_and_no_other_time(tmp_path, clock, capsys):
    log = tmp_path / "vision.log"
    with Progress("vision", 100, log) as bar:
        bar.update(5, ["never seen"], loss=3.0)
        clock[0] += 11
        bar.update(6, ["a 1", "b 2"], loss=2.0)
        bar.update(1, ["c 3"])
    lines = [line.split(" ", 2)[2] for line in log.read_text().splitlines()]
    assert [line for line in lines if "vision" not in line] == ["a 1", "b 2", "c 3"]
    assert "vision 11/100" in lines[0]
    assert "vision 12/100" in lines[3]
    assert capsys.readouterr().err == log.read_text()


def test_a_log_where_no_file_can_be_is_one_sentence():
    place = Path("/proc/nowhere/vision.log")
    with pytest.raises(UserError, match=r"the log /proc/nowhere/.* cannot be written"):
        Progress("vision", 1, place).__enter__()
    logs.record(place, "an error")  # which is told on stderr, too
