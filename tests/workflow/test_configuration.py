"""config.yaml is complete and documented; presets fit it; errors are one sentence."""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic.fields import FieldInfo
from support import presets
from support.commands import REPOSITORY
from support.projects import CLUSTER_OPTIONS, planned

from worldmodels import cli
from worldmodels.experiment import config_file
from worldmodels.experiment.config import Everything, load
from worldmodels.experiment.overlays import merged
from worldmodels.experiment.section import Section, facts, groups_of
from worldmodels.experiment.settings import Round
from worldmodels.experiment.yaml_files import read
from worldmodels.runtime.errors import UserError
from worldmodels.studies import registry

TEXT = (REPOSITORY / "config.yaml").read_text()


def keys(section: Section, where: str = "") -> dict[str, Any]:
    """Return the values of a section, and of the groups in it, by their whole names."""
    found = {}
    for name, value in section:
        if isinstance(value, Section):
            found |= keys(value, f"{where}{name}.")
        else:
            found[where + name] = value
    return found


def fields(kind: type[Section], where: str = "") -> dict[str, FieldInfo]:
    """Return the settings of a section by their whole names."""
    found, groups = {}, groups_of(kind)
    for name, field in kind.model_fields.items():
        if name in groups:
            found |= fields(groups[name], f"{where}{name}.")
        else:
            found[where + name] = field
    return found


def test_the_file_is_the_print_of_the_settings():
    """To be made again: worldmodels settings > config.yaml."""
    assert config_file.text() == TEXT


def test_so_is_its_schema_which_its_first_line_names_for_editors():
    """To be made again: worldmodels settings --schema > config.schema.json."""
    schema = (REPOSITORY / config_file.SCHEMA).read_text()
    assert schema == config_file.schema()
    first, _, _ = TEXT.partition("\n")
    assert first == f"# yaml-language-server: $schema={config_file.SCHEMA}"


def test_the_command_prints_both(capsys):
    assert cli.main(["settings"]) == 0
    assert capsys.readouterr().out == TEXT
    assert cli.main(["settings", "--schema"]) == 0
    assert capsys.readouterr().out == config_file.schema()


@pytest.mark.parametrize("name", [None, *presets.NAMES])
def test_the_schema_takes_what_the_checks_take(name):
    schema = json.loads(config_file.schema())
    overlay = REPOSITORY / "presets" / f"{name}.yaml"
    mapping = merged(REPOSITORY / "config.yaml", [overlay] if name else [], [])
    jsonschema.validate(mapping, schema)


@pytest.mark.parametrize(
    "wrong",
    [
        {"vision": {"epoch": 3}},
        {"memory": {"epochs": "many"}},
        {"controller": {"sigma": 0}},
        {"vision": {"channels": [1, 2]}},
        {"rounds": [{}, {"vision": {"epochs": -1}}]},
        {"rounds": 0},
        {"dtype": "float16"},
    ],
)
def test_the_schema_refuses_what_the_checks_refuse(wrong):
    with pytest.raises(UserError):
        load(wrong)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, json.loads(config_file.schema()))


def test_the_default_is_what_the_settings_are_without_it():
    assert load(yaml.safe_load(TEXT)) == load({})


def test_every_key_says_what_it_is_and_what_the_paper_has():
    # Four spaces: of the entry of a round, whose keys are explained in their sections.
    lines = [line for line in TEXT.splitlines() if re.match(r"(  )?\w+:", line)]
    assert len(lines) > 40
    for line in lines:
        value, _, comment = line.partition("#")
        assert comment, line
        if value.split(":", 1)[1].strip():
            own = line.startswith(("experiment", "studies"))  # of this project alone
            assert "(paper" in comment or own, line


@pytest.mark.parametrize("name", presets.NAMES)
def test_a_preset_loads_under_its_own_name(name):
    assert presets.preset(name).experiment == name


@pytest.mark.parametrize("name", presets.NAMES)
def test_a_preset_holds_only_what_differs_from_the_default(name):
    preset = read(REPOSITORY / "presets" / f"{name}.yaml")
    default, given = keys(Everything()), leaves(preset)
    assert {key for key, value in given.items() if value == default[key]} == set()
    base = default | given
    rounds = preset.get("rounds", [])
    for number, overrides in enumerate(rounds if isinstance(rounds, list) else []):
        same = {key for key, value in leaves(overrides).items() if value == base[key]}
        assert same == set(), f"rounds[{number}]"


@pytest.mark.parametrize("name", presets.OF_STUDIES)
def test_a_preset_of_a_study_is_its_variant(name):
    ((of, given),) = presets.preset(name).studies.items()
    study = registry.study(of)
    settings, default = study.load(given), study.settings()
    assert name == f"{of}_{settings.variant}"
    given, default = leaves(given), leaves(default.model_dump())
    assert {key for key, value in given.items() if value == default[key]} == set()


def leaves(mapping: Mapping, where: str = "") -> dict[str, Any]:
    """Return the values of nested mappings by whole names, lists as tuples."""
    found = {}
    for name, value in mapping.items():
        if isinstance(value, Mapping):
            found |= leaves(value, f"{where}{name}.")
        else:
            found[where + name] = tuple(value) if isinstance(value, list) else value
    return found


# Where the presets of the original do not do as the paper did, and why.
DEPARTURES = {
    "paper": {
        "controller.common_tracks": "candidates are compared on the same tracks",
    },
    "takecover": {
        "controller.common_tracks": "candidates are compared on the same dreams",
        "controller.generations": "the paper's 1,800 are those of CarRacing",
    },
}


