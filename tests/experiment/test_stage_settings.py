"""What a stage is given: complete, exact, and the same on the way back."""

import json

import pytest
from support.presets import PAPER

from worldmodels.commands import parser
from worldmodels.experiment.config import load
from worldmodels.experiment.network_settings import DNC
from worldmodels.experiment.section import Section, groups_of
from worldmodels.experiment.settings import Environment, Evaluation, Round, Run
from worldmodels.experiment.stage_settings import as_json, from_words, listed
from worldmodels.experiment.stages import (
    CONFIGURED,
    STAGES,
    recorded,
    sections_of,
    settings_of,
)
from worldmodels.experiment.worlds import check_world
from worldmodels.runtime.errors import UserError

# Nothing in here is a default; the awkward numbers are on purpose.
RUN = Run(seed=3, dtype="float64", precision="auto", debug=True)
ROUND = Round().changed(
    environment={
        "name": "gymnasium", "id": "Pendulum-v1", "crop": (1, 2, 3, 4), "size": 96,
        "frame_skip": 2, "backend": "gymnasium", "max_steps": 77, "slots": 5,
    },
    rollouts={
        "episodes": 40, "episodes_per_shard": 20, "steps": 66, "min_steps": 30,
        "policy": "brownian", "action_noise": 0.25, "accumulate": True, "keep": False,
    },
    vision={
        "latent_size": 7, "channels": (1, 2, 3, 4), "decoder_channels": (5, 6, 7),
        "batch_size": 11, "epochs": 12, "learning_rate": 1e-5, "kl_tolerance": 0.1,
        "buffer_episodes": 13, "warm_start": True,
    },
    memory={
        "hidden_size": 17, "mixtures": 2, "death_head": True, "death_weight": 5.5,
        "reward_head": True, "batch_size": 3, "window": 21, "epochs": 4,
        "learning_rate": 1e-7, "final_learning_rate": 3e-9, "decay": 0.99995,
        "gradient_clip": 1e3, "buffer_episodes": 8, "held_out": 0.25,
        "warm_start": True,
    },
    controller={
        "inputs": "z_c_h", "sample_z": True, "hidden_size": 40, "bias": False,
        "centred": False,
        "population": 6, "rollouts": 2, "common_tracks": False, "temperature": 0.3,
        "death": "threshold",
        "generations": 50, "generations_per_block": 15, "sigma": 1e-3,
        "initial_mean": -1e-5, "initial_steps": 9, "step_increment": 0,
        "select_every": 3, "selection_episodes": 4, "warm_start": True,
    },
    evaluation={"episodes": 9, "random_policy": "white"},
)  # fmt: skip

# Which stages a setting is for, in round 0 and in later rounds. What only adds
# artifacts, or chooses an input, is for none: the rules see to those.
EVERY_STAGE_THAT_COMPUTES = set(CONFIGURED)
DRIVING = {"rollouts", "controller", "random", "evaluation"}
SCORES = Evaluation.model_fields
USERS = {
    "seed": EVERY_STAGE_THAT_COMPUTES - {"latents", "random"},
    "dtype": EVERY_STAGE_THAT_COMPUTES - {"random"},
    "precision": EVERY_STAGE_THAT_COMPUTES - {"random"},
    "debug": {"vision", "memory"},
    "rollouts.episodes": set(),
    "rollouts.accumulate": set(),
    "rollouts.keep": set(),
    "vision.warm_start": set(),
    "memory.warm_start": set(),
    "controller.warm_start": set(),
    "controller.generations": set(),
    "controller.temperature": set(),  # the dream's alone
    "controller.death": set(),
    "controller.test_in": set(),  # a dreamer's
    "memory.dnc": set(),  # of another cell than ROUND's
} | {f"environment.{name}": DRIVING for name in Environment.model_fields}
# Scores are gymnasium's.
USERS["environment.backend"] = DRIVING - {"random", "evaluation"}
USERS["environment.view"] = set()  # ROUND's world is gymnasium's
# A random policy's episode is the same in any slot.
USERS["environment.slots"] = DRIVING - {"random"}
USERS |= {f"evaluation.{key}": {"random", "evaluation"} for key in SCORES}
# Whose episodes have a limit of their own.
USERS["environment.max_steps"] = DRIVING - {"rollouts"}
NOT_IN_ROUND_0 = {"dtype", "precision", "rollouts.action_noise", "environment.slots"}
NOT_LATER = {"rollouts.policy"}

