"""The configuration: what is refused, and how rounds are resolved."""

from datetime import date

import pytest

from worldmodels.experiment.config import load
from worldmodels.experiment.network_settings import DNC
from worldmodels.experiment.settings import Round, Run
from worldmodels.runtime.errors import UserError


def message(mapping) -> str:
    """Return the one sentence that `mapping` is refused with."""
    with pytest.raises(UserError) as refusal:
        load(mapping)
    sentence = str(refusal.value)
    assert "\n" not in sentence
    return sentence


def test_what_is_not_given_is_the_default():
    config = load({})
    assert config.experiment == "default"
    assert config.run == Run(seed=0, dtype="float32", debug=False)
    first = Round().changed(
        rollouts={"steps": 300, "start": "anywhere"},
        vision={"epochs": 3},
        controller={
            "centred": False,
            "generations": 10,
            "sigma": 0.1,
            "initial_steps": 200,
        },
        evaluation={"episodes": 0},
    )
    warm = {"warm_start": True}
    second = Round().changed(vision=warm, memory=warm, controller=warm)
    assert config.rounds == (first, second)
    assert load({"rounds": 1}).rounds == (Round(),)


@pytest.mark.parametrize(
    ("mapping", "parts"),
    [
        # Unknown keys: the key with its place, its value, and what is allowed.
        (
            {"vison": {"epochs": 3}},
            ["vison", "{'epochs': 3}", "memory, precision, rollouts"],
        ),
        ({"vision": {"epoch": 3}}, ["vision.epoch ", "3", "batch_size", "epochs"]),
        ({"sead": 7}, ["sead", "7", "seed"]),
        ({7: 8}, ["7 ", "8", "seed"]),
        ({"environment": {"environment": "carracing"}}, ["environment.environment"]),
        ({"rounds": [{"seed": 7}]}, ["rounds[0].seed", "7", "vision"]),
        ({"rounds": [{}, {"vision": {"x": 1}}]}, ["rounds[1].vision.x", "1", "epochs"]),
        (
            {"dtype": "float64", "precision": "mixed"},
            ["precision is mixed", "dtype is float64", "set precision to float32"],
        ),
        # Wrong types.
        ({"vision": 3}, ["vision is 3", "mapping"]),
        ({"vision": []}, ["vision is []", "mapping"]),
        ({"memory": False}, ["memory is False", "mapping"]),
        ({"vision": {"epochs": 2.0}}, ["vision.epochs", "2.0", "whole number"]),
        ({"vision": {"epochs": True}}, ["vision.epochs", "True", "whole number"]),
        ({"vision": {"epochs": "many"}}, ["vision.epochs", "'many'", "at least 0"]),
        ({"vision": {"epochs": None}}, ["vision.epochs", "None", "whole number"]),
        ({"vision": {"warm_start": 1}}, ["vision.warm_start", "1", "true or false"]),
        ({"vision": {"learning_rate": True}}, ["learning_rate", "True", "a number"]),
        ({"vision": {"learning_rate": "x"}}, ["learning_rate", "'x'", "above 0.0"]),
        ({"vision": {"channels": 32}}, ["vision.channels", "32", "list of 4"]),
        ({"vision": {"channels": [1, 2]}}, ["vision.channels", "[1, 2]", "list of 4"]),
        (
            {"vision": {"channels": [1, 2, 3, "4"]}},
            ["vision.channels[3]", "'4'", "whole number"],
        ),
        ({"rounds": [3]}, ["rounds[0] is 3", "mapping"]),
        ({"rounds": [{"vision": 3}]}, ["rounds[0].vision is 3", "mapping"]),
        ({"rounds": "two"}, ["rounds", "'two'", "from 1 to 256", "list"]),
        ({"rounds": True}, ["rounds", "True", "from 1 to 256"]),
        ({"experiment": 3}, ["experiment is 3", "in quotes"]),
        ({"experiment": date(2024, 1, 1)}, ["experiment is 2024-01-01", "in quotes"]),
        ({"experiment": True}, ["experiment is True", "in quotes"]),
        ({"experiment": ["a"]}, ["experiment is ['a']", "letters"]),
        ([], ["the configuration is []", "mapping"]),
        # Impossible values.
        ({"seed": -1}, ["seed", "-1", "at least 0", "at most 65535"]),
        ({"seed": 65536}, ["seed", "65536", "at most 65535"]),
        ({"dtype": "float16"}, ["dtype", "'float16'", "float32, float64"]),
        (
            {"environment": {"name": "pong"}},
            ["environment.name", "'pong'", "carracing, takecover"],
        ),
        ({"vision": {"epochs": -1}}, ["vision.epochs", "-1", "at least 0"]),
        ({"vision": {"channels": [4, 4, 4, 0]}}, ["vision.channels[3]", "at least 1"]),
        ({"vision": {"learning_rate": 0}}, ["learning_rate", "0.0", "above 0.0"]),
        ({"vision": {"learning_rate": "nan"}}, ["learning_rate", "nan", "a number"]),
        ({"vision": {"learning_rate": 10**400}}, ["learning_rate", "a number"]),
        ({"memory": {"epochs": -1}}, ["memory.epochs", "-1", "at least 0"]),
        ({"memory": {"decay": 1.5}}, ["memory.decay", "1.5", "at most 1.0"]),
        ({"memory": {"window": -1}}, ["memory.window", "-1", "at least 0"]),
        ({"memory": {"held_out": 0.6}}, ["memory.held_out", "0.6", "at most 0.5"]),
        ({"memory": {"death_weight": 0}}, ["memory.death_weight", "above 0.0"]),
        ({"memory": {"dnc": {"slots": 0}}}, ["memory.dnc.slots", "0", "at least 1"]),
        ({"memory": {"dnc": 16}}, ["memory.dnc is 16", "mapping"]),
        (
            {"memory": {"dnc": {"heads": 2}}},
            ["memory.dnc.heads", "not a known key", "read_heads"],
        ),
        (
            {"controller": {"inputs": "h"}},
            ["controller.inputs", "'h'", "z, z_h, z_c_h"],
        ),
        ({"controller": {"initial_mean": "inf"}}, ["initial_mean", "inf", "at least"]),
        ({"rollouts": {"episodes": 2**29}}, ["rollouts.episodes", "268435456"]),
        ({"rounds": 0}, ["rounds", "0", "from 1 to 256"]),
        ({"rounds": 257}, ["rounds", "257", "from 1 to 256"]),
        ({"rounds": []}, ["rounds", "[]", "list"]),
        ({"experiment": "../x"}, ["experiment", "'../x'", "folder"]),
        ({"experiment": ""}, ["experiment", "''", "folder"]),
        ({"experiment": "a b"}, ["experiment", "'a b'", "letters"]),
        ({"experiment": "-x"}, ["experiment", "'-x'", "letters"]),
        # The seeds of the trainings that are compared.
        ({"seeds": 3}, ["seeds is 3", "list"]),
        ({"seeds": None}, ["seeds is None", "list"]),
        ({"seeds": []}, ["seeds is []", "list"]),
        ({"seeds": [1, 1]}, ["seeds is [1, 1]", "different"]),
        ({"seeds": [True]}, ["seeds is [True]", "whole numbers"]),
        ({"seeds": [1.0]}, ["seeds is [1.0]", "whole numbers"]),
        ({"seeds": ["1"]}, ["seeds is ['1']", "whole numbers"]),
        ({"seeds": [0, -1]}, ["seeds is [0, -1]", "from 0"]),
        ({"seeds": [65536]}, ["seeds", "65535"]),
        # What held them in earlier versions.
        (
            {"ablations": {"seeds": [1]}},
            ["ablations (here {'seeds': [1]})", "seeds: ["],
        ),
        ({"ablations": None}, ["ablations (here None)", "the setting seeds"]),
        # The temperatures of the sweep.
        ({"temperatures": 1.15}, ["temperatures is 1.15", "a list of numbers"]),
        ({"temperatures": None}, ["temperatures is None", "a list of numbers"]),
        ({"temperatures": [1, -0.1]}, ["temperatures[1] is -0.1", "at least 0.0"]),
        ({"temperatures": ["warm"]}, ["temperatures[0] is 'warm'", "a number"]),
        ({"temperatures": [True]}, ["temperatures[0] is True", "a number"]),
        ({"temperatures": ["inf"]}, ["temperatures[0] is 'inf'", "a number"]),
        ({"temperatures": [1, 0.5, 1.0]}, ["[1, 0.5, 1.0]", "be different"]),
    ],
    ids=str,
)
def test_refused_with_key_value_and_what_is_allowed(mapping, parts):
    sentence = message(mapping)
    for part in parts:
        assert part in sentence


