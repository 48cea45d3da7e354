"""Worlds of gymnasium through the whole workflow, from nothing but a preset."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support import commands

from worldmodels.stores.artifact import Artifact, open_artifact

pytestmark = pytest.mark.slow

KINDS = {
    "rollouts",
    "vision",
    "latents",
    "memory",
    "controller",
    "random",
    "evaluation",
}


def stores(folder: Path) -> Iterator[Artifact]:
    for path in sorted(folder.rglob("*.zarr")):
        yield open_artifact(path)


def finished(project, name) -> Path:
    status, output = project.run("--cores", "2", "--configfile", f"presets/{name}.yaml")
    assert status == 0, output
    results = project.folder / "results" / name
    assert (results / "report/summary.txt").read_text() in output
    status, output = project.run("-n", "--configfile", f"presets/{name}.yaml")
    assert "Nothing to be done" in output
    return results


def test_a_continuous_world(real_project, tmp_path):
    results = finished(real_project, "pendulum")
    made = list(stores(results))
    assert {store.kind for store in made} == KINDS
    assert {store.game.id for store in made} == {"Pendulum-v1"}
    shard, *_ = (store for store in made if store.kind == "rollouts")
    actions = shard.read("actions")
    assert actions.shape == (2, 30, 1)
    assert 1 < np.abs(actions).max() <= 2  # newton metres
    assert shard.array("frames").shape == (2, 30, 64, 64, 3)
    page = (results / "report/index.html").read_text()
    assert "World Models on Pendulum-v1" in page
    assert "below them act 0 and the return up to there" in page
    film = tmp_path / "drive.gif"
    blocks = results / "round-0/controller"
    commands.run("drive", "--controller", blocks, "--steps=5", "--out", film)
    assert film.stat().st_size > 0


def test_a_world_of_choices_in_larger_frames(real_project, tmp_path):
    """C learns in M's dream; the second round's rollouts are its own."""
    results = finished(real_project, "cartpole")
    made = list(stores(results))
    assert {store.game.id for store in made} == {"CartPole-v1"}
    assert all(store.game.discrete for store in made)
    for store in made:
        if store.kind == "rollouts":
            assert store.array("frames").shape == (2, 30, 96, 96, 3)
            # One of two choices in every step.
            length, actions = store.read("length"), store.read("actions")
            for row, steps in zip(actions, length, strict=True):
                assert {*map(tuple, row[:steps])} <= {(0, 1), (1, 0)}
        if store.kind == "evaluation":
            # A step survived is worth 1.
            for who in ("agent", "random"):
                np.testing.assert_array_equal(
                    store.read(f"{who}/returns"), store.read(f"{who}/length")
                )
    place, agent = results / "round-1", tmp_path / "agent.zarr"
    commands.run("export", "--controller", place / "controller", "--out", agent)
    assert open_artifact(agent, "agent").game.id == "CartPole-v1"
    scores = tmp_path / "scores.zarr"
    commands.run("evaluate", "--pretrained", agent, "--episodes=2", "--out", scores)
    assert open_artifact(scores, "evaluation").game.id == "CartPole-v1"
    # M knows the world that it dreams of, and so which actions there are.
    film = tmp_path / "dream.gif"
    commands.run("dream", "--memory", place / "memory.zarr", "--steps=4", "--out", film)
    assert film.stat().st_size > 0
