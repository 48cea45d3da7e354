"""The study's charts: errors by length, and a DNC's memory step by step, as SVG."""

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from worldmodels.report.figures import ACCENT, AGENT, ORIGINAL, RANDOM, STYLE, svg
from worldmodels.studies.dnc_tasks.findings import Found, guessed

_COLOURS = {"dnc": AGENT, "lstm": ORIGINAL, "lstm_larger": ACCENT}
_SHADE = "#e3e9f3"
_WRITE, _READ, _USAGE, _INK = "#c2410c", "#2e5eaa", "#6d4aa3", "#3c4350"
_TOUCHED = 0.05  # weight from which a slot is shown
_FLOOR = {"wrong": 1e-4, "squared": 1e-3}  # of a logarithmic axis


def errors(tasks: Mapping[str, Sequence[Found]], measures: Mapping[str, str]) -> bytes:
    """Draw each task's errors by length, in bands from the lowest to the highest seed.

    Args:
        measures: of each task, that which is drawn.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.2, 3.3), layout="constrained")
        panels = figure.subplots(1, len(tasks), squeeze=False)[0]
        for axes, (task, found) in zip(panels, tasks.items(), strict=True):
            _errors(axes, found, measures[task])
            axes.set_title(task)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3)
        return svg(figure)


def _errors(axes: Axes, found: Sequence[Found], measure: str) -> None:
    first, floor = found[0], _FLOOR[measure]
    axes.axvspan(first.shortest, first.longest, color=_SHADE, lw=0, label="trained")
    guess = guessed(first.task, first.lengths)[measure]
    axes.plot(first.lengths, guess, ":", color=RANDOM, lw=1.4, label="guessing")
    for one in found:
        values = np.maximum(getattr(one, measure), floor)
        same = one.slots == one.trained_slots
        colour, style = _COLOURS[one.model], "-" if same else "--"
        if same and len(values) > 1:
            low, high = values.min(axis=0), values.max(axis=0)
            axes.fill_between(one.lengths, low, high, color=colour, alpha=0.14, lw=0)
        axes.plot(
            one.lengths, values.mean(axis=0), style, marker="o", color=colour, lw=1.5,
            ms=2.8, label=one.name,
        )  # fmt: skip
    shown = [first.shortest, *(n * first.longest for n in first.multiples)]
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(shown, [str(n) for n in shown])
    axes.set_xticks([], minor=True)
    axes.set(xlabel="length, rows", ylim=(floor * 0.8, None))
    names = {"wrong": "share of wrong bits", "squared": "squared error"}
    axes.set_ylabel(names[measure])


class _Panels:
    """Rows of pictures that share the axis of time."""

    def __init__(
        self, figure: Figure, heights: Sequence[float], steps: int, end: float
    ):
        self._rows = iter(
            figure.subplots(
                len(heights), 1, sharex=True, height_ratios=heights, squeeze=False
            )[:, 0]
        )
        self._steps, self._end = steps, end

    def image(self, values: np.ndarray, name: str, colour: str, top: float = 1) -> None:
        """Draw values [T, rows] in [-top, top]: white is 0, orange is below it."""
        axes = next(self._rows)
        shades = LinearSegmentedColormap.from_list(name, [_WRITE, "#ffffff", colour])
        axes.pcolormesh(
            np.arange(self._steps + 1) - 0.5, np.arange(values.shape[1] + 1) - 0.5,
            values.T, cmap=shades, vmin=-top, vmax=top, edgecolor="#f1f3f6",
            linewidth=0.3,
        )  # fmt: skip
        axes.invert_yaxis()
        axes.set_yticks([])
        self._name(axes, name)

    def lines(self, values: Mapping[str, tuple[np.ndarray, str, str]]) -> Axes:
        """Draw values [T] in [0, 1]: each with its colour and its style."""
        axes = next(self._rows)
        for name, (line, colour, style) in values.items():
            axes.plot(line, style, color=colour, lw=1.5, label=name)
        axes.set(ylim=(-0.06, 1.06))
        axes.set_yticks([0, 1])
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
        self._name(axes, "gates")
        return axes

    def _name(self, axes: Axes, name: str) -> None:
        axes.grid(visible=False)
        axes.axvline(self._end, color=_INK, lw=0.8, ls=":")
        axes.tick_params(length=0)
        axes.set_ylabel(
            name, rotation=0, ha="right", va="center", labelpad=8, color=_INK
        )


def memory(trace: Mapping[str, np.ndarray]) -> bytes:
    """Draw what a DNC sees, answers, writes, reads and frees in one sequence.

    Args:
        trace: the arrays of a trace's store.
    """
    heads, steps = trace["read"].shape[1], len(trace["input"])
    slots = touched(trace)
    tall = 0.35 + 0.055 * len(slots)
    heights = [0.55, *[0.4] * 2, *[tall] * (2 + heads), 0.9]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.2, 0.6 + 1.05 * sum(heights)), layout="constrained")
        end = np.argmax(trace["input"][:, -1]) + 0.5  # of the question
        panels = _Panels(figure, heights, steps, end)
        panels.image(trace["input"], "input", _INK)
        top = max(1.0, float(trace["target"].max()))
        panels.image(trace["target"], "asked for", _INK, top)
        answered = np.where(trace["answer"][:, None], trace["output"], 0)
        panels.image(answered.clip(0, top), "answered", _INK, top)
        panels.image(trace["write"][:, slots], "write", _WRITE)
        for head in range(heads):
            read = trace["read"][:, head, slots]
            panels.image(read, f"read {head + 1}", _READ)
        panels.image(trace["usage"][:, slots], "usage", _USAGE)
        axes = panels.lines(_gates(trace))
        axes.set(xlabel="step", xlim=(-0.5, steps - 0.5))
        axes.xaxis.get_major_locator().set_params(integer=True)
        return svg(figure)


def _gates(trace: Mapping[str, np.ndarray]) -> dict[str, tuple[np.ndarray, str, str]]:
    """Return the gates [T] by name, each with its colour and its style."""
    lines = {
        "write": (trace["gate"], _WRITE, "-"),
        "allocate": (trace["allocate"], ORIGINAL, "--"),
    }
    for head, free in enumerate(trace["free"].T):
        style = ("-", ":", "--", "-.")[head % 4]
        lines[f"free {head + 1}"] = free, ACCENT, style
    return lines


def touched(trace: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the slots that are written or read at some step, by their numbers."""
    most = np.maximum(trace["write"].max(axis=0), trace["read"].max(axis=(0, 1)))
    return np.flatnonzero(most >= min(_TOUCHED, float(most.max())))