@pytest.mark.parametrize(
    ("mapping", "parts"),
    [
        (
            {"rollouts": {"episodes": 30, "episodes_per_shard": 20}},
            ["rollouts.episodes is 30", "episodes_per_shard, which is 20"],
        ),
        (
            {"controller": {"generations": 35}},
            ["controller.generations is 35", "generations_per_block, which is 10"],
        ),
        (
            {"controller": {"select_every": 4}},
            ["generations_per_block is 10", "select_every, which is 4"],
        ),
        (
            {"environment": {"max_steps": 100}},
            ["rollouts.steps is 600", "max_steps, which is 100"],
        ),
        (
            {"controller": {"initial_steps": 1001}},
            ["initial_steps is 1001", "max_steps, which is 1000"],
        ),
        (
            {"rollouts": {"episodes": 8, "episodes_per_shard": 8}},
            ["memory.batch_size is 16", "rollouts.episodes, which is 8"],
        ),
        (
            {"memory": {"buffer_episodes": 15}},
            ["memory.batch_size is 16", "buffer_episodes, which is 15"],
        ),
        (
            {"environment": {"name": "takecover", "max_steps": 2100}},
            ["environment.backend is simulator", "takecover", "must be gymnasium"],
        ),
        (
            {"memory": {"cell": "gru"}, "controller": {"inputs": "z_c_h"}},
            ["controller.inputs is z_c_h; with memory.cell gru", "one of z, z_h"],
        ),
        (
            {"controller": {"inputs": "z_c_h_r"}},
            ["controller.inputs is z_c_h_r; with memory.cell lstm", "one of z, z_h"],
        ),
        *(
            (
                {"environment": world, section: {"start": "anywhere"}},
                [f"{section}.start is anywhere", "leave it line"],
            )
            for section in ("rollouts", "controller")
            for world in (
                {"backend": "gymnasium"},
                {"name": "takecover", "backend": "gymnasium"},
            )
        ),
        (
            {
                "controller": {"train_in": "dream", "death": "threshold"},
                "memory": {"reward_head": True},
            },
            ["controller.death is threshold", "memory.death_head to true"],
        ),
        (
            {"controller": {"strategy": "open_es", "population": 5}},
            ["controller.population is 5", "open_es", "must be even"],
        ),
        (
            {"controller": {"strategy": "sep_cma_es", "parents": 4}},
            ["controller.parents is 4", "cma_es alone", "leave controller.parents 0"],
        ),
        (
            {"controller": {"parents": 65, "population": 64}},
            ["controller.parents is 65", "controller.population, which is 64"],
        ),
        (
            {"controller": {"train_in": "dream"}},
            ["controller.train_in is dream", "memory.death_head or memory.reward_head"],
        ),
        (
            {"evaluation": {"episodes": 1}},
            ["evaluation.episodes is 1", "at least 2", "0 leaves a round without"],
        ),
        (
            {"controller": {"generations": 10**6, "selection_episodes": 1000}},
            ["controller.generations is 1000000", "268435456"],
        ),
        (
            {"rollouts": {"episodes": 10**6, "episodes_per_shard": 1}},
            ["rollouts.episodes is 1000000", "1000000 stores", "at most 100000"],
        ),
        (
            # Each of 64 candidates on 8 tracks of its own.
            {
                "controller": {
                    "generations": 10**6,
                    "rollouts": 8,
                    "common_tracks": False,
                }
            },
            ["controller.generations is 1000000", "268435456", "512000000"],
        ),
    ],
    ids=str,
)
def test_values_that_do_not_go_together(mapping, parts):
    sentence = message({"rounds": [{}, mapping]})
    assert sentence.startswith("round 1: ")
    for part in parts:
        assert part in sentence
    assert message({"rounds": 1} | mapping).startswith("round 0: ")


