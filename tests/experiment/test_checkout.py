"""The command that jobs run must use the package beside the Snakefile."""

import shlex
import sys

import pytest
from support.commands import REPOSITORY

from worldmodels import cli
from worldmodels.experiment.checkout import PACKAGE, refuse_another
from worldmodels.runtime.errors import UserError


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Return a function that puts a command worldmodels on PATH, alone."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def put(says: str) -> None:
        script = tmp_path / "worldmodels"
        script.write_text(f"#!/bin/sh\n{says}\n")
        script.chmod(0o755)

    return put


def refusal() -> str:
    with pytest.raises(UserError) as refused:
        refuse_another(PACKAGE)
    sentence = str(refused.value)
    assert "\n" not in sentence
    assert f"pip install --editable {shlex.quote(str(PACKAGE.parent))}" in sentence
    return sentence


def test_it_says_itself_whose_code_it_runs(command):
    home, python = shlex.quote(str(REPOSITORY)), shlex.quote(sys.executable)
    command(f'PYTHONPATH={home} exec {python} -m worldmodels.cli "$@"')
    refuse_another(PACKAGE)


def test_a_copy_is_refused(command):
    command("echo worldmodels 0.1.0 from /usr/lib/site packages/worldmodels")
    sentence = refusal()
    assert "the package in /usr/lib/site packages/worldmodels, not that in" in sentence


@pytest.mark.parametrize("says", ["echo worldmodels 0.1.0", "exit 2", "kill -9 $$"])
def test_one_that_does_not_say_is_refused(command, says):
    command(says)
    assert "an unknown place" in refusal()


def test_no_command_at_all_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "no command worldmodels on PATH" in refusal()


def test_rules_without_a_package_beside_them_take_any(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    refuse_another(tmp_path / "worldmodels")


def test_an_installed_copy_ships_no_agent(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(cli, "SHIPPED", tmp_path / "pretrained/carracing.zarr")
    monkeypatch.setattr(cli, "PACKAGE", tmp_path / "worldmodels")
    given = [
        "drive",
        "--pretrained",
        str(cli.SHIPPED),
        "--out",
        str(tmp_path / "x.mp4"),
    ]
    assert cli.main(given) == 1
    sentence = capsys.readouterr().err
    assert f"the package in {tmp_path}/worldmodels is a copy" in sentence
    assert "give --pretrained PATH" in sentence
