"""The charts of several seeds: plain arrays in, an SVG file's bytes out."""

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from worldmodels.environments.games import Game
from worldmodels.report.figures import ACCENT, AGENT, STYLE, svg
from worldmodels.scores.curves import Curves
from worldmodels.scores.seeds import SeedScores

_DOTS = 2000  # more are not drawn one by one


def scores(found: SeedScores) -> bytes:
    """Draw each seed's score with its interval, and the mean of all, as SVG."""
    names = [f"seed {seed}" for seed in found.seeds]
    means = np.array([score.mean for score in found.each])
    ends = np.array([[score.low, score.high] for score in found.each]).T
    spread = np.abs(ends - means).clip(min=0)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.2, 1.6 + 0.32 * len(names)), layout="constrained")
        axes = figure.subplots()
        if found.mean.interval is not None:
            axes.axvspan(
                *found.mean.interval, color=ACCENT, alpha=0.15, lw=0,
                label="mean of the seeds, Student's 95 % interval",
            )  # fmt: skip
        axes.axvline(found.mean.mean, color=ACCENT, lw=1.6)
        axes.errorbar(
            means, range(len(names)), xerr=spread, fmt="o", color=AGENT, capsize=4,
            lw=1.6, label="a seed, 95 % interval over its drives",
        )  # fmt: skip
        axes.set_yticks(range(len(names)), names)
        axes.invert_yaxis()
        axes.margins(y=0.2)
        axes.set(xlabel=f"mean {found.game.score}")
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
        return svg(figure)


def curves(found: Curves, game: Game) -> bytes:
    """Draw how C learnt through all rounds: the mean of the seeds in their band."""
    generations = np.arange(1, found.fitness.shape[1] + 1)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.2, 3.6), layout="constrained")
        axes = figure.subplots()
        band(axes, generations, found.fitness, AGENT, "population, mean", "-")
        name = f"tested mean, selection {game.place}s"
        band(axes, found.tested_at, found.tested, ACCENT, name, "o-")
        for round, start in enumerate(found.starts):
            if len(found.starts) > 1:
                axes.axvline(start + 0.5, color="#b8bec8", lw=1, ls="--", zorder=0)
                axes.annotate(
                    f"round {round}", (start + 0.5, 1.0), (3, -2), va="top", fontsize=8,
                    color="#6b7280", xycoords=("data", "axes fraction"),
                    textcoords="offset points",
                )  # fmt: skip
        axes.set(xlabel="generation, through all rounds", ylabel=game.score)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.margins(x=0.02, y=0.12)
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
        return svg(figure)


def band(
    axes: Axes, at: np.ndarray, values: np.ndarray, colour: str, name: str, style: str
) -> None:
    """Draw the mean over seeds of values [S, N], and from the lowest to the highest.

    Args:
        at: [N] places along the horizontal axis.
        style: of the line, as matplotlib's `plot` takes it.
    """
    if len(values) > 1:
        axes.fill_between(
            at, values.min(axis=0), values.max(axis=0), color=colour, alpha=0.16, lw=0
        )
    axes.plot(at, values.mean(axis=0), style, color=colour, lw=1.6, ms=3.5, label=name)


def tracks(found: SeedScores) -> bytes:
    """Draw each track's mean over seeds in rising order, with every seed's return."""
    order, game = np.argsort(found.of_tracks, kind="stable"), found.game
    at = np.arange(1, len(order) + 1)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.2, 3.0), layout="constrained")
        axes = figure.subplots()
        returns = found.returns[:, order]
        axes.vlines(
            at, returns.min(axis=0), returns.max(axis=0), color=AGENT, alpha=0.25, lw=2
        )
        if returns.size <= _DOTS:
            axes.plot(
                np.tile(at, len(returns)), returns.ravel(), ".", color=AGENT,
                alpha=0.45, ms=4, label="a seed's drive",
            )  # fmt: skip
        axes.plot(
            at, found.of_tracks[order], "-", color=ACCENT, lw=1.8,
            label="mean of the seeds",
        )  # fmt: skip
        axes.set(
            xlabel=f"{game.place}s, by their mean over the seeds", ylabel=game.score
        )
        axes.margins(x=0.01)
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
        return svg(figure)
