"""The gap between dream and game: the numbers in the page are the stores'."""

import base64
from html import unescape

import numpy as np
import pytest
from support import dreamt
from support.pages import rows, words

from worldmodels.report import calibration, gap
from worldmodels.scores.statistics import summarise


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


def test_chapter_tells_how_death_is_foreseen(chapters, steps):
    told = words(chapters)
    recall = steps.foreseen[steps.died].mean()
    alarms = 1000 * steps.foreseen[~steps.died].mean()
    expected = steps.probability.sum() / steps.died.sum()
    assert 0.1 < recall < 0.9
    assert f"{100 * recall:.1f} % of the deaths were foreseen" in told
    assert f"and {alarms:.2f} more in every 1,000 steps that were survived" in told
    assert "dreamer dies" not in told  # by either rule
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
    assert "The dream pays more: the controller exploits what M gets wrong" in told


@pytest.mark.parametrize(
    ("more", "verdict"),
    [
        (np.linspace(-35, -25, 30), "The dream pays less: it is the harder of the two"),
        (np.linspace(-9, 9, 30), "show no difference between the two"),
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
    svg = calibration.chart(dreamt.deaths(steps))
    assert base64.b64encode(svg).decode() in chapters
