"""compare: the real command, its page and its refusals."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import commands
from support.compared_runs import SETTINGS, make_run
from support.pages import rows, words

from worldmodels.tools import compare


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> list[Path]:
    """Two finished runs: only read them."""
    folder = tmp_path_factory.mktemp("runs")
    changed = SETTINGS.changed(memory={"epochs": 7})
    return [
        make_run(folder / "base", [10.0, 20.0, 30.0, 40.0]),
        make_run(folder / "<wider>", [15.0, 24.0, 37.0, 48.0], settings=changed),
    ]


@pytest.fixture(scope="module")
def made(runs) -> tuple[Path, list[str]]:
    """The page of the real command, which imports no JAX, and the lines it printed."""
    out = runs[0].with_name("new") / "page.html"
    program = "import sys; from worldmodels import cli; cli.main(sys.argv[1:]); "
    program += "assert 'jax' not in sys.modules"
    answer = subprocess.run(
        [sys.executable, "-c", program, "compare", *map(str, runs), "--out", str(out)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert answer.returncode == 0, answer.stderr
    return out, [" ".join(line.split()) for line in answer.stdout.splitlines()]


def test_the_command_prints_its_tables(made):
    out, lines = made
    assert "setting base <wider>" in lines
    assert "memory.epochs 40 7" in lines
    assert any(line.startswith("base 0 0 4 25.0 ") for line in lines)
    assert any(re.match(r"<wider> 0 0 4 31.0 .* \+6.0 \+4\.\d to ", x) for x in lines)
    assert any("the change helped" in line for line in lines)
    assert lines[-1] == f"page: {out}"


def test_the_page_needs_nothing_else_and_shows_names_as_they_are(made):
    page = made[0].read_text()
    assert "<wider>" not in page
    assert ["memory.epochs", "40", "7"] in rows(page)
    assert "&lt;wider&gt; scores 6.0 more than base" in page
    assert page.count("<img ") == 3
    assert all(len(alt) > 30 for alt in re.findall(r'alt="([^"]*)"', page))
    assert not re.search(r"<script|<link|https?://|url\(|@import", words(page))
    sections = re.findall(r'<section id="(\w+)"', page)
    assert sections == ["verdict", "settings", "scores", "curves", "cost", "versions"]


def test_a_page_is_replaced_and_any_other_file_is_not(runs, made, tmp_path):
    page, out = made[0].read_text(), tmp_path / "page.html"
    out.write_text(f"{page}<!-- an earlier one -->")
    compare.run(runs=runs, out=out)
    assert out.read_text() == page  # the same runs give the same page
    out.write_text("<!DOCTYPE html><title>my thesis</title>")
    sentence = commands.call_refused("compare", *runs, "--out", out)
    assert "is a file that this command did not make; move it" in sentence
    assert "my thesis" in out.read_text()


def test_runs_that_have_only_begun_are_compared_too(tmp_path, capsys):
    runs = [
        make_run(tmp_path / n, kinds=[k]) for n, k in (("a", "vision"), ("b", "memory"))
    ]
    compare.run(runs=runs, out=tmp_path / "page.html")
    told = capsys.readouterr().out
    assert "no setting differs" in told
    assert "a: round 0 has no memory, controller and evaluation yet." in told
    page = (tmp_path / "page.html").read_text()
    assert "No run has been evaluated yet." in page
    assert page.count("<img ") == 1


@pytest.mark.parametrize(
    ("out", "sentence"),
    [
        ("page.png", "must end in .html"),
        (".", "must end in .html"),
        ("folder.html", "is a folder, which a file does not replace"),
        ("file/page.html", "cannot be written (Not a dir"),
        ("base/round-0/vision.zarr/page.html", "lies in the store"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused_first(runs, tmp_path, out, sentence):
    (tmp_path / "folder.html").mkdir()
    (tmp_path / "file").touch()
    shutil.copytree(runs[0], tmp_path / "base")
    given = [tmp_path / "gone", runs[0], "--out", tmp_path / out]
    assert sentence in commands.call_refused("compare", *given)


def test_what_cannot_be_compared_leaves_no_page(runs, tmp_path):
    out = tmp_path / "page.html"
    damaged = shutil.copytree(runs[0], tmp_path / "damaged")
    (damaged / "round-0/vision.zarr/zarr.json").write_text("{")
    torn, worn = (shutil.copytree(runs[0], tmp_path / n) for n in ("torn", "worn"))
    for chunk in (
        torn / "round-0/evaluation.zarr/agent/returns/c.0",
        worn / "round-0/vision.zarr/history/loss/c.0",  # seen when it is drawn
    ):
        chunk.write_bytes(bytes(chunk.stat().st_size))
    for given, sentence in (
        (runs[:1], "is compared with nothing; give two or more"),
        ([runs[0], runs[0]], "is given twice"),
        ([runs[0], tmp_path], "holds no rounds of a run"),
        ([runs[0], damaged], "is no worldmodels store, or its zarr.json is damaged"),
        ([runs[0], torn], "array 'agent/returns' is damaged"),
        ([runs[0], worn], "array 'history/loss' is damaged"),
    ):
        assert sentence in commands.call_refused("compare", *given, "--out", out)
    assert not out.exists()
