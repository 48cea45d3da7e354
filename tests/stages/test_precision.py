"""The setting `precision`: what is asked, what is used, and that stores record both."""

from types import SimpleNamespace
from typing import get_args

import pytest
from support import commands, damage
from support.damage import set_setting

from worldmodels.experiment.settings import PRECISIONS
from worldmodels.models.memory import Memory
from worldmodels.models.precision import Precision
from worldmodels.models.vision import VAE
from worldmodels.report import provenance
from worldmodels.report.rounds import RoundStores
from worldmodels.stages import precision
from worldmodels.stores import agents, checkpoint, networks
from worldmodels.stores.artifact import Artifact, open_artifact
from worldmodels.tools import inspect


@pytest.fixture
def machine(monkeypatch):
    """Return what gives this machine a matrix unit, or takes it away."""

    def set_unit(there: bool) -> None:
        monkeypatch.setattr(precision, "has_matrix_unit", lambda: there)

    return set_unit


@pytest.fixture
def unasked(monkeypatch):
    """A machine that may not be asked."""
    monkeypatch.delattr(precision, "has_matrix_unit")


def used(asked: str, dtype: str = "float32", **options) -> str:
    config = {"precision": asked, "dtype": dtype, "seed": 3}
    found = precision.settled(config, **options)
    assert found == config | {"precision_used": found["precision_used"]}
    return found["precision_used"]


def test_settings_and_networks_know_the_same_precisions():
    assert get_args(Precision) == PRECISIONS


def test_auto_is_what_suits_the_machine(machine):
    for there, expected in ((True, "mixed"), (False, "float32")):
        machine(there)
        assert used("auto") == expected


@pytest.mark.usefixtures("unasked")
def test_what_is_forced_asks_no_machine():
    assert used("mixed") == "mixed"
    assert used("float32") == "float32"
    assert used("auto", "float64") == "float32"  # whose digits are not rounded


@pytest.mark.usefixtures("unasked")
@pytest.mark.parametrize("answer", ["mixed", "float32"])
def test_what_was_begun_goes_on_in_its_precision(answer):
    def begun(config):
        return config["precision_used"] == answer

    assert used("auto", begun=begun) == answer
    assert used("mixed", begun=begun) == "mixed"


def test_mixed_float64_is_refused_in_one_sentence(tmp_path):
    words = ["--vision=v", "--rollouts=r", f"--out={tmp_path / 'l'}"]
    words += ["--set=dtype=float64", "--set=precision=mixed"]
    sentence = commands.call_refused("latents", *words)
    assert "precision is mixed and dtype is float64" in sentence
    assert "set precision to float32" in sentence


@pytest.fixture
def mixed(stores, tmp_path) -> SimpleNamespace:
    """Stores of a V and an M in mixed precision, and of a C that learnt in it."""

    def copy(store, name):
        path = damage.edited(
            store, tmp_path / name, set_setting("precision_used", "mixed")
        )
        return open_artifact(path)

    return SimpleNamespace(
        vision=copy(stores.vision, "v"),
        memory=copy(stores.memory, "m"),
        controller=copy(stores.controller[0], "c"),
    )


def test_a_network_computes_as_its_store_records_or_as_it_is_asked(stores, mixed):
    for load, old, new in (
        (networks.load_vision, stores.vision, mixed.vision),
        (networks.load_memory, stores.memory, mixed.memory),
    ):
        # Stores of earlier versions do not say.
        assert load(old)[0].precision == "float32"
        assert load(old, "mixed")[0].precision == "mixed"
        assert load(new)[0].precision == "mixed"
        assert load(new, "float32")[0].precision == "float32"


def test_an_agent_computes_as_its_controller_learnt_or_as_it_is_asked(stores, mixed):
    old, new = stores.controller[0].config, mixed.controller.config
    made = stores.vision, stores.memory
    for config, asked, expected in (
        (old, None, "float32"),
        (old, "mixed", "mixed"),
        (new, None, "mixed"),
        (new, "float32", "float32"),
    ):
        agent, _ = networks.load_agent(*made, config, stores.vision.game, asked)
        assert (agent.vision.precision, agent.memory.precision) == (expected,) * 2


def test_a_dream_is_dreamt_as_it_is_asked(stores):
    for asked in ("float32", "mixed"):
        given = stores.memory, stores.latents, 1.0, "drawn", asked
        assert networks.load_dream(*given).model.precision == asked


def test_a_shipped_agent_computes_as_its_controller_learnt(pretrained, tmp_path):
    def change(root):
        config = root["attributes"]["config"]
        config["controller"]["precision_used"] = "mixed"
        config["vision"]["precision_used"] = "float32"

    path = damage.edited(open_artifact(pretrained), tmp_path / "a.zarr", change)
    for place, expected in ((pretrained, "float32"), (path, "mixed")):
        agent = agents.from_pretrained(place).agent
        assert (agent.vision.precision, agent.memory.precision) == (expected,) * 2


