"""config.yaml is complete and documented; presets fit it; errors are one sentence."""

import dataclasses
import os
import re
from pathlib import Path

import pytest
import yaml
from snakemake.utils import update_config
from support.commands import REPOSITORY
from support.projects import CLUSTER_OPTIONS, planned

from worldmodels.experiment.config import SECTIONS, load
from worldmodels.experiment.settings import Run, Site

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


def settings_of(dag, rule: str) -> str:
    """Return the settings that the jobs of a rule are given."""
    return {job.params.flags for job in dag.jobs if job.rule.name == rule}.pop()


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
    here = planned(project.folder, workdir=elsewhere)
    assert len(here.jobs) == 10
    own = [Path("my own.yaml")]
    changed = planned(project.folder, {"seed": 3}, files=own, workdir=elsewhere)
    assert len(changed.jobs) == 10
    vision = settings_of(here, "train_vision")
    assert settings_of(changed, "train_vision") == vision.replace("seed=0", "seed=3")
    assert "--epochs=7" in settings_of(changed, "train_memory")
    smoke = planned(project.folder, files=[preset, *own], workdir=elsewhere)
    assert "--latent-size=8" in settings_of(smoke, "train_vision")
    assert "--debug=false" in settings_of(smoke, "train_vision")


def test_values_on_the_command_line_are_read_as_yaml(project, monkeypatch):
    monkeypatch.chdir(project.folder)
    words = ["vision={epochs: 1, warm_start: true}", "experiment='2024'"]
    dag = planned(project.folder, words)
    assert "--epochs=1" in settings_of(dag, "train_vision")
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
        "vision", *words, "--config", one, "seed=5", CLUSTER=str(cluster)
    )
    assert status == 0, output
    logs = elsewhere / "results/default/logs/round-0"
    rollouts, vision = (
        (logs / name).read_text() for name in ("rollouts-000.log", "vision.log")
    )
    assert "--seed=5 " in rollouts
    assert "--episodes-per-shard=16 --steps=40 " in rollouts
    assert "--seed=5 " in vision
    assert "--latent-size=32 --channels=8,16,32,64 " in vision
