"""bootstrap.py: a command that is not there; nothing is set up here."""

import importlib.util
import sys
from pathlib import Path

import pytest

PLACE = Path(__file__).parents[1] / "bootstrap.py"


@pytest.fixture
def bootstrap(monkeypatch):
    """The script as a module, in a place that is set up already."""
    spec = importlib.util.spec_from_file_location("bootstrap", PLACE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "set_up", lambda: None)
    for name in ("PATH", "VIRTUAL_ENV"):  # which it changes
        monkeypatch.setenv(name, "")
    return module


def test_a_mistyped_command_is_told_in_one_sentence(bootstrap, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["bootstrap.py", "snakemke", "--cores", "2"])
    with pytest.raises(SystemExit) as raised:
        bootstrap.main()
    sentence = raised.value.code  # printed, and the exit status is then 1
    assert sentence.startswith("error: snakemke cannot be run (No such file or dir")
    assert "such as snakemake" in sentence
