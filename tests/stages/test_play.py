"""play: an agent store's page and a run's, and what is refused."""

import base64
import json
import re

import numpy as np
import pytest

from worldmodels import cli
from worldmodels.environments import EnvironmentSpec
from worldmodels.models import folding
from worldmodels.play import page
from worldmodels.rollout.replay import drive
from worldmodels.runtime.errors import UserError
from worldmodels.stages import play
from worldmodels.stores import agents
from worldmodels.stores.artifact import open_artifact


def header(out) -> dict:
    text = out.read_text()
    return json.loads(re.search(r'id="agent">(.*?)</script>', text, re.DOTALL)[1])


def array(out, name: str) -> np.ndarray:
    text = out.read_text()
    numbers = re.search(r'id="numbers">(.*?)</script>', text, re.DOTALL)[1]
    place = header(out)["arrays"][name]
    assert place["type"] == "half"
    count = int(np.prod(place["shape"]))
    found = np.frombuffer(base64.b64decode(numbers), "<f2", count, place["start"])
    return found.reshape(place["shape"])


def test_the_page_of_an_agent_store_and_of_the_run_that_it_is_from(
    stores, pretrained, tmp_path, capsys
):
    """An agent store is in half precision, as a page is: the controllers are equal."""
    of_store, of_run = tmp_path / "pages" / "store.html", tmp_path / "run.html"
    folder = stores.controller[0].path.parent
    assert (
        cli.main(["play", str(pretrained), "--record=none", f"--out={of_store}"]) == 0
    )
    told = capsys.readouterr().out
    assert told.startswith(f"a page of agent: {of_store}, ")
    play.run(agent=folder, record=None, out=of_run)
    first, second = header(of_store), header(of_run)
    assert first["recordings"] == second["recordings"] == []
    assert first["name"] == "agent"
    assert second["name"].endswith("round 0")
    for same in ("game", "vision", "memory", "controller", "agent"):
        assert first[same] == second[same]
    given = open_artifact(pretrained).read("controller")
    np.testing.assert_array_equal(array(of_store, "controller"), given)
    np.testing.assert_array_equal(array(of_run, "controller"), given)
    driver = agents.from_pretrained(pretrained)
    folded = folding.fold(driver.weights.vision, driver.agent.vision)
    kernel = np.asarray(folded.kernel).astype(np.float16)
    np.testing.assert_array_equal(array(of_store, "folded/kernel"), kernel)


def test_dreams_of_a_run_begin_where_m_s_episodes_did(stores, pretrained, tmp_path):
    out = tmp_path / "play.html"
    play.run(controller=[stores.controller[0].path.parent], record=None, out=out)
    latents = [open_artifact(path) for path in stores.paths if "latents" in str(path)]
    mu = np.concatenate([store.read("mu")[:, 0] for store in latents])
    found = array(out, "starts/mu")
    np.testing.assert_array_equal(found, mu.astype(np.float16)[: len(found)])
    # This agent store has none: V's prior.
    play.run(pretrained=pretrained, record=None, out=out)
    assert not array(out, "starts/mu").any()


def test_drives_go_into_the_page(pretrained, tmp_path, monkeypatch, capsys):
    """They are those of their seed, the same each time, and dreams begin with them."""
    monkeypatch.setattr(play, "STEPS", {"agent": 4, "random": 3})
    out, again = tmp_path / "play.html", tmp_path / "again.html"
    play.run(pretrained=pretrained, record=7, out=out)
    play.run(pretrained=pretrained, record=7, out=again)
    assert out.read_bytes() == again.read_bytes()
    first, second = header(out)["recordings"]
    assert (first["by"], first["seed"], first["steps"]) == ("agent", 7, 4)
    assert (second["by"], second["seed"], second["steps"]) == ("random", 7, 3)
    actions = iter(array(out, "recordings/0/actions").astype(np.float32))
    done = drive(EnvironmentSpec("carracing"), 7, lambda frame: next(actions), 4)
    assert first["score"] == pytest.approx(done.rewards.sum(), abs=1e-2)
    assert array(out, "recordings/1/actions").std(axis=0).all()
    starts = [array(out, f"recordings/{n}/mu")[0] for n in (0, 1)]
    np.testing.assert_array_equal(array(out, "starts/mu"), starts)


def test_what_is_no_agent_is_refused(stores, pretrained, tmp_path):
    out, block = tmp_path / "play.html", stores.controller[0].path.parent
    with pytest.raises(UserError, match="give one agent"):
        play.run(out=out)
    with pytest.raises(UserError, match="give one agent"):
        play.run(agent=pretrained, controller=[block], out=out)
    with pytest.raises(UserError, match="belong to --controller"):
        play.run(agent=pretrained, memory=stores.memory.path, out=out)
    with pytest.raises(UserError, match="an agent store is needed here"):
        play.run(agent=stores.vision.path, out=out)
    with pytest.raises(UserError, match="does not exist"):
        play.run(agent=tmp_path / "none.zarr", out=out)
    with pytest.raises(UserError, match="holds no controller stores"):
        play.run(agent=tmp_path, out=out)
    with pytest.raises(UserError, match=r"must end in \.html"):
        play.run(agent=pretrained, out=tmp_path / "play.zarr")
    assert not out.exists()


def test_a_game_that_is_not_there_can_be_left_out(pretrained, tmp_path, monkeypatch):
    def missing(environment):
        raise UserError("it needs a package")

    monkeypatch.setattr(play, "spec_of", missing)
    out = tmp_path / "play.html"
    with pytest.raises(UserError, match="it needs a package; or give --record none"):
        play.run(pretrained=pretrained, out=out)
    assert not out.exists()
    play.run(pretrained=pretrained, record=None, out=out)
    assert header(out)["recordings"] == []


@pytest.mark.parametrize("option", ["--record=-1", "--record=some", "--quality=0"])
def test_options_that_mean_nothing_are_refused(option, pretrained, tmp_path, capsys):
    out = tmp_path / "play.html"
    assert cli.main(["play", str(pretrained), option, f"--out={out}"]) == 1
    assert "is not a whole number" in capsys.readouterr().err
    assert not out.exists()


def test_the_scripts_are_data_of_the_package():
    """A package that is built and installed has them."""
    for name in (*page.SCRIPTS, "page.html", "page.css", "kernel.wat"):
        assert page.source(name)
