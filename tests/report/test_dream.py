"""The report's dream chapter: its numbers are the stores', its films are the dreams."""

import base64
import re
from html import unescape

import jax
import numpy as np
import pytest
from scipy import stats
from support import dreamt, synthetic

from worldmodels.models.controller import Controller
from worldmodels.models.dream import Dream, Starts
from worldmodels.pictures import imagery
from worldmodels.report import calibration, dream, driving, gap
from worldmodels.report.rounds import Round
from worldmodels.report.test_drives import TestDrive
from worldmodels.rollout.in_dream import Controlled, Recorded
from worldmodels.rollout.replay import Recording
from worldmodels.runtime.randomness import (
    episode_keys,
    generator_for,
    seed_words,
    step_keys,
)
from worldmodels.scores.statistics import summarise
from worldmodels.training import assessment
from worldmodels.training.datasets import HELD_OUT, split

GAMES = "carracing", "takecover"


def words(html: str) -> str:
    """What is told, without the pictures' data."""
    return unescape(re.sub(r"data:[^\"]*", "", html))


def rows(html: str) -> list[list[str]]:
    return [
        re.findall(r"<td[^>]*>(.*?)</td>", row)
        for row in re.findall("<tr>.*?</tr>", html)
    ]


@pytest.fixture(scope="module")
def steps():
    return dreamt.steps()


@pytest.fixture(scope="module")
def scored(tmp_path_factory, steps):
    rng = np.random.default_rng(1)
    figures = steps.arrays | dreamt.horizons()
    returns = rng.normal(50, 9, 30), rng.normal(90, 5, 30)
    return dreamt.scored(tmp_path_factory.mktemp("scored"), figures, *returns)


@pytest.fixture(scope="module")
def chapters(scored):
    return gap.chapters(scored)


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """Rounds of both games."""
    folder = tmp_path_factory.mktemp("played")
    return {game: dreamt.make(folder / game, game) for game in GAMES}


def test_bins_hold_together_what_was_expected(steps):
    """Against a plain loop: a bin ends as soon as M expects a tenth of all in it."""
    fine = calibration.Deaths(**named(steps))
    bins = calibration.merged(fine)
    wanted, begun, borders = fine.expected.sum() / 10, 0, []
    for n in range(len(fine.expected)):
        if fine.expected[begun : n + 1].sum() >= wanted:
            borders.append((begun, n + 1))
            begun = n + 1
    borders[-1] = (borders[-1][0], len(fine.expected))
    assert len(bins.died) == len(borders) <= 10
    for q, (low, high) in enumerate(borders):
        assert bins.expected[q] == pytest.approx(fine.expected[low:high].sum())
        assert bins.died[q] == fine.died[low:high].sum()
        assert bins.edges[q] == fine.edges[low]
    assert bins.steps.sum() == len(steps.logit)
    assert bins.edges[-1] == np.inf


def named(steps: dreamt.Steps) -> dict[str, np.ndarray]:
    found = {
        name.removeprefix("death/"): values for name, values in steps.arrays.items()
    }
    return {name: found[name] for name in calibration.Deaths._fields}


def test_bins_tell_what_the_steps_in_them_tell(steps):
    bins = calibration.merged(calibration.Deaths(**named(steps)))
    inside = np.digitize(steps.logit, bins.edges) - 1
    for q in range(len(bins.died)):
        some = inside == q
        assert bins.predicted[q] == pytest.approx(steps.probability[some].mean())
        assert bins.observed[q] == pytest.approx(steps.died[some].mean())


@pytest.mark.parametrize(("bias", "calibrated"), [(0.0, True), (1.0, False)])
def test_intervals_hold_a_calibrated_memory_and_no_other(bias, calibrated):
    bins = calibration.merged(calibration.Deaths(**named(dreamt.steps(bias=bias))))
    low, high = bins.interval
    covered = (low <= bins.predicted) & (bins.predicted <= high)
    # One interval of twenty misses the truth.
    assert 7 <= len(covered) <= covered.sum() + 1 if calibrated else covered.sum() <= 2


def test_few_deaths_make_one_bin():
    fine = calibration.Deaths(**named(dreamt.steps(count=60)))
    assert fine.expected.sum() < 10
    bins = calibration.merged(fine)
    assert len(bins.died) == 1
    assert bins.expected[0] == pytest.approx(fine.expected.sum())


def test_intervals_are_exact_ones_also_where_nobody_or_everybody_died():
    bins = calibration.Deaths(
        np.arange(4.0), np.array([50, 37, 0]), np.array([0, 3, 9]), np.ones(3)
    )
    low, high = bins.interval
    for q in range(3):
        exact = stats.binomtest(int(bins.died[q]), int(bins.steps[q])).proportion_ci()
        assert (low[q], high[q]) == pytest.approx((exact.low, exact.high))


