"""The charts: what is drawn is what was given."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest
from support import films

from worldmodels.environments.games import CARRACING, Game
from worldmodels.report import figures
from worldmodels.scores.statistics import summarise

SVG = "{http://www.w3.org/2000/svg}"


def test_smoothing_is_a_windowed_mean():
    values = np.random.default_rng(0).normal(size=1003)
    steps, raw, smooth = figures.smoothed(values)
    for step, value, mean in zip(steps, raw, smooth, strict=True):
        low, high = max(step - 1 - 10, 0), step - 1 + 11  # a width of 1003 // 50 = 20
        assert value == values[step - 1]
        assert mean == pytest.approx(values[low:high].mean())


def svg_paths(svg: bytes) -> int:
    return len(ET.fromstring(svg).findall(f".//{SVG}path"))


def draw(game: Game) -> list[bytes]:
    """Return a chart of every kind, of the same data at every call."""
    rng = np.random.default_rng(0)
    history = {"a": rng.uniform(1, 2, 50), "b": rng.normal(size=50)}
    returns, others = rng.normal(50, 9, 16), rng.normal(-30, 5, 16)
    selection = f"selection {game.place}"
    scores, fitness = (summarise(returns), summarise(others)), rng.normal(size=(4, 6))
    return [
        figures.fitness(fitness, np.array([2, 4]), fitness[[1, 3]], selection, game),
        figures.returns_histogram(returns, others, *scores, game),
        figures.scores_by_round([0, 1], scores, scores[::-1], game),
        figures.loss_curves(history, log=["a", "b"]),
        figures.gradient_norms({"kernel": history["a"], "bias": np.zeros(50)}),
    ]


def test_charts_are_svg_and_the_same_data_give_the_same_bytes():
    first, second = draw(CARRACING), draw(CARRACING)
    assert first == second
    assert all(svg_paths(svg) > 10 for svg in first)


@pytest.mark.parametrize("game", [films.ARM, films.LANDER])
def test_charts_have_the_words_of_their_game(game):
    """Text is drawn as paths, beside each of which its letters stand as a comment."""
    fitness, histogram, by_round, *_ = (svg.decode() for svg in draw(game))
    assert "<!-- tested mean, selection levels -->" in fitness
    assert "original" not in fitness  # nobody published a mean of it
    assert "<!-- points of one drive -->" in histogram
    assert "<!-- levels -->" in histogram
    assert "<!-- mean points -->" in by_round
    for svg in (fitness, histogram, by_round):
        assert "track" not in svg
        assert "return" not in svg


def colours(norms: dict) -> np.ndarray:
    """Return the picture of gradient norms as it was drawn, [L, columns]."""
    drawn = []

    def keep(figure):
        drawn.append(figure.axes[0].images[0].get_array())
        return b""

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(figures, "svg", keep)
        figures.gradient_norms(norms)
    return drawn[0]


def test_gradient_norms_are_colours_by_their_power_of_ten():
    shown = colours({"a": np.array([1, 10, 0.0, np.inf]), "b": np.full(4, 1e-3)})
    assert shown[0, :2].tolist() == [0, 1]
    assert shown.mask.tolist() == [[False, False, True, True], [False] * 4]
    np.testing.assert_allclose(shown[1], -3)


def test_many_updates_share_a_column_of_gradient_norms():
    norms = 10.0 ** np.arange(200).repeat(2)
    shown = colours({"a": norms})
    assert shown.shape == (1, 200)
    np.testing.assert_allclose(shown[0], np.arange(200))


@pytest.mark.parametrize("values", [np.zeros(3), np.ones(3), np.ones(1)])
def test_gradient_norms_of_one_colour_or_none_are_drawn(values):
    assert figures.gradient_norms({"a": values})