def test_a_round_but_the_last_may_have_no_score():
    unscored = {"evaluation": {"episodes": 0}}
    rounds = load({"rounds": [unscored, {}]}).rounds
    assert [settings.evaluation.episodes for settings in rounds] == [0, 32]
    for mapping in (unscored | {"rounds": 1}, {"rounds": [{}, unscored]}):
        sentence = message(mapping)
        assert "the last: evaluation.episodes is 0" in sentence
        assert "give at least 2" in sentence


def test_takecover_is_played_in_gymnasium():
    game = {"name": "takecover", "backend": "gymnasium", "max_steps": 2100}
    mapping = {"environment": game, "rollouts": {"policy": "held"}, "rounds": 1}
    settings = load(mapping).rounds[0]
    assert settings.environment.name == "takecover"
    assert settings.rollouts.policy == "held"
    # The rounds of an experiment play one game.
    other = {"environment": {"name": "carracing"}}
    sentence = message(mapping | {"rounds": [{}, {}, other]})
    assert sentence == (
        "round 2: environment.name is carracing; it must be takecover, as in round 0"
    )


WORLD = {"name": "gymnasium", "backend": "gymnasium", "id": "Pendulum-v1"}


def test_a_world_of_gymnasium_is_named_by_its_id():
    world = WORLD | {"size": 96, "crop": [0, 1, 2, 3], "frame_skip": 4}
    environment = load({"environment": world, "rounds": 1}).rounds[0].environment
    assert environment.id == "Pendulum-v1"
    assert environment.crop == (0, 1, 2, 3)
    own = {"size": 80, "id": "module:World-v0", "crop": [1, 0, 0, 0], "frame_skip": 2}
    for name, value in own.items():
        rounds = [{}, {"environment": {name: value}}]
        sentence = message({"environment": WORLD, "rounds": rounds})
        assert sentence.startswith(
            f"round 1: environment.{name} is {load_tuple(value)}"
        )
        sentence = message({"environment": {name: value}})
        assert "is for environment.name gymnasium alone; carracing has" in sentence