def test_chapter_tells_how_death_is_foreseen(chapters, steps):
    told = words(chapters)
    recall = steps.foreseen[steps.died].mean()
    alarms = 1000 * steps.foreseen[~steps.died].mean()
    expected = steps.probability.sum() / steps.died.sum()
    assert 0.1 < recall < 0.9
    assert f"{100 * recall:.1f} % of the deaths were foreseen" in told
    assert f"and {alarms:.2f} more in every 1,000 steps that were survived" in told
    assert f"expected {expected:.2f} deaths for each that came" in told
    assert "in 20,000 steps of episodes" in told
    assert f"{steps.died.sum():,} deaths among them" in told


def test_chapter_tells_the_likelihood_by_horizon_with_counts(chapters):
    assert rows(chapters)[1:5] == [
        ["1", "0.981", "4,321"],
        ["5", "1.102", "4,000"],
        ["10", "1.213", "3,210"],
        ["50", "none so long", "0"],
    ]


def test_chapter_tells_both_scores_and_their_difference(scored, chapters):
    store = scored.one("evaluation")
    real, dream = store.read("agent/returns"), store.read("dream/returns")
    told = words(chapters)
    assert f"at temperature {dreamt.TAU:g} the mean survival in tics" in told
    for returns in (real, dream):
        mean = summarise(returns)
        assert (
            f"{mean.mean:.1f} (95 % interval {mean.low:.1f} to {mean.high:.1f}" in told
        )
    assert f"The dream's less ViZDoom's is {(dream - real).mean():+.1f} (95 %" in told
    assert "The dream pays more: the controller lives off what M gets wrong" in told


@pytest.mark.parametrize(
    ("more", "verdict"),
    [
        (np.linspace(-35, -25, 30), "The dream pays less: it is the harder of the two"),
        (np.linspace(-9, 9, 30), "the two cannot be told apart"),
    ],
)
def test_chapter_says_which_is_larger(tmp_path, more, verdict):
    real = np.random.default_rng(1).normal(50, 9, 30)
    told = words(gap.chapters(dreamt.scored(tmp_path, {}, real, real + more)))
    assert verdict in told
    assert told.count("The dream pays") == ("dream pays" in verdict)


def test_the_table_at_the_end_has_every_number(scored, chapters, steps):
    *_, end = chapters.split("From the dream to the game</h3>")
    found = {name: value for name, value, _ in rows(unescape(end))[1:]}
    scores = scored.scores
    assert found.pop("temperature") == f"{dreamt.TAU:g}"
    assert found.pop("mean survival in tics, in the dream").startswith(
        f"{scores.dream.mean:.1f} ("
    )
    assert found.pop("mean survival in tics, in ViZDoom").startswith(
        f"{scores.agent.mean:.1f} ("
    )
    difference = scores.dream.mean - scores.agent.mean
    assert found.pop("the dream's less the game's").startswith(f"{difference:+.1f} (")
    recall = f"{100 * steps.foreseen[steps.died].mean():.1f} % of {steps.died.sum():,}"
    assert found.pop("deaths foreseen") == recall
    alarms = f"{1000 * steps.foreseen[~steps.died].mean():.2f}"
    assert found.pop("false alarms in 1,000 steps") == alarms
    assert "deaths expected for each that came" in found
    assert found["NLL 10 steps ahead"] == "1.213 nats per dimension"
    assert "NLL 50 steps ahead" not in found  # no episode was so long


def test_what_is_not_known_is_not_told(tmp_path):
    """M scored on nothing: what to set. No deaths: no calibration. No reward head."""
    told = words(gap.chapters(dreamt.scored(tmp_path / "a")))
    assert "set memory.held_out, to 0.05" in told
    for missing in ("Score in the dream", "foresees death", "<table>", "<img"):
        assert missing not in told
    none = dreamt.Steps(np.full(40, -3.0), np.zeros(40, bool))
    with np.errstate(invalid="ignore"), pytest.warns(RuntimeWarning):
        arrays = none.arrays | dreamt.horizons()
    told = words(gap.chapters(dreamt.scored(tmp_path / "b", arrays)))
    assert "Nobody died in the 40 held-out steps" in told
    assert "false alarms" not in told
    arrays = dreamt.horizons() | {"reward/unexplained": np.float64(0.347)}
    told = words(gap.chapters(dreamt.scored(tmp_path / "c", arrays)))
    assert "foresees death" not in told
    assert "34.7 %" in told


def test_the_chart_in_the_page_is_that_of_the_store_s_histogram(chapters, steps):
    svg = calibration.chart(calibration.Deaths(**named(steps)))
    assert base64.b64encode(svg).decode() in chapters