def train_memory(learnt, folder, *options) -> Artifact:
    """Train M by its command in precision auto, and return its store."""
    out, log = folder / "memory.zarr", folder / "log"
    log.unlink(missing_ok=True)
    words = [*commands.MEMORY, "--set=memory.epochs=2", "--set=precision=auto"]
    words += ["--latents", *learnt.latents, "--checkpoint", folder / "m.ckpt"]
    commands.call("memory", *words, "--out", out, "--log", log, *options)
    return open_artifact(out)


def test_a_training_goes_on_in_its_precision_on_another_machine(
    learnt, tmp_path, machine, capsys
):
    machine(True)
    first = train_memory(learnt, tmp_path)
    assert first.config["precision"] == "auto"
    assert first.config["precision_used"] == "mixed"
    capsys.readouterr()
    inspect.run(store=first.path)
    told = " ".join(capsys.readouterr().out.split())
    assert " precision auto " in told
    assert " precision_used mixed " in told
    assert ", mixed precision" in told  # beside the processors
    page = provenance.section([RoundStores(0, {"memory": [first]})])
    assert "<td>precision_used</td><td>mixed</td>" in page
    assert ", mixed precision</td>" in page
    first.path.rename(tmp_path / "first.zarr")
    machine(False)
    again = train_memory(learnt, tmp_path)
    assert again.config == first.config
    assert again.provenance == first.provenance
    assert " 8/8" in (tmp_path / "log").read_text().splitlines()[0]  # no update again
    (tmp_path / "m.ckpt").unlink()
    other = train_memory(learnt, tmp_path)
    assert other.config["precision_used"] == "float32"
    assert other.provenance != first.provenance
    assert "mixed" not in other.attributes["compute"]


def test_a_checkpoint_is_known_by_its_first_bytes(tmp_path):
    path = tmp_path / "c.ckpt"
    assert not checkpoint.is_of(path, "a" * 32)
    with checkpoint.open_checkpoint(path, "a" * 32) as saved:
        saved.save({"x": 3})
    assert checkpoint.is_of(path, "a" * 32)
    assert not checkpoint.is_of(path, "b" * 32)
    path.write_bytes(b"")
    assert not checkpoint.is_of(path, "a" * 32)
    path.unlink()
    path.mkdir()
    assert not checkpoint.is_of(path, "a" * 32)


@pytest.fixture
def loaded(monkeypatch) -> list:
    """The networks whose weights were loaded, with their precision."""
    found, weights = [], networks._weights

    def spy(store, prefix, model):
        found.append((type(model), model.precision))
        return weights(store, prefix, model)

    monkeypatch.setattr(networks, "_weights", spy)
    return found


@pytest.mark.slow
def test_every_stage_computes_in_mixed_precision(learnt, tmp_path, loaded, machine):
    """By the real commands; block 1 goes on in the precision of block 0."""

    def call(stage, *arguments):
        loaded.clear()
        commands.call(stage, *arguments, "--set=precision=mixed")
        assert {precision for _, precision in loaded} <= {"mixed"}

    made = commands.networks(tmp_path, learnt.shards, run=call)
    machine(False)  # a machine that would not
    first = commands.block(tmp_path / "block-0.zarr", made, run=call)
    after = ["--block=1", "--previous", first]
    second = commands.block(tmp_path / "block-1.zarr", made, *after, run=call)
    assert {*loaded} == {(VAE, "mixed"), (Memory, "mixed")}
    scores = commands.evaluation(tmp_path / "e.zarr", made, [first, second], call)
    assert {*loaded} == {(VAE, "mixed"), (Memory, "mixed")}
    driven = tmp_path / "driven.zarr"
    agent = ["--vision", made.vision, "--memory", made.memory]
    agent += ["--controller", first, second]
    call("rollouts", "--round=1", *commands.ROLLOUTS, *agent, "--out", driven)
    assert {*loaded} == {(VAE, "mixed"), (Memory, "mixed")}
    stores = [made.vision, *made.latents, made.memory, first, second, scores, driven]
    for path in stores:
        config = open_artifact(path).config
        assert (config["precision"], config["precision_used"]) == ("mixed", "mixed")
    assert "precision" not in open_artifact(made.shards[0]).config  # drives at random


@pytest.mark.slow
def test_a_search_goes_on_in_the_precision_of_its_first_block(
    learnt, tmp_path, machine
):
    auto = ["--set=precision=auto"]
    machine(True)
    first = commands.block(tmp_path / "0.zarr", learnt, *auto, run=commands.call)
    machine(False)
    after = ["--block=1", "--previous", first]
    out = tmp_path / "1.zarr"
    second = commands.block(out, learnt, *after, *auto, run=commands.call)
    for path in (first, second):
        assert open_artifact(path).config["precision_used"] == "mixed"
    sentence = refused_block(tmp_path / "2.zarr", learnt, after)
    assert "was evolved with precision auto and this block has float32" in sentence


def refused_block(out, learnt, options) -> str:
    told = []

    def run(*words):
        told.append(commands.call_refused(*words))

    commands.block(out, learnt, *options, run=run)
    return told[0]
