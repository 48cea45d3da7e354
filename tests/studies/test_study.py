"""A study's settings and its command, with a study of one step."""

import json
import re
import sys
from types import ModuleType

import pytest

from worldmodels import cli
from worldmodels.experiment import config
from worldmodels.experiment.section import Section, setting
from worldmodels.experiment.stage_settings import nested
from worldmodels.experiment.stages import STAGES
from worldmodels.runtime.errors import UserError
from worldmodels.studies import registry
from worldmodels.studies.study import Step, Study, StudySettings


class Settings(StudySettings):
    """Of the study of these tests."""

    count: int = setting(3, "of things", unit="things", low=1, high=9)
    width: int = setting(5, "of a thing", unit="metres", low=1, high=9)


STUDY = Study(
    name="toy",
    summary="Are there things?",
    settings=Settings,
    steps={
        "make": Step(
            "make things", 1, ("count",), {"seed": {"type": int, "required": True}}
        )
    },
)


@pytest.fixture
def given(monkeypatch):
    """Put the study among the others; return what its step is given."""
    found = {}
    modules = {name: ModuleType(name) for name in ("toy", "toy.steps", "toy.make")}
    modules["toy.steps"].STUDY = STUDY
    modules["toy.make"].run = lambda **options: found.update(options)
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, f"worldmodels.studies.{name}", module)
    monkeypatch.setattr(registry, "STUDIES", (*registry.STUDIES, "toy"))
    return found


def refusal(capsys, *words: str) -> str:
    assert cli.main(["study", *words]) == 1
    return capsys.readouterr().err


def test_a_step_is_given_its_settings_and_options(given):
    words = ["toy", "make", "--seed=7", "--set=count=4", "--out=x", "--log=y"]
    assert cli.main(["study", *words]) == 0
    assert given["settings"] == Settings(count=4)
    assert (given["seed"], str(given["out"]), str(given["log"])) == (7, "x", "y")


def test_a_rule_passes_what_the_step_uses_and_no_more(given):
    settings = STUDY.load({"count": 2, "width": 9, "variant": "wide"})
    words = STUDY.as_json("make", settings)
    assert json.loads(words) == {"count": 2}
    cli.main(["study", "toy", "make", "--seed=0", "--out=x", f"--settings={words}"])
    assert given["settings"] == Settings(count=2)
    assert STUDY.results(settings) == "results/studies/toy/wide"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--set=width=4"], "width (here 4) is not a setting that toy make uses"),
        (["--set=count=40"], "count is 40; it must be a whole number, at least 1"),
        (["--settings=4"], "--settings is '4'; it must be a JSON object"),
    ],
)
def test_impossible_settings_are_refused(given, capsys, words, sentence):
    said = refusal(capsys, "toy", "make", "--seed=0", "--out=x", *words)
    assert said.startswith(f"error: {sentence}")
    assert said.count("\n") == 1
    assert not given


def test_an_unknown_study_is_refused(given, capsys):
    assert "invalid choice: 'tyo'" in refusal(capsys, "tyo")


def test_the_help_of_a_step_lists_its_settings(given, capsys):
    with pytest.raises(SystemExit):
        cli.main(["study", "toy", "make", "--help"])
    said = capsys.readouterr().out
    assert "count=3  things of things" in said
    assert "width" not in said


def test_a_configuration_holds_settings_of_studies(given):
    read = config.load({"studies": {"toy": {"count": 2}}})
    registry.check(read.studies)
    assert STUDY.load(read.studies["toy"]).count == 2


def test_the_type_and_debug_of_an_experiment_reach_every_study(given):
    given = {"dtype": "float64", "debug": True, "studies": {"toy": {"debug": False}}}
    configured = registry.configured("toy", config.load(given))
    assert configured == {"dtype": "float64", "debug": False}
    assert registry.configured("dsprites", config.load(given))["debug"] is True


def test_a_setting_is_passed_only_where_it_changes_what_was_before_it(given):
    study = STUDY._replace(
        steps={"make": Step("make things", 1, ("count", "dtype", "debug"))}
    )
    assert study.used("make", study.load({"dtype": "float32"})) == {"count": 3}
    used = study.used("make", study.load({"dtype": "float64"}))
    assert used == {"count": 3, "dtype": "float64"}


@pytest.mark.parametrize(
    ("studies", "sentence"),
    [
        ({"tyo": {}}, "studies.tyo is no study; those are"),
        ({"toy": {"count": 0}}, "studies.toy.count is 0; it must be"),
        ({"toy": {"cuont": 1}}, "studies.toy.cuont (here 1) is not a known key"),
    ],
)
def test_an_impossible_configuration_of_studies_is_refused(given, studies, sentence):
    with pytest.raises(UserError) as refused:
        registry.check(config.load({"studies": studies}).studies)
    assert str(refused.value).startswith(sentence)


@pytest.mark.parametrize("studies", [3, {"toy": 4}, {5: {}}])
def test_studies_that_are_no_mapping_are_refused(studies):
    with pytest.raises(UserError, match="it must be a mapping of studies' names"):
        config.load({"studies": studies})


def numbers(section: Section, where: str = ""):
    """Yield the name of each setting that is a number or a list of them, and it."""
    for name, value in section:
        if isinstance(value, Section):
            yield from numbers(value, f"{where}{name}.")
        elif isinstance(value, tuple) and all(isinstance(v, str) for v in value):
            continue  # a list of words
        elif not isinstance(value, (bool, str)):
            yield where + name, value


@pytest.mark.parametrize("name", registry.STUDIES)
def test_every_number_has_an_upper_limit_that_is_stated(name):
    study = registry.study(name)
    for key, default in numbers(study.settings()):
        given = [10**12] if isinstance(default, tuple) else 10**12
        with pytest.raises(UserError) as refused:
            study.load(nested(f"{key}={given}"))
        assert str(refused.value).startswith(f"studies.{name}.{key}")
        (limit,) = re.findall(r"(?:at most|from 0 to) ([\d.e+]+)$", str(refused.value))
        assert float(limit) <= 1e10


@pytest.mark.parametrize("words", ["dnc_tasks train", "dsprites probe"])
@pytest.mark.parametrize("seconds", ["nan", "-1"])
def test_seconds_between_checkpoints_are_a_number_of_at_least_0(words, seconds, capsys):
    error = refusal(capsys, *words.split(), f"--checkpoint-seconds={seconds}")
    assert f"{seconds} is not a number of at least 0" in error


def test_the_kinds_of_a_studys_stores_are_known_from_those_of_a_run():
    assert registry.has(registry.study("dsprites").kind("train"))
    assert not any(map(registry.has, STAGES))
