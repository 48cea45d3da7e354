"""Overlays: later ones win key by key, and nothing is lost to an empty section."""

import pytest

from worldmodels.experiment.overlays import merged, refuse_unreadable
from worldmodels.runtime.errors import UserError

BASE = """
seed: 0
rounds: 1
vision: {epochs: 3, latent_size: 32}
memory: {epochs: 60}
"""


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a file and returns its path."""

    def written(name: str, text: str):
        path = tmp_path / name
        path.write_text(text)
        return path

    return written


@pytest.fixture
def asked(write):
    """Return a function that lays texts and entries of a command line over BASE."""
    base = write("config.yaml", BASE)

    def result(*texts: str, entries=()) -> dict:
        files = [write(f"{n}.yaml", text) for n, text in enumerate(texts)]
        return merged(base, files, entries)

    return result


def test_an_empty_section_changes_nothing(asked):
    plain = asked("seed: 0")
    assert asked("vision:\n  # epochs: 5\nmemory: {}\n") == plain
    assert asked("seed: 0", entries=["vision="]) == plain


def test_an_empty_section_of_the_base_is_refused(write):
    """There is nothing that it could leave as it is."""
    base = write("config.yaml", "seed: 1\nvision:\n  # epochs: 3\n")
    with pytest.raises(UserError, match=r"config\.yaml: vision is empty"):
        merged(base, [], [])


def test_later_ones_win_key_by_key(asked):
    found = asked(
        "vision: {epochs: 4}\nseed: 1",
        "vision: {epochs: 5}\nrounds: [{}, {vision: {epochs: 6}}]",
        entries=["vision={latent_size: 8}", "seed=2", "vision={'epochs': 7}"],
    )
    assert found == {
        "seed": 2,
        "rounds": [{}, {"vision": {"epochs": 6}}],
        "vision": {"epochs": 7, "latent_size": 8},
        "memory": {"epochs": 60},
    }


def test_entries_are_read_as_yaml(asked):
    entries = [
        "vision={epochs: 1, warm: true, rate: 0.5, channels: [1, 2]}",
        "seed='7'",
        "temperatures=[0.5, 1]",
    ]
    found = asked("seed: 0", entries=entries)
    vision = {"epochs": 1, "warm": True, "rate": 0.5, "channels": [1, 2]}
    assert found["vision"] == vision | {"latent_size": 32}
    assert (found["seed"], found["temperatures"]) == ("7", [0.5, 1])


def test_a_value_that_is_no_section_replaces_one_and_is_refused_later(asked):
    assert asked("vision: 3")["vision"] == 3


def test_a_key_given_twice_in_an_overlay_is_refused(asked):
    with pytest.raises(UserError, match=r"0\.yaml: vision\.epochs is given twice"):
        asked("vision:\n  epochs: 1\n  epochs: 2\n")


def told(*arguments) -> str:
    """Return the sentence that ends the program."""
    with pytest.raises(SystemExit) as ended:
        refuse_unreadable([str(a) for a in arguments])
    assert "\n" not in ended.value.code
    return ended.value.code


def test_a_target_after_the_overlays_is_told_where_it_belongs(write):
    good = write("good.yaml", "seed: 1")
    for option in ("--configfile", "--configfiles"):
        sentence = told("-n", option, good, "rollouts", "--cores", "2")
        assert sentence.startswith("error: rollouts ")
        assert "if it is a target, give it before --configfile" in sentence
    sentence = told("--configfile", good.with_name("missing.yaml"))
    assert "missing.yaml cannot be read" in sentence
    assert "a target" not in sentence
    sentence = told("--config", "seed=1", "rollouts")
    assert "not 'rollouts'" in sentence
    assert "before --config" in sentence


def test_a_key_within_a_section_is_told_how_to_be_given():
    sentence = told("--config", "vision.epochs=1")
    assert "'vision={epochs: 1}'" in sentence


def test_a_command_line_that_can_be_read_passes(write):
    good = write("good.yaml", "seed: 1")
    refuse_unreadable(["rollouts", "--configfile", str(good), "--cores", "2"])
    refuse_unreadable(["--configfile", str(good), "--", "rollouts"])
    refuse_unreadable([f"--configfile={good}", "-C", "seed=1", "--config", "seed="])
    refuse_unreadable(["-n", "rollouts"])
    refuse_unreadable(["--configfile"])  # Snakemake's own usage message