def load_tuple(value):
    return tuple(value) if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"id": ""}, "environment.id is ''; environment.name gymnasium needs the id"),
        ({"id": "<b>"}, "environment.id is '<b>'"),
        ({"size": 72}, "environment.size is 72; V makes frames of 64, 80, 96"),
        ({"backend": "simulator"}, "gymnasium has none: it must be gymnasium"),
    ],
)
def test_a_world_that_cannot_be_is_refused_at_planning(changed, words):
    sentence = message({"environment": WORLD | changed})
    assert sentence.startswith("round 0: ")
    assert words in sentence


def test_rollouts_are_kept_or_freed_in_all_rounds():
    assert load({}).rounds[0].rollouts.keep
    freed = {"rollouts": {"keep": False}}
    rounds = load(freed | {"rounds": 2}).rounds
    assert [round.rollouts.keep for round in rounds] == [False, False]
    assert message({"rounds": [{}, freed]}) == (
        "round 1: rollouts.keep is false; it must be true, as in round 0"
    )


def test_temperatures_are_numbers_of_any_writing():
    mapping = {"temperatures": [0, "1e-1", 1.15], "memory": {"reward_head": True}}
    assert load(mapping).temperatures == (0.0, 0.1, 1.15)


def test_temperatures_need_a_dream_that_pays_in_the_last_round():
    head = {"memory": {"death_head": True}}
    load({"temperatures": [0.5], "rounds": [{}, head]})
    assert message({"temperatures": [0.5], "rounds": [head, {}]}) == (
        "round 1: temperatures is [0.5]; M must then predict what a step is worth: set "
        "memory.death_head or memory.reward_head to true"
    )


def test_an_error_in_the_base_is_not_reported_as_a_rounds():
    assert message({"vision": {"epochs": -1}, "rounds": 3}).startswith("vision.epochs")


