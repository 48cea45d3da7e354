"""The report: from stores to a page that needs nothing else, and to a summary."""

import base64
import re

import numpy as np
import pytest
from support import synthetic
from support.pages import Elements

from worldmodels.environments import EnvironmentSpec
from worldmodels.report import controller, diagram, evaluation, replays, rollouts
from worldmodels.report.background import Background
from worldmodels.report.rounds import RoundStores, group, rollout_clips
from worldmodels.rollout.replay import drive
from worldmodels.runtime.errors import UserError
from worldmodels.scores.statistics import summarise
from worldmodels.stages import report
from worldmodels.stores.artifact import Artifact

SPEC = EnvironmentSpec("carracing", max_steps=synthetic.STEPS)


def driven(seed, actions):
    """Drive actions [T, A] in an environment of this very process."""
    recorded = iter(actions)
    return drive(SPEC, seed, lambda frame: next(recorded), len(actions))


@pytest.fixture(scope="module")
def recorded():
    """Real drives on the test tracks, each with its own actions.

    The worst has a reward that no replay of it gives.
    """
    rng = np.random.default_rng(3)
    seeds = np.arange(synthetic.TRACKS)
    actions = rng.uniform(0, 1, (synthetic.TRACKS, synthetic.STEPS, 3))
    actions = actions.astype(np.float32)
    drives = [driven(int(s), a) for s, a in zip(seeds, actions, strict=True)]
    rewards = np.stack([d.rewards for d in drives])
    rewards[rewards.sum(axis=1).argmin(), 0] -= 1
    arrays = {"actions": actions, "rewards": rewards, "seed": seeds}
    return drives, arrays | {"returns": rewards.sum(axis=1)}


@pytest.fixture(scope="module")
def rounds(tmp_path_factory, recorded):
    folder = tmp_path_factory.mktemp("experiment")
    first = synthetic.make_round(folder, 0)
    return first, synthetic.make_round(folder, 1, recorded[1])


@pytest.fixture(scope="module")
def page(tmp_path_factory, rounds):
    """The page of all of round 1, and of what C did in round 0."""
    out = tmp_path_factory.mktemp("report") / "report" / "index.html"
    before, after = rounds
    scored = [store.path for store in (before.evaluation, *before.controller)]
    report.run(stores=[*scored, *reversed(after.paths)], out=out)
    return out


@pytest.fixture(scope="module")
def elements(page):
    return Elements(page.read_text())


def test_page_needs_nothing_else(page, elements):
    """No script, style sheet, font, picture or film is fetched from anywhere."""
    assert not elements.named("link", "script", "iframe", "object")
    for attributes in elements.named("img", "video", "source"):
        for name in ("src", "poster"):
            assert attributes.get(name, "data:").startswith("data:")
    assert not re.search(r"url\(|@import", page.read_text())
    assert page.stat().st_size < 15e6


def test_every_picture_tells_what_it_shows(elements):
    pictures = elements.named("img")
    assert len(pictures) >= 9 + 2
    assert all(len(picture["alt"]) > 30 for picture in pictures)
    assert all(len(film["aria-label"]) > 30 for film in elements.named("video"))
    assert {svg["role"] for svg in elements.named("svg")} == {"img"}


def test_links_lead_to_sections_and_later_rounds_come_first(elements):
    anchors = [a["href"][1:] for a in elements.named("a") if a["href"][0] == "#"]
    assert anchors == ["overview", "round-1", "round-0", "provenance"]
    assert anchors == [section["id"] for section in elements.named("section")]


def test_page_tells_everything_that_was_promised(page):
    text = page.read_text()
    for words in (
        "Training of V", "Training of M", "Reconstructions", "Samples from the prior",
        "Latent traversal", "A dream under real frames", "Fitness by generation",
        "Returns on unseen tracks", "Scores by round", "Wall time of each stage",
        "Resolved settings", "learning_rate", "evosax", "snakemake seeds",
        "Gradients of M",
    ):  # fmt: skip
        assert words in text, words
    assert "Gradients of V" not in text  # whose training was without debug


def test_diagram_says_how_v_came_to_be(rounds):
    v_store = rounds[0].vision
    given = {"rollouts": []}
    for epochs, inputs, told in (
        (3, given, f"{synthetic.UPDATES} updates"),
        (0, given | {"start": ["a V"]}, "kept from the round before"),
        (0, given, "untrained"),
    ):
        config = {**v_store.config, "epochs": epochs}
        recorded = {**v_store.attributes, "config": config, "inputs": inputs}
        round = RoundStores(
            1, {"vision": [Artifact(v_store.path, recorded, v_store.declared)]}
        )
        assert diagram.facts(round)["vision"][1] == told


