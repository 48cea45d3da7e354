"""The charts that compare recurrent cells: plain arrays in, an SVG file's bytes out."""

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from worldmodels.experiment.cells import AS_LARGE, CELLS, DNC, LSTM
from worldmodels.report.figures import (
    ACCENT,
    AGENT,
    ORIGINAL,
    RANDOM,
    STYLE,
    smoothed,
    svg,
)
from worldmodels.report.seed_figures import band
from worldmodels.scores.cells import Gap, Measure, mean

COLOURS = {LSTM: AGENT, AS_LARGE: ORIGINAL, DNC: ACCENT}
_HIDDEN = 20  # the first of so many parts of a training are not shown


def learning(curves: Mapping[str, np.ndarray]) -> bytes:
    """Draw M's NLL by update, as SVG.

    Args:
        curves: [S, U] by cell, drawn as the mean of nearby updates.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.2, 3.4), layout="constrained")
        axes, late = figure.subplots(), []
        for cell, values in curves.items():
            steps = smoothed(values[0])[0]
            smooth = np.stack([smoothed(row)[2] for row in values])
            band(axes, steps, smooth, COLOURS[cell], CELLS[cell], "-")
            late.append(smooth[:, len(steps) // _HIDDEN :])
        # The fall of the first updates would hide the rest.
        low, high = (f(np.concatenate(late, axis=None)) for f in (np.min, np.max))
        axes.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low) or None)
        axes.set(xlabel="update", ylabel="NLL, nats per dimension")
        axes.margins(x=0.01)
        _legend(axes)
        return svg(figure)


def horizons(
    steps: Sequence[int],
    nll: Mapping[str, np.ndarray],
    gaps: Mapping[str, Sequence[Gap]],
) -> bytes:
    """Draw the NLL of held-out episodes by open-loop steps, as SVG.

    Args:
        steps: H horizons.
        nll: [S, H] by cell.
        gaps: H differences from the LSTM by cell.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.2, 3.4), layout="constrained")
        whole, less = figure.subplots(1, 2)
        for cell, values in nll.items():
            band(whole, steps, values, COLOURS[cell], CELLS[cell], "o-")
        for cell, found in gaps.items():
            _gaps(less, steps, found, cell)
        less.axhline(0, color=COLOURS[LSTM], lw=1.2)
        whole.set(title="NLL", ylabel="nats per dimension")
        less.set(title="less the LSTM's", ylabel="nats per dimension")
        for axes in (whole, less):
            axes.set(xscale="log", xlabel="open-loop steps")
            axes.set_xticks(steps, list(map(str, steps)))
            axes.xaxis.set_minor_locator(NullLocator())
        whole.legend(loc="best")
        return svg(figure)


def _gaps(axes: Axes, steps: Sequence[int], found: Sequence[Gap], cell: str) -> None:
    """Draw differences with their intervals, where there are some."""
    apart = {AS_LARGE: 0.97, DNC: 1.03}[cell]  # so that neither hides the other
    means = np.array([one.mean for one in found])
    ends = [one.interval or (one.mean, one.mean) for one in found]
    spread = np.abs(np.array(ends) - means[:, None]).T
    axes.errorbar(
        np.array(steps) * apart, means, yerr=spread, fmt="o-", ms=3.5, capsize=3,
        lw=1.2, color=COLOURS[cell],
    )  # fmt: skip


def scores(
    panels: Mapping[str, Measure], score: str, solved: float | None = None
) -> bytes:
    """Draw each cell's scores, its seeds' and their mean with its interval, as SVG.

    Args:
        panels: a measure by the title of its panel, that in the game last.
        score: what they are.
        solved: from where on the game counts as solved.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.2, 2.3), layout="constrained")
        places = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
        for axes, (title, measure) in zip(places, panels.items(), strict=True):
            for row, cell in enumerate(CELLS):
                _scores(axes, row, measure, cell)
            axes.set(title=title, xlabel=f"mean {score}")
            axes.set_yticks(range(len(CELLS)), list(CELLS.values()))
            axes.margins(y=0.25)
        places[0].invert_yaxis()
        if solved is not None:
            places[-1].axvline(solved, color=RANDOM, lw=1.2, ls="--", zorder=0)
        return svg(figure)


def _scores(axes: Axes, row: int, measure: Measure, cell: str) -> None:
    values, found = measure.values[cell], mean(measure, cell)
    low, high = found.interval or (found.mean, found.mean)
    spread = [[found.mean - low], [high - found.mean]]
    axes.errorbar(
        [found.mean], [row], xerr=spread, fmt="D", ms=6, capsize=4, lw=1.6,
        color=COLOURS[cell],
    )  # fmt: skip
    if len(values) > 1:
        above = np.full(len(values), row - 0.22)
        axes.plot(values, above, ".", ms=7, alpha=0.6, color=COLOURS[cell])


def _legend(axes: Axes) -> None:
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