def test_rounds_as_a_number_repeat_the_base():
    config = load({"vision": {"epochs": 3}, "rounds": 4})
    assert len(config.rounds) == 4
    assert {r.vision.epochs for r in config.rounds} == {3}


def test_overrides_of_one_round_touch_no_other():
    config = load(
        {
            "vision": {"epochs": 3, "batch_size": 7},
            "rounds": [{}, {"vision": {"epochs": 5}, "memory": None}, None],
        }
    )
    assert [r.vision.epochs for r in config.rounds] == [3, 5, 3]
    assert [r.vision.batch_size for r in config.rounds] == [7, 7, 7]


def test_yaml_reads_some_numbers_as_text():
    yaml = pytest.importorskip("yaml")
    text = "vision: {learning_rate: 1e-4, kl_tolerance: 1}\ncontroller:\n"
    mapping = yaml.safe_load(text)
    assert mapping["vision"]["learning_rate"] == "1e-4"  # YAML 1.1
    vision = load(mapping).rounds[0].vision
    assert vision.learning_rate == 1e-4
    assert isinstance(vision.kl_tolerance, float)


@pytest.mark.parametrize(
    ("stage", "name", "value"),
    [
        ("vision", "vision.latent_size", 16),
        ("vision", "vision.channels", [4, 4, 4, 4]),
        ("vision", "vision.decoder_channels", [4, 4, 4]),
        ("memory", "vision.latent_size", 16),
        ("memory", "memory.cell", "gru"),
        ("memory", "memory.hidden_size", 16),
        ("memory", "memory.mixtures", 3),
        ("controller", "vision.latent_size", 16),
        ("controller", "memory.cell", "gru"),
        ("controller", "memory.hidden_size", 16),
        ("controller", "controller.inputs", "z"),
        ("controller", "controller.hidden_size", 40),
        ("controller", "controller.bias", False),
    ],
)
def test_warm_start_needs_equal_sizes(stage, name, value):
    section, key = name.split(".")
    change = {section: {key: value}}
    if name == "controller.bias":
        change[section]["centred"] = False  # that moves the bias
    warm = {stage: {"warm_start": True}}
    load({"rounds": [{}, change]})
    load({**warm, "rounds": 2})
    both = {s: warm.get(s, {}) | change.get(s, {}) for s in (stage, section)}
    sentence = message({"rounds": [{}, both]})
    assert sentence.startswith(f"round 1: {stage}.warm_start")
    assert f"{name} is" in sentence
    # Round 0 has no round before it, and round 2 starts from round 1.
    load({"rounds": [both, both, both]})


@pytest.mark.parametrize("key", DNC.model_fields)
def test_a_warm_start_of_a_dnc_needs_an_equal_memory(key):
    value = getattr(DNC(), key)
    changed = {"dnc": {key: not value if isinstance(value, bool) else 2 * value}}
    warm = {"memory": {"cell": "dnc", "warm_start": True}}
    load({**warm, "rounds": [{}, {"memory": changed | {"warm_start": False}}]})
    sentence = message({**warm, "rounds": [{}, {"memory": changed}]})
    assert sentence.startswith("round 1: memory.warm_start needs the sizes of")
    assert f"memory.dnc.{key} is " in sentence


@pytest.mark.parametrize(
    ("inputs", "change", "refused"),
    [
        ("z_c_h_r", {"read_heads": 2}, True),
        ("z_c_h_r", {"word_size": 8}, True),
        ("z_c_h_r", {"slots": 8}, False),
        ("z_c_h", {"read_heads": 2}, False),
    ],
)
def test_a_warm_start_of_c_needs_equal_reads_where_it_reads_them(
    inputs, change, refused
):
    settings = {
        "memory": {"cell": "dnc"},
        "controller": {"inputs": inputs, "warm_start": True},
        "rounds": [{}, {"memory": {"dnc": change}}],
    }
    if not refused:
        assert len(load(settings).rounds) == 2
        return
    ((key, value),) = change.items()
    sentence = message(settings)
    assert sentence.startswith("round 1: controller.warm_start needs")
    assert f"but memory.dnc.{key} is {value} and was " in sentence
