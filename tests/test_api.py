"""The public face: names that load late, stores found by a run's folder, one agent."""

import subprocess
import sys

import numpy as np
import pytest
from support import synthetic

import worldmodels
from worldmodels.runtime.errors import UserError
from worldmodels.stores.artifact import ArtifactError


def test_importing_the_package_imports_nothing_heavy():
    said = "import sys, worldmodels; print({'jax', 'numpy', 'zarr'} & {*sys.modules})"
    answer = subprocess.run(
        [sys.executable, "-c", said], capture_output=True, text=True
    )
    assert answer.stdout == "set()\n", answer.stderr


def test_every_public_name_is_there():
    assert all(hasattr(worldmodels, name) for name in worldmodels.__all__)
    assert {*worldmodels.__all__} <= {*dir(worldmodels)}
    assert not hasattr(worldmodels, "no_such_name")


def test_a_run_opens_at_its_last_round_or_any(stores):
    folder = stores.vision.path.parents[1]
    for run in worldmodels.open_run(folder), worldmodels.open_run(folder, round=0):
        assert [s.path for s in run.rollouts] == [s.path for s in stores.rollouts]
        assert [s.path for s in run.controller] == [s.path for s in stores.controller]
        assert run.vision.path == stores.vision.path
        assert run.evaluation.kind == "evaluation"


def test_what_is_not_there_yet_is_none(tmp_path):
    rng = np.random.default_rng(0)
    synthetic.make_rollouts(tmp_path / "round-9", 9, 0, rng)
    (tmp_path / "round-10").mkdir()
    assert worldmodels.open_run(tmp_path) == ((), None, (), None, (), None)
    assert len(worldmodels.open_run(tmp_path, round=9).rollouts) == 1


def test_a_folder_without_rounds_or_controllers_is_refused(tmp_path):
    with pytest.raises(UserError, match="holds no rounds of a run"):
        worldmodels.open_run(tmp_path)
    (tmp_path / "round-0").mkdir()
    with pytest.raises(UserError, match="no round 3; it has rounds 0"):
        worldmodels.open_run(tmp_path, round=3)
    with pytest.raises(UserError, match="no controller has been trained"):
        worldmodels.load_agent(tmp_path)
    with pytest.raises(ArtifactError, match="does not exist"):
        worldmodels.load_agent(tmp_path / "agent.zarr")


def test_a_run_and_its_exported_agent_see_the_same(stores, pretrained):
    run = worldmodels.open_run(stores.vision.path.parents[1])
    frames = run.rollouts[0].read("frames", 0)
    agents = [
        worldmodels.load_agent(stores.vision.path.parents[1]),
        worldmodels.load_agent(pretrained),
        worldmodels.load_vision(run.vision),
    ]
    seen = [worldmodels.encode(agent, frames) for agent in agents]
    for mu, logvar in seen:
        assert mu.shape == logvar.shape == (synthetic.STEPS, synthetic.LATENT)
    np.testing.assert_array_equal(seen[0], seen[2])
    np.testing.assert_allclose(seen[0], seen[1], rtol=0.02, atol=0.02)  # half precision
    images = worldmodels.decode(agents[0], seen[0][0])
    assert images.shape == frames.shape
    assert images.dtype == np.uint8


@pytest.mark.slow
def test_a_dream_begins_at_its_frame_and_follows_actions(stores):
    agent = worldmodels.load_agent(stores.vision.path.parents[1])
    frame = stores.rollouts[0].read("frames", (0, 0))
    given = np.tile([[0.5, 0.25, 0.0]], (5, 1)).astype(np.float32)
    dream = worldmodels.dream(agent, frame, 7, actions=given, temperature=0.0)
    np.testing.assert_array_equal(dream.actions, given)
    assert dream.frames.shape == (5, 64, 64, 3)
    frames = stores.rollouts[0].read("frames", 0)[:4]
    with pytest.raises(UserError, match="4 frames with 0 actions"):
        worldmodels.dream(agent, frames)
    watched = stores.rollouts[0].read("actions", 0)[:3]
    later = worldmodels.dream(agent, frames, 2, watched=watched, temperature=0.0)
    cold = worldmodels.dream(agent, frames[-1], 2, temperature=0.0)
    assert (later.actions[0] != cold.actions[0]).any()  # C reads what M remembers
    own = worldmodels.dream(agent, frame, 5, temperature=0.0, seed=1)
    again = worldmodels.dream(agent, frame, 5, temperature=0.0, seed=1)
    np.testing.assert_array_equal(own.frames, again.frames)
    assert (own.actions != given).any()


def test_a_film_is_written_whole(tmp_path):
    frames = np.zeros((3, 8, 8, 3), np.uint8)
    worldmodels.film(tmp_path / "film.gif", frames, scale=2)
    assert (tmp_path / "film.gif").read_bytes()[:4] == b"GIF8"
    with pytest.raises(UserError, match=r"must end in .mp4 or .gif"):
        worldmodels.film(tmp_path / "film.png", frames)