OTHERS = {
    "environment.name": "takecover",
    "environment.id": "CartPole-v1",
    "environment.size": 80,
    "memory.decay": 0.5,
    "memory.held_out": 0.5,
}


def other(section: Section, key: str, name: str):
    """Return another value that a setting can have."""
    value = getattr(section, key)
    if name in OTHERS:
        return OTHERS[name]
    if isinstance(value, Section):
        first = next(iter(type(value).model_fields))
        return value.changed(**{first: other(value, first, f"{name}.{first}")})
    if isinstance(value, bool):
        return not value
    if isinstance(value, tuple):
        return (*value[:-1], value[-1] + 1)
    if isinstance(value, str):
        schema = type(section).model_json_schema()["properties"][key]
        return next(v for v in schema["enum"] if v != value)
    return value + 1


def given(stage: str, run: Run, settings: Round, round: int) -> dict:
    return json.loads(as_json(stage, run, settings, round))


@pytest.mark.parametrize("round_number", [0, 1])
@pytest.mark.parametrize("stage", CONFIGURED)
def test_what_a_rule_passes_comes_back_as_the_settings(stage, round_number):
    text = as_json(stage, RUN, ROUND, round_number)
    back = from_words(stage, round_number, text, [])
    before = sections_of(stage, RUN, ROUND)
    assert [type(section) for section in back] == [type(s) for s in before]
    # Equal in all that the stage uses.
    assert recorded(stage, round_number, *back) == recorded(
        stage, round_number, *before
    )


@pytest.mark.parametrize("round_number", [0, 1])
@pytest.mark.parametrize("section", ["", *groups_of(Round)])
def test_a_setting_changes_what_exactly_its_stages_are_given(section, round_number):
    whole = getattr(ROUND, section) if section else RUN
    for key in type(whole).model_fields:
        name = f"{section}.{key}" if section else key
        # Not all of them go together.
        value = other(whole, key, name)
        changed = whole.model_copy(update={key: value})
        run = RUN if section else changed
        settings = ROUND.model_copy(update={section: changed} if section else {})
        differ = {
            stage
            for stage in CONFIGURED
            if given(stage, run, settings, round_number)
            != given(stage, RUN, ROUND, round_number)
        }
        expected = set(USERS.get(name, {section}))
        if name in (NOT_LATER if round_number else NOT_IN_ROUND_0):
            expected -= {"rollouts"}
        assert differ == expected, name


@pytest.mark.parametrize("key", DNC.model_fields)
def test_a_setting_of_the_dnc_is_ms_where_m_is_one(key):
    here = ROUND.changed(memory={"cell": "dnc"})
    more = here.changed(memory={"dnc": {key: other(DNC(), key, f"memory.dnc.{key}")}})
    differ = {
        stage
        for stage in CONFIGURED
        if given(stage, RUN, here, 0) != given(stage, RUN, more, 0)
    }
    assert differ == {"memory"}