def test_films_are_inside(elements):
    films = elements.named("video")
    assert len(films) == 3 + 2  # of round 1: its test drives, and its dreams
    for film in films:
        data = base64.b64decode(film["src"].removeprefix("data:video/mp4;base64,"))
        assert data[4:8] == b"ftyp"


def test_summary_names_score_interval_and_page(page, rounds):
    *scores, last = page.with_name("summary.txt").read_text().splitlines()
    assert len(scores) == 2 * len(rounds)
    for number, stores in enumerate(rounds):
        line, beside = scores[2 * number : 2 * number + 2]
        agent = summarise(stores.evaluation.read("agent/returns"))
        random = summarise(stores.evaluation.read("random/returns"))
        assert line.startswith(f"round {number}: mean return {agent.mean:.1f}")
        assert f"interval {agent.low:.1f} to {agent.high:.1f}" in line
        assert f"over {synthetic.TRACKS} unseen tracks in gymnasium" in line
        assert f"random policy {random.mean:.1f}" in line
        simulator, difference = both_scores(stores)
        assert f"in the simulator, on the same tracks: {simulator.mean:.1f}" in beside
        assert beside.endswith(f"simulator less gymnasium {difference}")
    assert last == f"report: {page}"


def both_scores(stores):
    """Return the simulator's summary, and the paired difference as it is told."""
    real, simulated = (
        stores.evaluation.read(f"{driver}/returns") for driver in ("agent", "simulator")
    )
    # Pairs are closer than the tracks are to each other.
    assert (simulated - real).std() < real.std() / 2
    paired = summarise(simulated - real)
    told = f"{paired.mean:+.1f} (95 % interval {paired.low:+.1f} to {paired.high:+.1f})"
    return summarise(simulated), told


def test_page_tells_both_scores_and_their_paired_difference(page, rounds):
    text = page.read_text()
    for stores in rounds:
        simulator, difference = both_scores(stores)
        assert f"on the very same tracks is {simulator.mean:.1f} (95 %" in text
        assert f"less gymnasium&#x27;s is {difference} in the mean" in text
    overview = text[text.index('id="overview"') : text.index('id="round-1"')]
    assert f"the same in the simulator</dt><dd>{simulator.mean:.1f}<" in overview


def test_page_says_where_was_driven_to_learn(tmp_path, rounds, monkeypatch):
    for backend, place in [("simulator", "the simulator"), ("gymnasium", "gymnasium")]:
        settings = synthetic.SETTINGS.changed(environment={"backend": backend})
        monkeypatch.setattr(synthetic, "SETTINGS", settings)
        (round,) = group(make_training(tmp_path / backend))
        told = rollouts.chapter(round, rollout_clips(round))
        assert f"driven in {place} by the random policy" in told
        told = controller.chapter(round)
        assert f"candidates in {place}, all driving" in told
        caption = told[told.index("<figcaption>") :]
        assert f"the tested means too, was driven in {place};" in caption
        both = f"rollouts driven in {place} and C was evolved in {place}."
        assert evaluation.where_it_learnt(round) == f"V and M learnt from {both}"
    text = evaluation.chapter(group([rounds[0].evaluation])[0])
    assert "learnt" not in text  # nothing is known of it


def test_page_names_the_search(tmp_path, monkeypatch):
    for strategy, name in [("cma_es", "CMA-ES"), ("snes", "evosax&#x27;s snes")]:
        settings = synthetic.SETTINGS.changed(controller={"strategy": strategy})
        monkeypatch.setattr(synthetic, "SETTINGS", settings)
        (round,) = group(make_training(tmp_path / strategy))
        assert f"parameters evolved by {name} over" in controller.chapter(round)


@pytest.fixture
def survival(tmp_path, monkeypatch):
    """The stores of a round of TakeCover."""
    pytest.importorskip("vizdoom", reason="pip install --editable '.[doom]'")
    game = {"name": "takecover", "backend": "gymnasium"}
    settings = synthetic.SETTINGS.changed(environment=game)
    monkeypatch.setattr(synthetic, "SETTINGS", settings)
    monkeypatch.setattr(synthetic, "ACTION", 1)
    drives = {
        "rewards": np.ones((synthetic.TRACKS, synthetic.STEPS), np.float32),
        "returns": np.full(synthetic.TRACKS, synthetic.STEPS, np.float32),
    }
    return synthetic.make_round(tmp_path, drives=drives)


