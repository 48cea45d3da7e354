"""drive: the trained agent's film, and the same drive as an evaluation's."""

import re
import shutil
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image
from support import synthetic

from worldmodels import cli, commands
from worldmodels.environments import EnvironmentSpec
from worldmodels.environments.processes.episodes import Episode
from worldmodels.environments.processes.episodes import run as run_episodes
from worldmodels.environments.processes.pool import EnvironmentPool
from worldmodels.rollout.in_gymnasium import AgentSlots
from worldmodels.runtime.errors import UserError
from worldmodels.stores import agents, networks
from worldmodels.tools import drive


def printed_return(told: str) -> tuple[str, int]:
    found = re.search(r"return (-?\d+\.\d) in (\d+) steps", told)
    return found[1], int(found[2])


def test_drive_is_that_of_the_pool(stores, tmp_path, capsys):
    """The same seed, controller and number of slots give the same return."""
    out = tmp_path / "films" / "drive.mp4"
    folder = stores.controller[0].path.parent
    drive.run(controller=[folder], seed=7, out=out)
    told = printed_return(capsys.readouterr().out)
    agent, weights = networks.load_agent(
        stores.vision, stores.memory, (c := stores.controller[0]).config, c.game
    )
    best, _ = networks.best_controller(stores.controller)
    slots = synthetic.SETTINGS.environment.slots
    spec = EnvironmentSpec("carracing", max_steps=synthetic.STEPS)
    policy = AgentSlots(agent, weights, best[None], slots)
    with EnvironmentPool(spec, slots=slots, workers=1) as pool:
        episodes = [Episode(seed=7, steps=synthetic.STEPS)]
        (result,) = run_episodes(pool, policy, episodes)
    assert told == (f"{result.total_reward:.1f}", result.length)
    frames, _ = imageio_ffmpeg.count_frames_and_secs(str(out))
    assert frames == synthetic.STEPS


def test_the_best_of_all_given_blocks_drives(stores):
    """Block 1's returns are about 100, block 0's about 0."""
    best, generation = networks.best_controller(stores.controller)
    assert generation > synthetic.GENERATIONS
    found = agents.open_stores([stores.controller[0].path.parent], None, None)
    blocks = [block.path for block in found.controller]
    assert blocks == [block.path for block in stores.controller]
    means = stores.controller[1].read("selection/mean")
    assert any(np.array_equal(best, mean) for mean in means)


def test_a_gif_of_a_few_steps(stores, tmp_path, capsys):
    out = tmp_path / "drive.gif"
    block = stores.controller[0].path
    drive.run(controller=[block], seed=0, steps=5, out=out)
    assert printed_return(capsys.readouterr().out)[1] == 5
    with Image.open(out) as film:
        assert film.n_frames == 3  # every other step, for twice as long
        assert film.info["duration"] == 40


def test_a_pretrained_agent_needs_no_other_store(
    stores, pretrained, tmp_path, capsys, monkeypatch
):
    """Alone in a folder it is filmed as it drives, with the rounding of its weights."""
    alone, out = tmp_path / "alone.zarr", tmp_path / "drive.gif"
    shutil.copytree(pretrained, alone)
    filmed = []
    monkeypatch.setattr(drive, "_write", lambda film, out: filmed.append(film))
    drive.run(pretrained=alone, seed=7, out=out)
    told = printed_return(capsys.readouterr().out)
    (film,) = filmed
    assert told == (f"{film.total_reward:.1f}", synthetic.STEPS)
    drive.run(controller=[stores.controller[0].path.parent], seed=7, out=out)
    np.testing.assert_allclose(film.actions, filmed[1].actions, atol=0.05)
    assert not np.array_equal(film.actions, filmed[1].actions)
    difference = np.abs(
        film.reconstruction[0] - filmed[1].reconstruction[0].astype(int)
    )
    assert difference.max() <= 2  # of 255: by V's own decoder
    assert film.reconstruction[0].std() > 0


def test_exactly_one_agent_drives(stores, pretrained, tmp_path):
    block, out = stores.controller[0].path, tmp_path / "drive.mp4"
    with pytest.raises(UserError, match="give either --controller"):
        drive.run(out=out)
    with pytest.raises(UserError, match="give either --controller"):
        drive.run(controller=[block], pretrained=pretrained, out=out)
    with pytest.raises(UserError, match="has V and M of its own"):
        drive.run(pretrained=pretrained, vision=stores.vision.path, out=out)
    with pytest.raises(UserError, match="an agent store is needed here"):
        drive.run(pretrained=block, out=out)


def test_without_a_path_it_is_the_agent_of_the_checkout(
    pretrained, tmp_path, capsys, monkeypatch
):
    place = Path(__file__).parents[2] / "pretrained" / "carracing.zarr"
    assert place == commands.SHIPPED
    out = tmp_path / "drive.gif"
    drive_it = ["drive", "--pretrained", "--steps=3", "--out", str(out)]
    monkeypatch.setitem(commands.PRETRAINED, "const", tmp_path / "none.zarr")
    assert cli.main(drive_it) == 1
    assert "none.zarr does not exist: no pretrained" in capsys.readouterr().err
    monkeypatch.setitem(commands.PRETRAINED, "const", pretrained)
    assert cli.main(drive_it) == 0
    assert printed_return(capsys.readouterr().out)[1] == 3
    assert out.exists()


def test_v_and_m_must_be_those_that_c_was_evolved_with(stores, tmp_path):
    rng = np.random.default_rng(0)
    other = synthetic.make_vision(tmp_path / "other", 1, (), rng)
    block, out = stores.controller[0].path, tmp_path / "drive.mp4"
    with pytest.raises(UserError, match=r"was not made with .* vision store"):
        drive.run(controller=[block], vision=other.path, out=out)
    memory = synthetic.make_memory(tmp_path / "other", 1, (), rng)
    with pytest.raises(UserError, match=r"was not made with .* memory store"):
        drive.run(controller=[block], memory=memory.path, out=out)
    assert not out.exists()


def test_what_cannot_be_driven_is_refused(stores, tmp_path):
    block, out = stores.controller[0].path, tmp_path / "drive.mp4"
    with pytest.raises(UserError, match=r"must end in \.mp4 or \.gif"):
        drive.run(controller=[block], out=tmp_path / "drive.mov")
    with pytest.raises(UserError, match="at least one step"):
        drive.run(controller=[block], steps=0, out=out)
    with pytest.raises(UserError, match="a seed of at least 0"):
        drive.run(controller=[block], seed=-1, out=out)
    with pytest.raises(UserError, match="holds no controller stores"):
        drive.run(controller=[tmp_path], out=out)
    with pytest.raises(UserError, match="a controller store is needed"):
        drive.run(controller=[stores.vision.path], out=out)