def test_a_setting_of_a_cell_that_m_has_not_is_refused():
    """M would be what nobody asked for."""
    sentence = (
        "memory.dnc.slots is 64, which is for memory.cell dnc alone; memory.cell is "
        "lstm: set it to dnc, or leave memory.dnc.slots 16"
    )
    with pytest.raises(UserError) as refusal:
        from_words("memory", 0, None, ["memory.dnc.slots=64"])
    assert str(refusal.value) == sentence
    with pytest.raises(UserError) as refusal:
        load({"rounds": [{}, {"memory": {"dnc": {"slots": 64}}}]})
    assert str(refusal.value) == f"round 1: {sentence}"
    _, memory = from_words("memory", 0, '{"memory": {"cell": "dnc"}}', [])
    assert memory.dnc == DNC()


@pytest.mark.parametrize("round_number", [0, 1])
def test_the_simulator_has_no_slots(round_number):
    """They are gymnasium's: only the evaluation, which drives there, asks for them."""
    here = ROUND.changed(environment={"backend": "simulator", "name": "carracing"})
    more = here.changed(environment={"slots": 6})
    for stage in CONFIGURED:
        before, after = (given(stage, RUN, s, round_number) for s in (here, more))
        in_use = "slots" in before.get("environment", {})
        assert in_use == (stage == "evaluation"), stage
        assert (before != after) == (stage == "evaluation"), stage


@pytest.mark.parametrize("name", ["carracing", "takecover"])
def test_the_view_is_for_the_games_that_have_one(name):
    own = {"name": name, "id": "", "crop": (0, 0, 0, 0), "size": 64, "frame_skip": 1}
    usual = ROUND.changed(environment=own)
    original = usual.changed(environment={"view": "v0"})
    differ = {
        stage
        for stage in CONFIGURED
        if given(stage, RUN, usual, 0) != given(stage, RUN, original, 0)
    }
    assert differ == DRIVING
    gymnasiums = original.environment.changed(name="gymnasium", id="Pendulum-v1")
    with pytest.raises(
        UserError, match=r"^environment\.view is v0, which is for carra"
    ):
        check_world(gymnasiums)


def test_a_dream_has_a_temperature_and_no_environment_drives_it():
    dreamt = ROUND.changed(controller={"train_in": "dream"})
    in_dream, in_game = (given("controller", RUN, r, 0) for r in (dreamt, ROUND))
    assert in_dream["controller"]["temperature"] == 0.3
    assert "temperature" not in in_game["controller"]
    # C's actions and a dream's length.
    world = {"name", "id", "crop", "size", "frame_skip", "max_steps"}
    assert in_dream["environment"].keys() == world
    assert in_dream["controller"]["start"] == "line"
    assert in_game["environment"].keys() == world | {"backend", "slots"}
    tested = dreamt.changed(controller={"test_in": "environment"})
    in_both = given("controller", RUN, tested, 0)
    assert in_both["controller"]["temperature"] == 0.3
    assert in_both["environment"] == in_game["environment"]
    assert "test_in" not in in_game["controller"]


def test_the_weight_of_deaths_is_a_death_heads():
    before, after = (
        given("memory", RUN, PAPER.changed(memory={"death_weight": w}), 0)["memory"]
        for w in (10.0, 11.0)
    )
    assert before == after
    assert before["death_head"] is False
    assert "death_weight" not in before


def test_a_person_types_what_differs_and_the_last_word_counts():
    words = ["memory.epochs=3", "memory={epochs: 4, decay: 1e-4}", "seed=5"]
    run, memory = from_words("memory", 0, '{"seed": 1, "dtype": "float64"}', words)
    assert run == Run(seed=5, dtype="float64")
    assert memory == Round().memory.changed(epochs=4, decay=1e-4)


@pytest.mark.parametrize("stage", CONFIGURED)
def test_nothing_given_is_the_default(stage):
    expected = sections_of(stage, Run(), Round())
    assert from_words(stage, 0, None, []) == expected