@pytest.mark.parametrize(
    ("name", "of"), [("paper", ["paper"]), ("takecover", ["paper_takecover", "paper"])]
)
def test_a_preset_of_the_original_is_the_papers_key_by_key(name, of):
    """Ha & Schmidhuber 2018 and their released code, as the settings state them."""
    (settings,) = presets.preset(name).rounds
    known, used = fields(Round), keys(settings)
    compared = 0
    for key, value in used.items():
        stated = [facts(known[key])[fact] for fact in of if fact in facts(known[key])]
        if stated and key not in DEPARTURES[name]:
            assert value == stated[0], key
            compared += 1
    assert compared > 30


def test_ms_updates_are_those_of_the_released_code():
    (settings,) = presets.preset("paper").rounds
    rollouts, memory = settings.rollouts, settings.memory
    assert memory.epochs * rollouts.episodes // memory.batch_size == 4000


def test_five_agents_is_the_2019_schedule():
    config = presets.preset("five_agents")
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


def refusal(*arguments, **more) -> str:
    """Return the sentence that a plan ends with."""
    with pytest.raises(SystemExit) as ended:
        planned(*arguments, **more)
    assert "\n" not in ended.value.code
    return ended.value.code


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_configuration_is_one_sentence_before_anything_runs(project, name):
    content, words = WRONG[name]
    overlay = project.write("wrong.yaml", content)
    sentence = refusal(project.folder, files=[Path(overlay)])
    assert sentence.startswith("error: ")
    for word in words:
        assert word in sentence
    assert not (project.folder / "results").exists()


def test_snakemake_names_an_overlay_that_it_cannot_read(project):
    """It opens them before the Snakefile; the profile looks at them before that."""
    (project.folder / "mine.yaml").write_text("vision:\n\tepochs: 1\n")
    status, output = project.run("-n", "--configfile", "mine.yaml")
    assert status == 1
    assert "Traceback" not in output
    (sentence,) = [line for line in output.splitlines() if line.startswith("error: ")]
    assert "mine.yaml is no valid YAML (line 2" in sentence
    assert "not with tabs" in sentence


def settings_of(dag, rule: str) -> dict[str, Any]:
    """Return the settings that the jobs of a rule are given."""
    given = {job.params.settings for job in dag.jobs if job.rule.name == rule}
    return json.loads(given.pop())


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Return another folder, with a space in its name, and go there."""
    folder = tmp_path / "a folder"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_config_yaml_beside_the_snakefile_is_the_base_from_anywhere(project, elsewhere):
    """With a preset by any path, an overlay of one's own and a value on top."""
    Path("my own.yaml").write_text("vision:\nmemory: {epochs: 7}\n")
    preset = Path(os.path.relpath(project.folder / "presets/smoke.yaml"))
    here = planned(project.folder, {"rounds": 1}, workdir=elsewhere)
    assert len(here.jobs) == 11
    # The rounds of config.yaml: two, of four blocks in all, and one score.
    assert len(planned(project.folder, workdir=elsewhere).jobs) == 16
    own = [Path("my own.yaml")]
    changed = planned(
        project.folder, {"seed": 3, "rounds": 1}, files=own, workdir=elsewhere
    )
    assert len(changed.jobs) == 11
    vision = settings_of(here, "train_vision")
    assert settings_of(changed, "train_vision") == vision | {"seed": 3}
    assert settings_of(changed, "train_memory")["memory"]["epochs"] == 7
    smoke = planned(project.folder, files=[preset, *own], workdir=elsewhere)
    assert settings_of(smoke, "train_vision")["vision"]["latent_size"] == 8
    assert settings_of(smoke, "train_vision")["debug"] is False


def test_values_on_the_command_line_are_read_as_yaml(project, monkeypatch):
    monkeypatch.chdir(project.folder)
    words = ["vision={epochs: 1, warm_start: true}", "experiment='2024'", "rounds=1"]
    dag = planned(project.folder, words)
    assert settings_of(dag, "train_vision")["vision"]["epochs"] == 1
    assert any("results/2024/" in job.output[0] for job in dag.jobs if job.output)
    assert "in quotes" in refusal(project.folder, ["experiment=2024"])


def test_the_command_must_run_the_package_beside_the_snakefile(project, monkeypatch):
    """The one of this checkout is another than that of the copied workflow."""
    monkeypatch.chdir(project.folder)
    package = project.folder / "worldmodels"
    package.mkdir()
    (package / "__init__.py").touch()
    sentence = refusal(project.folder)
    assert f"not that in {package}" in sentence
    assert "pip install --editable" in sentence


@pytest.mark.slow
def test_jobs_of_a_cluster_are_given_the_settings_of_the_driver(project, tmp_path):
    """From another folder, with spaces in the paths."""
    elsewhere, cluster = tmp_path / "a folder", tmp_path / "cluster"
    elsewhere.mkdir()
    cluster.mkdir()
    overlay = project.write("my own.yaml", {"vision": None, "rollouts": {"steps": 40}})
    words = [*CLUSTER_OPTIONS, "--directory", str(elsewhere), "--configfile", overlay]
    one = "rollouts={episodes: 16, episodes_per_shard: 16}"
    status, output = project.run(
        "vision", *words, "--config", one, "seed=5", "rounds=1", CLUSTER=str(cluster)
    )
    assert status == 0, output
    logs = elsewhere / "results/default/logs/round-0"
    rollouts, vision = (
        (logs / name).read_text() for name in ("rollouts-000.log", "vision.log")
    )
    assert '"seed": 5, ' in rollouts
    assert '"episodes_per_shard": 16, "steps": 40, ' in rollouts
    assert '"seed": 5, ' in vision
    assert '"latent_size": 32, "channels": [8, 16, 32, 64], ' in vision
