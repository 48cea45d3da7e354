"""Settings on the command line: complete, exact, and the same on the way back."""

import argparse
import shlex
from dataclasses import fields, replace

import pytest

from worldmodels.experiment.flags import (
    STAGE_SECTIONS,
    add_flags,
    flags,
    from_flags,
    recorded,
    sections_of,
)
from worldmodels.experiment.settings import (
    Controller,
    Environment,
    Evaluation,
    Memory,
    Rollouts,
    Round,
    Run,
    Vision,
)
from worldmodels.runtime.errors import UserError

STAGES = tuple(STAGE_SECTIONS)

# Nothing in here is a default; the awkward texts are on purpose.
RUN = Run(seed=3, dtype="float64", debug=True)
ROUND = Round(
    environment=Environment(
        environment="gymnasium",
        id="World-v0",
        crop=(1, 2, 3, 4),
        size=96,
        frame_skip=2,
        backend="gymnasium",
        max_steps=77,
        slots=5,
    ),
    rollouts=Rollouts(40, 20, 66, "brownian", 0.25),
    vision=Vision(7, (1, 2, 3, 4), (5, 6, 7), 11, 12, 1e-5, 0.1, 13, True),
    memory=Memory(
        17, 2, True, 5.5, True, 3, 21, 4, 1e-7, 3e-9, 0.99995, 1e3, 8, 0.25, True
    ),
    controller=Controller(
        inputs="z_c_h",
        sample_z=False,
        hidden_size=40,
        bias=False,
        population=6,
        rollouts=2,
        common_tracks=False,
        temperature=0.3,
        generations=50,
        generations_per_block=10,
        sigma=1e-3,
        initial_mean=-1e-5,
        initial_steps=9,
        step_increment=0,
        select_every=5,
        selection_episodes=4,
        warm_start=True,
    ),
    evaluation=Evaluation(episodes=9, random_policy="white"),
)

# Which stages a setting is for, in round 0 and in later rounds. What only adds
# artifacts, or chooses an input, is for none: the rules see to those.
EVERY_STAGE_THAT_COMPUTES = {
    "rollouts", "vision", "latents", "memory", "controller", "evaluation",
}  # fmt: skip
DRIVING = {"rollouts", "controller", "evaluation"}
USERS = {
    ("run", "seed"): EVERY_STAGE_THAT_COMPUTES - {"latents"},
    ("run", "dtype"): EVERY_STAGE_THAT_COMPUTES,
    ("run", "debug"): {"vision", "memory"},
    ("rollouts", "episodes"): set(),
    ("rollouts", "accumulate"): set(),
    ("rollouts", "keep"): set(),
    ("vision", "warm_start"): set(),
    ("memory", "warm_start"): set(),
    ("controller", "warm_start"): set(),
    ("controller", "generations"): set(),
    ("controller", "temperature"): set(),  # the dream's alone
} | {("environment", f.name): DRIVING for f in fields(Environment)}
USERS["environment", "backend"] = DRIVING - {"evaluation"}  # whose score is gymnasium's
# Whose episodes have a limit of their own.
USERS["environment", "max_steps"] = DRIVING - {"rollouts"}
NOT_IN_ROUND_0 = {
    ("run", "dtype"),
    ("rollouts", "action_noise"),
    ("environment", "slots"),
}
NOT_LATER = {("rollouts", "policy")}