@pytest.mark.parametrize(
    ("stage", "word", "sentence"),
    [
        (
            "memory",
            "memory.batch_size=0",
            "memory.batch_size is 0; it must be a whole number, at least 1, at most "
            "65536",
        ),
        ("vision", "vision.epochs=1.5", "vision.epochs is 1.5; it must be a whole"),
        ("vision", "debug=maybe", "debug is 'maybe'; it must be true or false"),
        ("vision", "vision.channels=", "vision.channels is None; it must be a list of"),
        ("vision", "vision=3", "vision is 3; it must be a mapping of keys to values"),
        ("vision", "vision=[]", "vision is []; it must be a mapping of keys to values"),
        ("vision", "vision=0", "vision is 0; it must be a mapping of keys to values"),
        ("vision", "memory.epochs=3", "memory.epochs (here 3) is not a setting that"),
        ("vision", "vision.epoch=3", "vision.epoch (here 3) is not a setting that"),
        ("latents", "seed=3", "seed (here 3) is not a setting that latents uses"),
        ("memory", "memory.decay=2", "memory.decay is 2.0; it must be a number, above"),
        ("controller", "controller.inputs=h", "it must be one of z, z_h, z_c_h"),
        ("memory", "memory.=3", "--set takes KEY=VALUE"),
        ("memory", "memory.epochs=[", "--set memory.epochs is no valid YAML"),
        (
            "memory",
            "memory.buffer_episodes=8",
            "memory.batch_size is 16; it must be at most memory.buffer_episodes, which",
        ),
        (
            "rollouts",
            "environment.name=takecover",
            "environment.backend is simulator; takecover has none",
        ),
    ],
)
def test_what_is_wrong_is_refused_by_its_name(stage, word, sentence):
    with pytest.raises(UserError) as refusal:
        from_words(stage, 0, None, [word])
    assert sentence in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_dream_may_begin_anywhere_in_any_world():
    words = ["environment.name=takecover", "environment.backend=gymnasium"]
    words += ["controller.start=anywhere"]
    dreamt = from_words("controller", 0, None, [*words, "controller.train_in=dream"])
    assert dreamt[-1].start == "anywhere"
    with pytest.raises(
        UserError, match=r"^controller\.start is anywhere, .* or a dream alone"
    ):
        from_words("controller", 0, None, words)


def test_a_dream_needs_no_place_to_drive():
    """What a rule leaves out is not compared with what it gives."""
    settings = ROUND.changed(
        environment={"name": "takecover"}, controller={"train_in": "dream"}
    )
    text = as_json("controller", RUN, settings, 0)
    _, environment, _ = from_words("controller", 0, text, [])
    assert environment.name == "takecover"


@pytest.mark.parametrize("stage", CONFIGURED)
def test_the_help_of_a_stage_lists_its_settings(stage, capsys):
    lines = listed(stage).splitlines()
    names = [line.split("=")[0].strip() for line in lines]
    inside = {f"memory.dnc.{key}": "memory.dnc" for key in DNC.model_fields}
    assert set(names) >= (inside.keys() if stage == "memory" else set())
    whole = dict.fromkeys(inside.get(name, name) for name in names)
    assert list(whole) == list(settings_of(stage))
    with pytest.raises(SystemExit):
        parser().parse_args([stage, "--help"])
    told = capsys.readouterr().out
    assert all(line in told for line in lines)


def test_settings_of_the_table_are_settings():
    """A name that is misspelt there would leave nothing out."""
    known = {*Run.model_fields} | {
        f"{section}.{key}"
        for section, kind in groups_of(Round).items()
        for key in kind.model_fields
    }
    for stage in STAGES.values():
        own = {name for idle in stage.idle for name in idle.names}
        assert known >= {*stage.unused, *own}, stage.name
        assert own <= settings_of(stage.name).keys(), stage.name


def test_recorded_settings_are_json_values():
    assert recorded("vision", 0, ROUND.vision)["channels"] == [1, 2, 3, 4]
    assert "warm_start" not in recorded("vision", 0, ROUND.vision)
    game = recorded("evaluation", 0, ROUND.environment)["environment"]
    assert game == "gymnasium"
