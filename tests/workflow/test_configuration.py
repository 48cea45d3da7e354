"""config.yaml is complete and documented; presets fit it; errors are one sentence."""

import dataclasses
import re

import pytest
import yaml
from commands import REPOSITORY
from snakemake.utils import update_config

from worldmodels.config import SECTIONS, load
from worldmodels.settings import Run, Site

TEXT = (REPOSITORY / "config.yaml").read_text()
PRESETS = sorted(path.stem for path in (REPOSITORY / "presets").glob("*.yaml"))


def names(kind) -> set[str]:
    return {field.name for field in dataclasses.fields(kind)}


def with_preset(name: str):
    mapping = yaml.safe_load(TEXT)
    preset = (REPOSITORY / "presets" / f"{name}.yaml").read_text()
    update_config(mapping, yaml.safe_load(preset))
    return load(mapping)


def test_it_holds_every_key_and_only_those():
    mapping = yaml.safe_load(TEXT)
    assert set(mapping) == {
        "experiment", "rounds", "ablations", "temperatures", "site", *names(Run),
        *SECTIONS,
    }  # fmt: skip
    assert set(mapping["site"]) == names(Site)
    assert set(mapping["ablations"]) == {"seeds"}
    for section, kind in SECTIONS.items():
        expected = names(kind)
        if section == "environment":
            expected = expected - {"environment"} | {"name"}
        assert set(mapping[section]) == expected


def test_every_key_says_what_it_is_and_what_the_paper_has():
    lines = [line for line in TEXT.splitlines() if re.match(r" *\w+:", line)]
    assert len(lines) > 40
    for line in lines:
        value, _, comment = line.partition("#")
        assert comment, line
        if value.split(":", 1)[1].strip():
            assert "(paper" in comment or line.startswith("experiment"), line


def test_the_default_loads():
    assert load(yaml.safe_load(TEXT)).experiment == "default"


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_loads_under_its_own_name(name):
    assert with_preset(name).experiment == name


def test_paper_is_the_original():
    """Ha & Schmidhuber 2018, section 2 and appendix A, and their released code."""
    (settings,) = with_preset("paper").rounds
    rollouts, vision, memory = settings.rollouts, settings.vision, settings.memory
    controller = settings.controller
    assert (rollouts.episodes, rollouts.steps) == (10000, 1000)
    assert rollouts.policy == "network"
    assert (vision.latent_size, vision.batch_size, vision.epochs) == (32, 100, 10)
    assert (vision.learning_rate, vision.kl_tolerance) == (1e-4, 0.5)
    assert (memory.hidden_size, memory.mixtures, memory.batch_size) == (256, 5, 100)
    assert memory.epochs * rollouts.episodes // memory.batch_size == 4000
    assert (memory.learning_rate, memory.decay, memory.gradient_clip) == (1e-3, 1, 1)
    assert (controller.inputs, controller.hidden_size) == ("z_h", 0)
    assert (controller.population, controller.rollouts) == (64, 16)
    assert (controller.generations, controller.sigma) == (1800, 0.1)
    assert (controller.select_every, controller.selection_episodes) == (25, 1024)
    assert controller.sample_z
    assert controller.initial_steps == controller.initial_mean == 0
    assert settings.evaluation.episodes == 100


def test_five_agents_is_the_2019_schedule():
    config = with_preset("five_agents")
    schedule = [
        (r.rollouts.episodes, r.vision.epochs, r.memory.epochs) for r in config.rounds
    ]
    assert schedule == [
        (10000, 10, 20),  # agents 1 and 2
        (5000, 10, 20),
        (5000, 15, 40),
        (5000, 15, 80),
    ]
    assert {r.vision.batch_size for r in config.rounds} == {256}


WRONG = {
    "an unknown key": (
        {"vision": {"epoch": 3}},
        ["vision.epoch ", "not a known key", "epochs"],
    ),
    "a wrong type": (
        {"memory": {"epochs": "many"}},
        ["memory.epochs is 'many'", "whole number"],
    ),
    "an impossible value": (
        {"controller": {"sigma": 0}},
        ["controller.sigma is 0", "above 0"],
    ),
    "an impossible pair": (
        {"controller": {"generations": 45, "generations_per_block": 10}},
        ["controller.generations is 45", "multiple", "10"],
    ),
    "a wrong override of a round": (
        {"rounds": [{}, {"vision": {"epochs": -1}}]},
        ["rounds[1].vision.epochs is -1", "at least 0"],
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_configuration_is_one_sentence_before_anything_runs(project, name):
    content, words = WRONG[name]
    overlay = project.write("wrong.yaml", content)
    status, output = project.run("--configfile", overlay)
    assert status != 0
    assert "Traceback" not in output
    (sentence,) = [line for line in output.splitlines() if line.startswith("error: ")]
    for word in words:
        assert word in sentence
    assert not (project.folder / "results").exists()
