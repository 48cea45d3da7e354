"""The study's charts, as SVG."""

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from worldmodels.report.figures import ACCENT, AGENT, ORIGINAL, RANDOM, STYLE, svg
from worldmodels.scores.statistics import MeanOfSeeds
from worldmodels.studies.pommerman.components import COMPONENTS
from worldmodels.studies.pommerman.findings import FLOORS, Found
from worldmodels.studies.pommerman.table import WORDS

COLOURS = {"lstm": AGENT, "lstm_larger": ORIGINAL, "dnc": ACCENT}
_WIDTH = 0.8  # of all bars of a component


def changed(found: Sequence[Found]) -> bytes:
    """Draw how much of what changed is right, by component: a panel a distance."""
    ahead = found[0].ahead
    with matplotlib.rc_context(STYLE):
        size = 9.2, 0.5 + 2.2 * len(ahead)
        figure = Figure(figsize=size, layout="constrained")
        panels = figure.subplots(len(ahead), 1, squeeze=False, sharex=True)[:, 0]
        for axes, steps in zip(panels, ahead, strict=True):
            _bars(axes, found, steps)
            steps_ahead = "1 step" if steps == 1 else f"{steps} steps"
            axes.set(title=f"{steps_ahead} ahead", ylabel="% right", ylim=(0, 103))
        names = [WORDS[name].partition(",")[0] for name in COMPONENTS]
        panels[-1].set_xticks(range(len(names)), names, rotation=25, ha="right")
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
        return svg(figure)


def _bars(axes: Axes, found: Sequence[Found], ahead: int) -> None:
    def shares(one: Found, who: str) -> list[MeanOfSeeds]:
        return [one.share(name, ahead, True, who) for name in COMPONENTS]

    bars = [("counts", RANDOM, shares(found[0], "counts"))]
    bars += [(one.name, COLOURS[one.model], shares(one, "likeliest")) for one in found]
    width = _WIDTH / len(bars)
    for number, (name, colour, drawn) in enumerate(bars):
        places = np.arange(len(drawn)) + width * (number - (len(bars) - 1) / 2)
        means = 100 * np.array([share.mean for share in drawn])
        halves = 100 * np.array(
            [0.0 if s.interval is None else s.interval[1] - s.mean for s in drawn]
        )
        axes.bar(places, means, 0.9 * width, color=colour, label=name)
        axes.errorbar(places, means, halves, fmt="none", ecolor="#3c4350", lw=0.9)
    if ahead == 1:
        for name, wanted in FLOORS.items():
            place = COMPONENTS.index(name)
            for value, style in zip(wanted, ("-", ":"), strict=True):
                axes.hlines(
                    100 * value, place - _WIDTH / 2, place + _WIDTH / 2, "#20242c",
                    style, lw=1.1,
                )  # fmt: skip