@pytest.mark.slow
def test_a_game_of_survival_is_told_as_one(survival, tmp_path):
    """Episodes and tics; no tracks, no simulator, no line of the paper's."""
    out = tmp_path / "index.html"
    report.run(stores=survival.paths, out=out)
    text = out.read_text()
    line, _ = out.with_name("summary.txt").read_text().splitlines()
    assert line.startswith("round 0: mean survival in tics 12.0 (95 % interval 12.0")
    assert "over 6 unseen episodes in ViZDoom; random policy" in line
    assert "<title>World Models on TakeCover</title>" in text
    assert "Returns on unseen episodes" in text
    # The films are of the real game, which gave the same rewards again.
    assert len(Elements(text).named("video")) == 3 + 2
    assert "not exactly the drive" not in text
    words = re.sub(r"data:[^\"]*", "", text).split('id="provenance"')[0]
    for foreign in ("track", "simulator", "steer", "original's CMA", "gymnasium"):
        assert foreign not in words, foreign


def make_training(folder):
    """The stores of a round's training that drove."""
    rng = np.random.default_rng(5)
    shard = synthetic.make_rollouts(folder, 0, 0, rng)
    v_store = synthetic.make_vision(folder, 0, (), rng)
    m_store = synthetic.make_memory(folder, 0, (), rng)
    return shard, synthetic.make_controller(folder, 0, v_store, m_store, None, rng)


def test_replay_is_the_drive_that_was_scored(recorded, rounds):
    """Median, best and worst by return; frames and rewards equal the original's."""
    drives, arrays = recorded
    with Background() as background:
        begun = replays.begin(rounds[1].evaluation, background)
    found = {drive.result().name: drive.result() for drive in begun}
    ranks = np.argsort(arrays["returns"])
    assert found["best"].number == ranks[-1]
    assert found["worst"].number == ranks[0]
    assert found["median"].number == ranks[(len(ranks) - 1) // 2]
    for d in found.values():
        assert d.faithful == (d.name != "worst")
        assert np.array_equal(d.recording.frames, drives[d.number].frames)


def test_a_drive_that_cannot_be_repeated_is_owned_up_to(page):
    """The worst drive of round 1: its film says that it is another."""
    before, _ = page.read_text().split("the film is not exactly the drive")
    assert before.rindex("<b>The worst drive:") > before.rindex("<figcaption>")


def test_a_drive_ends_with_its_episode():
    gas = np.array([0, 0.5, 0], np.float32)
    found = drive(SPEC, 1, lambda frame: gas, steps=100)
    assert len(found.rewards) == synthetic.STEPS
    assert found.frames.shape == (synthetic.STEPS, 64, 64, 3)


def test_stores_of_two_experiments_are_refused(tmp_path, rounds, stores):
    mixed = [*rounds[0].paths, stores.evaluation.path]
    with pytest.raises(UserError, match="one experiment at a time"):
        report.run(stores=mixed, out=tmp_path / "index.html")
    # Of two rounds: nothing to compare.
    assert len(group([stores.vision, rounds[1].evaluation])) == 2
    mixed = [rounds[1].vision.path, make_other_evaluation(tmp_path / "b")]
    with pytest.raises(UserError, match="was not made with"):
        report.run(stores=mixed, out=tmp_path / "index.html")


def make_other_evaluation(folder):
    """An evaluation of round 1 whose V is that of another seed."""
    rng = np.random.default_rng(9)
    place = folder / "round-1"
    v_store = synthetic.make_vision(place, 1, (), rng)
    m_store = synthetic.make_memory(place, 1, (), rng)
    first = synthetic.make_controller(place, 1, v_store, m_store, None, rng)
    inputs = (v_store, m_store, first, first)
    return synthetic.make_evaluation(place, 1, inputs, rng, None).path


def test_a_part_of_the_stores_gives_a_part_of_the_report(tmp_path, rounds, capsys):
    out = tmp_path / "index.html"
    report.run(stores=[a.path for a in rounds[0].controller], out=out)
    text = out.read_text()
    assert "Fitness by generation" in text
    assert "Reconstructions" not in text
    assert capsys.readouterr().out.startswith("round 0: not evaluated\nreport: ")


def test_pages_that_stand_beside_get_chapters(tmp_path, rounds):
    out = tmp_path / "results" / "small" / "report" / "index.html"
    folder = tmp_path / "results" / "studies" / "dsprites" / "laptop"
    folder.mkdir(parents=True)
    folder.joinpath("index.html").write_text("<title>Sprites in a memory</title>")
    folder.joinpath("table.txt").write_text("a table to read\n")
    missing = tmp_path / "results" / "small" / "cells"
    stores = [store.path for store in rounds[0].controller]
    report.run(stores=stores, beside=[missing, folder], out=out)
    text = out.read_text()
    links = [a["href"] for a in Elements(text).named("a")]
    assert links[1:4] == ["#overview", "#round-0", "#beside"]
    assert "../../studies/dsprites/laptop/index.html" in links
    section = text[text.index('id="beside"') :]
    assert "<h3>Sprites in a memory</h3>" in section
    assert "<p>Does a DNC&#x27;s memory hold the position" in section
    assert "a table to read" in section
    assert section.split('id="provenance"')[0].count("<h3>") == 1