def hand_dream(round, episode, choose, steps):
    """Dream step by step; return z [T, Z] and actions [T, A] up to the death."""
    starts = Starts(*imagery.encode(round.eyes, episode.frames[:1]))
    dream = Dream(*round.mind, starts, dreamt.TAU)
    seed = seed_words(np.array([episode.seed]))
    state = dream.reset(episode_keys(seed, "dream")[0])
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
    round = dreamt.with_mind(played["carracing"], -20.0)
    episode = dream._episode(round)
    steps = len(episode.actions)
    film = dream._dream(round, Recorded(), episode.actions, episode, steps)
    z, actions = hand_dream(round, episode, lambda t, _: episode.actions[t], steps)
    assert len(actions) == steps == synthetic.STEPS - 3
    assert np.array_equal(film.actions, episode.actions)
    assert_same_pictures(film.frames, imagery.decode(round.eyes, z))


def test_controlled_film_dreams_what_c_does(played):
    round = played["carracing"]
    episode = dream._episode(round)
    controller = Controller(synthetic.LATENT, synthetic.HIDDEN, round.game)
    weights = round.one("evaluation").read("controller")
    film = dream._dream(round, Controlled(controller), weights, episode, 9)

    def choose(t, state):
        return controller.act(weights, state.z, *state.memory)

    z, actions = hand_dream(round, episode, choose, 9)
    np.testing.assert_allclose(film.actions, actions, atol=1e-5)
    assert_same_pictures(film.frames, imagery.decode(round.eyes, z))


def assert_same_pictures(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= 1


def median_drive(round) -> TestDrive:
    """A test drive of 20 steps, without a replay."""
    rng = np.random.default_rng(2)
    frames = rng.integers(0, 256, (20, 64, 64, 3)).astype(np.uint8)
    actions = rng.uniform(0, 1, (20, len(round.game.actions))).astype(np.float32)
    recording = Recording(frames, actions, np.ones(20, np.float32))
    return TestDrive("median", 0, 7, 20.0, recording, True, round.game)


@pytest.mark.parametrize(
    ("game", "bias", "told"),
    [
        ("carracing", 20.0, "the dreamer dies in step 1."),
        ("takecover", -20.0, "nobody dies in the dream."),
    ],
)
def test_films_say_how_they_end(played, monkeypatch, game, bias, told):
    monkeypatch.setattr(dream, "_STEPS", 24)
    round = dreamt.with_mind(played[game], bias)
    html = dream.chapter(round, [median_drive(round)], 100_000)
    captions = re.findall("<figcaption>(.*?)</figcaption>", html)
    alts = re.findall('<video[^>]* aria-label="([^"]*)"', html)
    assert len(captions) == len(alts) == 2
    assert f"The game ends after 9 steps; {told}" in captions[0]
    assert f"The game ends after 20 steps; {told}" in captions[1]
    lived = "1 step" if bias > 0 else "24 steps"
    assert f"20 steps of the game and {lived} of the dream" in alts[1]
    assert len(html) < 600_000
    again = dream._recorded_film(round, 50_000)
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
        episode = dream._episode(Round(0, given))
        assert episode.name == "rollout 1 of shard 1, which M never learnt from"
        assert np.array_equal(episode.frames, shards[1].read("frames", 1)[:9])
        assert episode.seed == seeds[kept[0]]
        assert episode.ended


def test_an_m_without_heads_is_filmed_and_worth_nothing(played):
    stores = played["carracing"].stores
    shown = {kind: stores[kind] for kind in ("rollouts", "vision", "memory")}
    round = dreamt.with_mind(Round(0, shown), 0.0, death_head=False)
    told = words(dream.chapter(round, [], 100_000))
    assert told.count("<video") == 1
    assert "nobody can learn in them without memory.death_head" in told
    assert "at temperature 1." in told
    assert "The game ends after 9 steps; nobody dies" in told


@pytest.mark.parametrize("game", GAMES)
def test_a_controller_that_learns_in_the_dream_dreams(played, game):
    told = words(driving.controller(played[game]))
    assert (
        "in M's dream at temperature 1.3, all dreaming the same 2 dreams, new" in told
    )
    assert "the mean of the distribution dreams 3 selection dreams." in told
    assert (
        "over 2 dreams a generation. All of it, the tested CMA means too, was" in told
    )
    for foreign in ("track", "driv", "gymnasium", "paper's"):
        assert foreign not in told


def test_log_odds_of_the_histogram_are_the_assessment_s(steps):
    """Even odds are an edge: recall and bins speak of the same steps."""
    fine = calibration.Deaths(**named(steps))
    above = fine.edges[:-1] >= 0
    assert fine.died[above].sum() == (steps.foreseen & steps.died).sum()
    assert len(fine.died) == len(assessment.LOGIT_EDGES) - 1
