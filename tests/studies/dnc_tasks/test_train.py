"""Trainings of the study: their settings, an interruption, and a trace's arrays."""

import json

import jax
import numpy as np
import pytest
from support.resumed import killed

from worldmodels.models.cells import addressing
from worldmodels.runtime.errors import UserError
from worldmodels.stores.artifact import open_artifact
from worldmodels.studies.dnc_tasks import model as models
from worldmodels.studies.dnc_tasks import trace, train
from worldmodels.studies.dnc_tasks.model import Model
from worldmodels.studies.dnc_tasks.settings import DNCTasks
from worldmodels.studies.dnc_tasks.steps import STUDY
from worldmodels.studies.dnc_tasks.stream import Stream

SMALL = {
    "hidden_size": 3, "batch_size": 2, "times": [1, 2], "test_sequences": 4,
    "dnc": {"slots": 4, "word_size": 2, "read_heads": 1},
    "addition": {"longest": [2, 3], "updates": 6},
}  # fmt: skip


@pytest.fixture
def fit(tmp_path, monkeypatch):
    """Train the small LSTM on addition; return its store."""
    monkeypatch.setattr(train, "_GROUP", 2)

    def run(name: str, model: str = "lstm", **changes):
        train.run(
            settings=STUDY.load(SMALL | changes), task="addition", model=model, seed=3,
            checkpoint=tmp_path / f"{name}.ckpt", checkpoint_seconds=0,
            out=tmp_path / f"{name}.zarr", log=None,
        )  # fmt: skip
        return open_artifact(tmp_path / f"{name}.zarr")

    return run


@pytest.mark.slow
def test_a_training_that_was_killed_goes_on_to_an_equal_result(fit, monkeypatch):
    killed(monkeypatch, Stream, fit)
    again, whole = fit("killed"), fit("whole")
    assert again.names() == whole.names()
    assert whole.read("history/loss").shape == (6,)
    for name in whole.names():
        np.testing.assert_array_equal(again.read(name), whole.read(name))
    assert whole.read("test/length").tolist() == [2, 3, 6]
    assert whole.read("test/wrong").shape == (1, 3, 4)
    with pytest.raises(UserError, match="training of an lstm, which has no memory"):
        trace.run(settings=DNCTasks(), training=whole.path, out="x", log=None)


@pytest.mark.slow
def test_a_training_in_double_precision_with_its_gradients(fit, monkeypatch):
    asked = []
    few = {"times": [1], "test_slots": [4], "addition": {"longest": [2], "updates": 2}}
    with jax.enable_x64(True):
        store = fit("double", "dnc", dtype="float64", debug=True, **few)
        monkeypatch.setattr(trace.devices, "prepare", asked.append)
        out = store.path.with_name("trace.zarr")
        trace.run(settings=DNCTasks(), training=store.path, out=out, log=None)
    params = {name.removeprefix("params/") for name in store.names("params")}
    norms = [f"history/grad_norm.{name}" for name in params]
    floats = [*store.names("params"), *norms, "history/loss", "test/squared"]
    assert {store.array(name).dtype for name in floats} == {np.dtype("f8")}
    squares = sum(store.read(name) ** 2 for name in norms)
    np.testing.assert_allclose(np.sqrt(squares), store.read("history/grad_norm"))
    assert (store.config["dtype"], store.config["debug"]) == ("float64", True)
    assert asked == ["float64"]
    assert open_artifact(out).array("write").dtype == np.float64


def test_a_training_as_before_there_was_a_type_is_the_same():
    """Its store and its checkpoint are those of earlier versions."""
    config = train.recorded(STUDY.load(SMALL), "addition", "dnc", 0)
    assert config.keys().isdisjoint({"dtype", "debug"})
    assert train.model_of(config).dtype == "float32"


def test_a_training_uses_and_records_what_changes_it():
    of_dnc = train.recorded(STUDY.load(SMALL), "addition", "dnc", 0)
    assert of_dnc["options"].items() >= SMALL["dnc"].items()
    assert (of_dnc["longest"], of_dnc["updates"]) == ([2, 3], 6)
    assert of_dnc["shortest"] == 2  # addition's own default
    of_lstm = train.recorded(STUDY.load(SMALL), "addition", "lstm", 0)
    assert of_lstm["options"] == {}
    other = STUDY.load(SMALL | {"dnc": {"slots": 7}, "sort": {"updates": 1}})
    assert train.recorded(other, "addition", "lstm", 0) == of_lstm
    assert train.recorded(other, "addition", "dnc", 0) != of_dnc
    json.dumps(of_dnc)


def test_no_update_is_no_training():
    with pytest.raises(UserError, match=r"sort\.updates is 0; .* at least 1"):
        STUDY.load({"sort": {"updates": 0}})


@pytest.mark.slow
def test_a_trace_agrees_with_the_cell_and_with_the_answers(key):
    """What is drawn must fit together: gates, weightings, usage and outputs."""
    options = tuple(SMALL["dnc"].items())
    known = Model("repeat", "dnc", 3, options)
    params = jax.tree.map(lambda x: 2 * x, models.initial(key, known))
    found = trace.follow(params, known, 3)
    outputs = models.outputs(params, known, found.sequence.inputs[:, None])[:, 0]
    np.testing.assert_allclose(found.output, jax.nn.sigmoid(outputs), atol=1e-5)
    gate, allocate = found.interface.gate, found.interface.allocate
    # A write is at most its gate, and at least the allocated share of it.
    write, usage = found.state.write, found.state.usage
    assert (write.sum(-1) <= gate + 1e-6).all()
    least = (gate * allocate)[:, None] * addressing.allocation(usage)
    assert (write >= least - 1e-6).all()
    # Usage follows from the free gates of now and the weightings of the step before.
    free, read = found.interface.free[1:], found.state.read[:-1]
    retained = addressing.retention(free, read)
    used = addressing.used(usage[:-1], write[:-1], retained)
    np.testing.assert_allclose(usage[1:], used, atol=1e-6)


@pytest.mark.parametrize(
    "curriculum", [{"longest": [5, 3]}, {"longest": []}, {"shortest": 7}], ids=str
)
def test_lengths_that_fall_are_refused_before_any_training(curriculum):
    with pytest.raises(UserError, match=r"repeat is .* its longest lengths must rise"):
        STUDY.load({"repeat": curriculum})
