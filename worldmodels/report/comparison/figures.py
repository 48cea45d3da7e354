"""The charts that compare runs: plain arrays in, an SVG file's bytes out."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from worldmodels.report.figures import STYLE, smoothed, svg
from worldmodels.runtime.printable import printable

# The first run's, then the others'; more runs begin again with broken lines.
_COLOURS = ("#6b7280", "#2e5eaa", "#c2571a", "#2f855a", "#8e3b8a", "#b7791f")
_LINES = ("-", "--", ":", "-.")


Rounds = Sequence[tuple[np.ndarray, np.ndarray]]  # places and values of each round


class Curve(NamedTuple):
    """The curves of one run.

    Attributes:
        number: of the run, from 0 on: it decides the colour.
        seeds: the rounds of each training.
    """

    name: str
    number: int
    seeds: Sequence[Rounds]

    @property
    def label(self) -> str:
        """The name as matplotlib shows it: "$" begins a formula, "_" hides a line."""
        shown = printable(self.name).replace("$", r"\$")
        return f" {shown}" if shown.startswith("_") else shown

    @property
    def look(self) -> dict[str, str]:
        """Colour and line."""
        again, number = divmod(self.number, len(_COLOURS))
        return {"color": _COLOURS[number], "ls": _LINES[again % len(_LINES)]}


def tested(curves: Sequence[Curve], score: str) -> bytes:
    """Draw the tested means of runs by generation, as SVG."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.2, 3.6), layout="constrained")
        axes = figure.subplots()
        for curve in curves:
            _draw(axes, curve, marker="o", ms=4)
        axes.set(xlabel="generation", ylabel=f"mean {score}, selection")
        axes.set_xlim(left=0)
        _legend(figure, axes)
        return svg(figure)


def losses(panels: Mapping[str, Sequence[Curve]]) -> bytes:
    """Draw a panel for each metric, as SVG."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.2, 3.0), layout="constrained")
        places = figure.subplots(1, len(panels), squeeze=False)[0]
        for axes, (title, curves) in zip(places, panels.items(), strict=True):
            for curve in curves:
                _draw(axes, curve, _smooth)
            axes.set(title=title, xlabel="update")
            axes.set_ylim(*_range(axes))
            axes.margins(x=0.01)
        _legend(figure, *places)
        return svg(figure)


def _smooth(rounds: Rounds) -> Rounds:
    """Return each round's values as the mean of those around."""
    found = []
    for places, values in rounds:
        steps, _, smooth = smoothed(values)
        found.append((places[steps - 1], smooth))
    return found


def _range(axes: Axes) -> tuple[float, float]:
    """Return the values to show: the fall of the first updates would hide the rest."""
    lines = [line.get_ydata() for line in axes.get_lines()]
    shown = np.concatenate([np.asarray(y)[len(y) // 20 :] for y in lines])
    shown = shown[np.isfinite(shown)]
    room = 0.05 * (np.ptp(shown) or 1)
    return shown.min() - room, shown.max() + room


def _draw(
    axes: Axes,
    curve: Curve,
    shown: Callable[[Rounds], Rounds] = lambda rounds: rounds,
    **look,
) -> None:
    """Draw each training of a run, thin where there are several, and their mean.

    Args:
        shown: returns the values of a line that are drawn. The mean is of all: seeds
            whose rounds differ in length are thinned out at other places.
    """
    several = len(curve.seeds) > 1
    for n, rounds in enumerate(curve.seeds):
        strong = {"lw": 0.8, "alpha": 0.45} if several else {"lw": 1.7, **look}
        label = None if several or n else curve.label
        axes.plot(*_joined(shown(rounds)), label=label, **curve.look, **strong)
    if several:
        line = _joined(shown(mean(curve.seeds)))
        axes.plot(*line, label=curve.label, lw=2, **curve.look, **look)


def mean(seeds: Sequence[Rounds]) -> Rounds:
    """Return the mean curve of trainings, round by round, where all have a value."""
    rounds = []
    for parts in zip(*seeds, strict=False):
        places = parts[0][0]
        for other, _ in parts[1:]:
            places = np.intersect1d(places, other)
        values = [y[np.isin(x, places)] for x, y in parts]
        rounds.append((places, np.mean(values, axis=0)))
    return rounds


def _joined(rounds: Rounds) -> tuple[np.ndarray, np.ndarray]:
    """Return rounds as one line, with a gap after each."""
    gap = np.array([np.nan])
    x, y = (
        np.concatenate([part for values in axis for part in (values, gap)][:-1])
        for axis in zip(*rounds, strict=True)
    )
    return x, y


def _legend(figure: Figure, *panels: Axes) -> None:
    """Name each run once: one panel may have some that another has not."""
    lines: dict[str, Any] = {}
    for axes in panels:
        handles, names = axes.get_legend_handles_labels()
        lines |= dict(zip(names, handles, strict=True))
    names = [*lines]
    figure.legend(
        lines.values(), names, loc="outside upper left", ncols=min(len(names), 3)
    )


def gaps(
    found: Sequence[tuple[str, int, np.ndarray, float, tuple[float, float]]],
    score: str,
    place: str,
) -> bytes:
    """Draw what runs score more than the first on each test, as SVG.

    Args:
        found: name and number of a run, its differences [N], their mean and interval.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.2, 2.4 * len(found) + 0.3), layout="constrained")
        panels = figure.subplots(len(found), 1, squeeze=False)[:, 0]
        for axes, (name, number, returns, middle, (low, high)) in zip(
            panels, found, strict=True
        ):
            curve = Curve(name, number, [])
            colour = curve.look["color"]
            places = np.arange(1, len(returns) + 1)
            axes.bar(places, np.sort(returns), color=colour, alpha=0.55, width=0.8)
            axes.axhspan(low, high, color=colour, alpha=0.2, lw=0)
            axes.axhline(middle, color=colour, lw=1.8)
            axes.axhline(0, color="#20242c", lw=0.8)
            axes.set(title=curve.label, ylabel=f"{score}, difference")
            axes.margins(x=0.01)
            axes.xaxis.get_major_locator().set_params(integer=True)
        panels[-1].set_xlabel(f"{place}s, from the worst difference to the best")
        return svg(figure)
