"""The dream's films: they are the dreams, and say how they end."""

import re

import jax
import numpy as np
import pytest
from support import dreamt, synthetic
from support.pages import words

from worldmodels.models.controller import Controller
from worldmodels.models.dream import Dream, Starts
from worldmodels.pictures import imagery
from worldmodels.report import controller, dream
from worldmodels.report.background import Background
from worldmodels.report.replays import TestDrive
from worldmodels.report.rounds import RoundStores
from worldmodels.rollout.in_dream import Controlled, Recorded
from worldmodels.rollout.replay import Recording
from worldmodels.runtime.randomness import (
    episode_keys,
    generator_for,
    seed_words,
    step_keys,
)
from worldmodels.training.datasets import HELD_OUT, split

GAMES = "carracing", "takecover"


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """Rounds of both games."""
    folder = tmp_path_factory.mktemp("played")
    return {game: dreamt.make(folder / game, game) for game in GAMES}


def hand_dream(round, episode, choose, steps):
    """Dream step by step; return z [T, Z] and actions [T, A] up to the death."""
    starts = Starts(*imagery.encode(round.vision, episode.frames[:1]))
    dream = Dream(*round.memory, starts, dreamt.TAU)
    seed = seed_words(np.array([episode.seed]))
    state = jax.jit(dream.reset)(episode_keys(seed, "dream")[0])
    advance = jax.jit(dream.step)
    seen, acted = [], []
    for t in range(steps):
        action = choose(t, state)
        seen.append(np.asarray(state.z))
        acted.append(np.asarray(action))
        key = step_keys(seed, np.array([t]))[0]
        state, _, died = advance(state, action, jax.random.split(key)[1])
        if died:
            break
    return np.array(seen), np.array(acted)


@pytest.mark.slow
def test_recorded_film_dreams_under_the_recorded_actions(played):
    round = dreamt.with_memory(played["carracing"], -20.0)
    episode = dream._episode(round)
    steps = len(episode.actions)
    film = dream._dream(round, Recorded(), episode.actions, episode, steps)
    z, actions = hand_dream(round, episode, lambda t, _: episode.actions[t], steps)
    assert len(actions) == steps == synthetic.STEPS - 3
    assert np.array_equal(film.actions, episode.actions)
    assert_same_pictures(film.frames, imagery.decode(round.vision, z))


def test_controlled_film_dreams_what_c_does(played):
    round = played["carracing"]
    episode = dream._episode(round)
    controller = Controller(synthetic.LATENT, synthetic.FEATURES, round.game)
    weights = round.one("evaluation").read("controller")
    actor = Controlled(controller, round.memory[0])
    film = dream._dream(round, actor, weights, episode, 9)

    act = jax.jit(controller.act)

    def choose(t, state):
        return act(weights, state.z, state.memory._asdict())

    z, actions = hand_dream(round, episode, choose, 9)
    np.testing.assert_allclose(film.actions, actions, atol=1e-5)
    assert_same_pictures(film.frames, imagery.decode(round.vision, z))


def assert_same_pictures(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= 1


def median_drive(round) -> TestDrive:
    """A test drive of 20 steps, without a replay."""
    rng = np.random.default_rng(2)
    frames = rng.integers(0, 256, (20, 64, 64, 3)).astype(np.uint8)
    actions = rng.uniform(0, 1, (20, len(round.game.actions))).astype(np.float32)
    recording = Recording(frames, actions, np.ones(20, np.float32))
    return TestDrive("median", 0, 7, 20.0, recording, True)


@pytest.mark.parametrize(
    ("bias", "told"),
    [
        (20.0, "the dreamer dies in step 1."),
        (-20.0, "nobody dies in the dream."),
    ],
)
def test_films_say_how_they_end(played, monkeypatch, bias, told):
    monkeypatch.setattr(dream, "_STEPS", 24)
    round = dreamt.with_memory(played["takecover"], bias)
    with Background() as background:
        films = dream.begin_recorded(round, 50_000, background)
        films += dream.begin_controlled(
            round, [median_drive(round)], 50_000, background
        )
        again = dream._recorded_film(round, 50_000, background)
    html = dream.chapter(round, films)
    captions = re.findall("<figcaption>(.*?)</figcaption>", html)
    alts = re.findall('<video[^>]* aria-label="([^"]*)"', html)
    assert len(captions) == len(alts) == 2
    assert f"The game ends after 9 steps; {told}" in captions[0]
    assert f"The game ends after 20 steps; {told}" in captions[1]
    lived = "1 step" if bias > 0 else "24 steps"
    assert f"20 steps of the game and {lived} of the dream" in alts[1]
    assert len(html) < 600_000
    assert again.html() in html


def test_films_show_an_episode_that_m_never_learnt_from(tmp_path, played):
    """Which one is known before M is: the first that any share holds out."""
    round = played["carracing"]
    assert dream._episode(round).name == "rollout 1 of shard 1"
    shards = round.stores["rollouts"]
    seeds = np.concatenate([shard.read("seed") for shard in shards])
    _, kept = split(seeds, 0.01, lambda n: generator_for(0, n, HELD_OUT))
    memory = dreamt.scored(tmp_path, {"seed": seeds[kept]}).stores["memory"]
    stores = {"rollouts": shards, "memory": memory}
    for given in (stores, stores | {"vision": round.stores["vision"]}):
        episode = dream._episode(RoundStores(0, given))
        assert episode.name == "rollout 1 of shard 1, which M never learnt from"
        assert np.array_equal(episode.frames, shards[1].read("frames", 1)[:9])
        assert episode.seed == seeds[kept[0]]
        assert episode.ended


def test_an_m_without_heads_is_filmed_and_worth_nothing(played):
    stores = played["carracing"].stores
    shown = {kind: stores[kind] for kind in ("rollouts", "vision", "memory")}
    round = dreamt.with_memory(RoundStores(0, shown), 0.0, death_head=False)
    with Background() as background:
        films = dream.begin_recorded(round, 50_000, background)
        assert not dream.begin_controlled(round, [], 50_000, background)
    told = words(dream.chapter(round, films))
    assert told.count("<video") == 1
    assert "nobody can learn in them without memory.death_head" in told
    assert "at temperature 1." in told
    assert "The game ends after 9 steps; nobody dies" in told


@pytest.mark.parametrize("game", GAMES)
def test_a_controller_that_learns_in_the_dream_dreams(played, game):
    told = words(controller.chapter(played[game]))
    assert (
        "in M's dream at temperature 1.3, all dreaming the same 2 dreams, new" in told
    )
    assert "the mean of the distribution dreams 3 selection dreams." in told
    assert "over 2 dreams a generation. All of it, the tested means too, was" in told
    for foreign in ("track", "driv", "gymnasium", "paper's"):
        assert foreign not in told


def test_a_dreamer_that_was_tested_in_the_game_says_so(tmp_path, monkeypatch):
    round = dreamt.make(tmp_path, "carracing", test_in="environment")
    drawn, draw = [], controller.figures.fitness

    def keep(*given):
        drawn.append(draw(*given))
        return drawn[-1]

    monkeypatch.setattr(controller.figures, "fitness", keep)
    told = words(controller.chapter(round))
    assert b"<!-- tested mean, selection tracks -->" in drawn[0]
    assert "the mean of the distribution plays 3 selection tracks." in told
    assert "All of it, the tested means apart, was dreamt in M's dream" in told
    assert "The means were tested in the simulator." in told
    assert "the search's mean on selection tracks goes from" in told
