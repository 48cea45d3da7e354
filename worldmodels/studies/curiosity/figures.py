"""The study's charts, as SVG: learning, how episodes end, and the bonus in one."""

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter

from worldmodels.report.figures import ACCENT, AGENT, ORIGINAL, RANDOM, STYLE, svg
from worldmodels.studies.curiosity.agent import EXTRINSIC, INTRINSIC
from worldmodels.studies.curiosity.findings import METRONOME, PILOT, Found

_COLOURS = {
    "extrinsic": AGENT,
    "intrinsic": ORIGINAL,
    "both": ACCENT,
    "published": "#c2410c",
}
_POINTS = 120  # of a curve
_WIDTH = 9.2  # inches


def learning(worlds: Mapping[str, Sequence[Found]]) -> bytes:
    """Draw the returns of episodes in training, a panel a world, with their bands."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(_WIDTH, 3.4), layout="constrained")
        panels = figure.subplots(1, len(worlds), squeeze=False)[0]
        for axes, (world, found) in zip(panels, worlds.items(), strict=True):
            for one in found:
                _band(axes, one, "return")
            if found[0].world != "carracing":
                axes.axhline(METRONOME, color=RANDOM, ls=":", lw=1.2, label="metronome")
                axes.axhline(PILOT, color=RANDOM, ls="--", lw=1.2, label="pilot")
            axes.set(title=world, ylabel="return", xlabel="million steps")
        _legend(figure, panels)
        return svg(figure)


def endings(found: Sequence[Found]) -> bytes:
    """Draw how the episodes of a world end while its arms learn."""
    measures = {
        "tail": "steps without an up before death",
        "early": "share of ups in the first five steps",
        "length": "steps of an episode",
    }
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(_WIDTH, 3.2), layout="constrained")
        panels = figure.subplots(1, len(measures))
        for axes, (name, title) in zip(panels, measures.items(), strict=True):
            for one in found:
                _band(axes, one, name)
            axes.set(title=title, xlabel="million steps")
        _plain_logarithm(panels[2])
        _legend(figure, panels[:1])
        return svg(figure)


def arms(found: Sequence[Found]) -> bytes:
    """Draw what each arm scores and when it comes past the optimum, a row each."""
    place = np.arange(len(found))[::-1]
    with matplotlib.rc_context(STYLE):
        size = _WIDTH, 1.2 + 0.24 * len(found)
        figure = Figure(figsize=size, layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True)
        for y, one in zip(place, found, strict=True):
            colour = _COLOURS.get(one.arm, AGENT)
            score, passed = one.returns.mean(axis=1), one.passed / 1e6
            for axes, values in ((left, score), (right, passed)):
                axes.plot(values, np.full(len(values), y), "o", color=colour, ms=4)
        left.axvline(METRONOME, color=RANDOM, ls=":", lw=1.2)
        left.set_yticks(place, [one.title for one in found])
        left.set(xlabel="return on unseen levels (dotted: the metronome)")
        right.set(xlabel="million steps until past the optimum")
        right.set_xlim(left=0)
        return svg(figure)


def bonus(episodes: Mapping[str, Mapping[str, np.ndarray]]) -> bytes:
    """Draw the bonus and the values over an episode of each arm, a row an arm.

    Args:
        episodes: by arm the arrays "bonus" [T] and "values" [T, 2].
    """
    with matplotlib.rc_context(STYLE):
        size = _WIDTH, 0.6 + 1.7 * len(episodes)
        figure = Figure(figsize=size, layout="constrained")
        rows = figure.subplots(len(episodes), 2, squeeze=False)
        for (left, right), (arm, found) in zip(rows, episodes.items(), strict=True):
            step = np.arange(1, len(found["bonus"]) + 1)
            colour = _COLOURS.get(arm, AGENT)
            left.plot(step, found["bonus"], color=colour, lw=1)
            left.set(title=f"{arm}: bonus", ylim=(0, None))
            for stream, name, style in (
                (EXTRINSIC, "extrinsic", "-"), (INTRINSIC, "intrinsic", "--"),
            ):  # fmt: skip
                values = found["values"][:, stream]
                right.plot(step, values, style, color=colour, lw=1, label=name)
            right.set(title=f"{arm}: values")
        for axes in rows[-1]:
            axes.set(xlabel="step")
            axes.xaxis.get_major_locator().set_params(integer=True)
        rows[0][1].legend(loc="best", ncols=2)
        return svg(figure)


def _band(axes: Axes, one: Found, name: str) -> None:
    """Draw the mean of the seeds, and a band from the lowest to the highest."""
    steps, values = smoothed(one.steps, one.history[name])
    colour = _COLOURS[one.arm]
    some = np.isfinite(values).all(axis=0)
    steps, values = steps[some] / 1e6, values[:, some]
    axes.fill_between(
        steps, values.min(axis=0), values.max(axis=0), color=colour, alpha=0.15, lw=0
    )
    axes.plot(steps, values.mean(axis=0), color=colour, lw=1.5, label=one.title)
    axes.margins(x=0.01)


def smoothed(steps: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return as many means of neighbours as a curve shows, of values [S, I]."""
    parts = np.array_split(np.arange(len(steps)), min(len(steps), _POINTS))
    known = np.isfinite(values)
    filled = np.where(known, values, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = [filled[:, p].sum(axis=1) / known[:, p].sum(axis=1) for p in parts]
    return np.array([steps[p].mean() for p in parts]), np.stack(means, axis=1)


def _plain_logarithm(axes: Axes) -> None:
    """Make the vertical axis logarithmic, with plain numbers."""
    axes.set_yscale("log")
    for place in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
        place(LogFormatter(minor_thresholds=(1.5, 0.5)))


def _legend(figure: Figure, panels: Sequence[Axes]) -> None:
    """Name each line once, whatever panel it is in."""
    named = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            named.setdefault(label, handle)
    figure.legend(
        named.values(), named.keys(), loc="outside lower center", ncols=len(named)
    )