def parsed(stage: str, text: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    add_flags(parser, stage)
    return parser.parse_args(shlex.split(text))


def other(value):
    """Return another value of the same type; flags do not ask whether it is allowed."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, tuple):
        return (*value[:-1], value[-1] + 1)
    return value + "x" if isinstance(value, str) else value + 1


@pytest.mark.parametrize("round_number", [0, 1])
@pytest.mark.parametrize("stage", STAGES)
def test_flags_come_back_as_the_settings(stage, round_number):
    arguments = parsed(stage, flags(stage, RUN, ROUND, round_number))
    back = [from_flags(kind, stage, arguments) for kind in STAGE_SECTIONS[stage]]
    given = sections_of(stage, RUN, ROUND)
    assert [type(s) for s in back] == [type(s) for s in given]
    # Equal in all that the stage uses, and in nothing else by accident.
    assert recorded(stage, round_number, *back) == recorded(stage, round_number, *given)
    assert len(vars(arguments)) >= len(recorded(stage, round_number, *given))


@pytest.mark.parametrize("stage", STAGES)
def test_no_flags_give_the_defaults(stage):
    arguments = parsed(stage, "")
    for kind in STAGE_SECTIONS[stage]:
        assert from_flags(kind, stage, arguments) == kind()


@pytest.mark.parametrize("round_number", [0, 1])
@pytest.mark.parametrize("section", ["run", *(f.name for f in fields(Round))])
def test_a_setting_changes_the_flags_of_exactly_its_stages(section, round_number):
    given = RUN if section == "run" else getattr(ROUND, section)
    for setting in fields(given):
        changed = replace(given, **{setting.name: other(getattr(given, setting.name))})
        run = changed if section == "run" else RUN
        settings = ROUND if section == "run" else replace(ROUND, **{section: changed})
        differ = {
            stage
            for stage in STAGES
            if flags(stage, run, settings, round_number)
            != flags(stage, RUN, ROUND, round_number)
        }
        name = (section, setting.name)
        expected = set(USERS.get(name, {section}))
        if name in (NOT_LATER if round_number else NOT_IN_ROUND_0):
            expected -= {"rollouts"}
        assert differ == expected, name


@pytest.mark.parametrize("round_number", [0, 1])
def test_the_simulator_has_no_slots(round_number):
    """They are gymnasium's: only the evaluation, which drives there, asks for them."""
    here = replace(ROUND, environment=Environment(slots=5))
    assert here.environment.backend == "simulator"
    more = replace(ROUND, environment=Environment(slots=6))
    for stage in STAGES:
        given, changed = (flags(stage, RUN, s, round_number) for s in (here, more))
        assert ("--slots=" in given) == (stage == "evaluation"), stage
        assert (given != changed) == (stage == "evaluation"), stage


def test_a_dream_has_a_temperature_and_no_environment_drives_it():
    dreamt = replace(ROUND, controller=replace(ROUND.controller, train_in="dream"))
    in_dream, in_game = (flags("controller", RUN, r, 0) for r in (dreamt, ROUND))
    assert "--train-in=dream" in in_dream
    assert "--temperature=0.3" in in_dream
    assert "--temperature" not in in_game
    for name in ("--backend", "--slots"):
        assert name not in in_dream
        assert name in in_game
    for name in ("--environment", "--max-steps"):  # C's actions, a dream's length
        assert name in in_dream


def test_the_weight_of_deaths_is_a_death_heads():
    given, changed = (
        flags("memory", RUN, replace(ROUND, memory=Memory(death_weight=w)), 0)
        for w in (10.0, 11.0)
    )
    assert given == changed
    assert "--death-head=false" in given
    assert "death-weight" not in given


@pytest.mark.parametrize("stage", STAGES)
def test_every_flag_explains_itself(stage):
    parser = argparse.ArgumentParser()
    add_flags(parser, stage)
    text = " ".join(parser.format_help().split())
    for kind in STAGE_SECTIONS[stage]:
        assert kind.__doc__.rstrip(".") + ":" in text
    assert text.count("(default:") == len(vars(parser.parse_args([])))


@pytest.mark.parametrize(
    ("stage", "kind", "text", "parts"),
    [
        ("vision", Vision, "--epochs=no", ["--epochs is 'no'", "whole number"]),
        ("vision", Vision, "--epochs=1.5", ["--epochs is '1.5'", "whole number"]),
        ("vision", Vision, "--batch-size=0", ["--batch-size is 0", "at least 1"]),
        ("vision", Vision, "--channels=1,2,x,4", ["--channels[2] is 'x'"]),
        ("vision", Vision, "--channels=", ["--channels is", "list of 4"]),
        ("vision", Run, "--debug=yes", ["--debug is 'yes'", "true or false"]),
        ("memory", Memory, "--decay=2", ["--decay is 2.0", "at most 1.0"]),
        ("controller", Controller, "--inputs=h", ["--inputs is 'h'", "z_c_h"]),
    ],
)
def test_a_bad_flag_is_refused_by_its_own_name(stage, kind, text, parts):
    with pytest.raises(UserError) as refusal:
        from_flags(kind, stage, parsed(stage, text))
    for part in parts:
        assert part in str(refusal.value)


def test_recorded_settings_are_json_values():
    assert recorded("vision", 0, ROUND.vision)["channels"] == [1, 2, 3, 4]
    assert "warm_start" not in recorded("vision", 0, ROUND.vision)
