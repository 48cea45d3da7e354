"""Rates that are kept on this machine: found again, and not where they are others'."""

import pytest

from worldmodels.experiment import rates, work
from worldmodels.experiment.settings import Environment
from worldmodels.runtime import devices
from worldmodels.stores import kept_rates

FOUND = rates.measured({work.CAR: 20e-6, work.START: 1.0}, cores=2)
GAME = Environment()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of compiled programs."""
    monkeypatch.setattr(devices, "programs", lambda: tmp_path)
    return tmp_path


def test_rates_are_found_again_by_what_they_depend_on(folder):
    assert kept_rates.find(GAME, "float32", 2) is None
    kept_rates.keep(FOUND, GAME, "float32")
    assert kept_rates.find(GAME, "float32", 2) == FOUND
    assert kept_rates.find(GAME, "mixed", 2) is None
    assert kept_rates.find(GAME, "float32", 4) is None
    (file,) = folder.iterdir()
    assert devices.processor() in file.name  # a home may be shared by other kinds
    faster = rates.measured({work.CAR: 10e-6}, cores=2)
    kept_rates.keep(faster, GAME, "float32")
    assert kept_rates.find(GAME, "float32", 2) == faster
    assert list(folder.iterdir()) == [file]


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"cores": 2}'])
def test_a_damaged_file_holds_none(folder, damage):
    kept_rates.keep(FOUND, GAME, "float32")
    (file,) = folder.iterdir()
    file.write_text(damage)
    assert kept_rates.find(GAME, "float32", 2) is None


def test_a_file_of_another_machine_under_this_name_holds_none(folder):
    kept_rates.keep(FOUND, GAME, "float32")
    (file,) = folder.iterdir()
    file.write_text(rates.as_text(FOUND._replace(cores=64)))
    assert kept_rates.find(GAME, "float32", 2) is None


@pytest.mark.parametrize("place", [None, "/proc/1"])
def test_where_nothing_can_be_kept_one_line_says_so(place, monkeypatch, capsys):
    monkeypatch.setattr(devices, "programs", lambda: place and devices.Path(place))
    assert kept_rates.find(GAME, "float32", 2) is None
    kept_rates.keep(FOUND, GAME, "float32")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("what was measured is not kept (")
