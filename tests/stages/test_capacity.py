"""A stage that cannot fit into memory is refused before its work."""

import resource

import pytest
from support import commands

from worldmodels.experiment.settings import Run, Vision
from worldmodels.runtime.errors import UserError
from worldmodels.stages import capacity
from worldmodels.stages.capacity import Room

MB = 10**6


@pytest.fixture
def little(monkeypatch):
    """A machine of 100 MB."""
    there = Room(100 * MB, "this machine has")
    monkeypatch.setattr(capacity, "available", lambda: there)


def refused(tmp_path, stage, *arguments) -> str:
    """Return why a stage is refused, after a look that it made nothing but its log."""
    sentence = commands.call_refused(
        stage, *arguments, "--out", tmp_path / "made.zarr", "--log", tmp_path / "log"
    )
    assert {path.name for path in tmp_path.iterdir()} == {"log", "tries"}
    assert sentence.startswith(f"error: {stage} needs about ")
    return sentence


def test_each_stage_names_what_it_needs_what_there_is_and_what_decides(
    little, stores, tmp_path
):
    networks = ["--vision", stores.vision.path, "--memory", stores.memory.path]
    saved = ["--checkpoint", tmp_path / "ckpt"]
    rollouts = ["--rollouts", *(a.path for a in stores.rollouts)]
    latents = ["--latents", *(a.path for a in stores.latents)]
    blocks = ["--controller", *(a.path for a in stores.controller)]
    said = {
        "rollouts": (["--set=rollouts.steps=50000"], "rollouts.steps"),
        "vision": (["--set=vision.batch_size=9999", *rollouts, *saved], "batch_size"),
        "latents": (["--vision", stores.vision.path, *rollouts[:2]], "vision.channels"),
        "memory": (
            ["--set=memory.hidden_size=4000", *latents, *saved],
            "memory.hidden_size",
        ),
        "controller": (
            ["--set=controller.population=60000", *networks, *saved],
            "population",
        ),
        "evaluation": (
            ["--set=evaluation.episodes=9999", *networks, *blocks],
            "episodes",
        ),
    }
    for stage, (arguments, named) in said.items():
        sentence = refused(tmp_path, stage, *arguments)
        assert "and this machine has 100.0 MB; lower " in sentence
        assert named in sentence.partition("lower ")[2]


def test_the_data_that_is_there_counts(monkeypatch, stores):
    """Six short episodes fit where a buffer of as many as it holds would not."""
    sections = [Run(), Vision(buffer_episodes=100_000, epochs=1)]
    paths = [store.path for store in stores.rollouts]
    monkeypatch.setattr(capacity, "available", lambda: Room(1700 * MB, "here are"))
    capacity.check("vision", sections, {"rollouts": paths, "round": 0})
    with pytest.raises(UserError, match=r"and here are 1.7 GB; lower vision.buffer"):
        capacity.check("vision", sections, {"rollouts": paths * 3000, "round": 0})


def test_the_least_limit_is_what_there_is(monkeypatch):
    """Of the control group, of the machine and of ulimit."""
    limits = {"group": None, "ulimit": resource.RLIM_INFINITY}
    monkeypatch.setattr(capacity, "memory_limit", lambda: limits["group"])
    monkeypatch.setattr(resource, "getrlimit", lambda which: (limits["ulimit"], -1))
    whole = capacity.available()
    assert whole.source == "this machine has"
    limits["group"] = 2**62  # as version 1 says that there is none
    assert capacity.available() == whole
    limits["group"] = 5 * MB
    assert capacity.available() == Room(5 * MB, "its control group may have")
    limits["ulimit"] = 3 * MB
    assert capacity.available() == Room(3 * MB, "ulimit -v allows")
