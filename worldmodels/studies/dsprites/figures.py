"""The study's charts: results in, an SVG or PNG file's bytes out."""

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from worldmodels.pictures import grids
from worldmodels.report.figures import (
    ACCENT,
    AGENT,
    ORIGINAL,
    RANDOM,
    STYLE,
    smoothed,
    svg,
)
from worldmodels.studies.dsprites.probes import SCORES
from worldmodels.studies.dsprites.results import Informed, Learnt, Probed, title
from worldmodels.studies.dsprites.settings import CONTROLS, UNTRAINED

HEADINGS = {
    "shape": "shape",
    "scale": "scale",
    "orientation": "orientation,\nangle",
    "x": "x",
    "y": "y",
    "turned": "orientation,\nas shown",
}
_COLOURS = (AGENT, ACCENT, ORIGINAL)
_SCALE, _COLUMNS = 2, 14  # of the sprites


def curves(learnt: Sequence[Learnt]) -> bytes:
    """Draw how the models learnt, beside what can be had without any input, as SVG."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.2, 3.0), layout="constrained")
        axes = figure.subplots()
        for found, colour in zip(learnt, _COLOURS, strict=False):
            steps, _, smooth = smoothed(np.asarray(found.loss, np.float64))
            axes.plot(steps, smooth, color=colour, lw=1.6, label=title(found.model))
        axes.axhline(
            learnt[0].baseline, color=RANDOM, lw=1.2, ls="--", label="without any input"
        )
        axes.set(xlabel="update", ylabel="nats a picture")
        axes.margins(x=0.01)
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
        return svg(figure)


def sprites(learnt: Sequence[Learnt]) -> bytes:
    """Draw the pictures that came over those that each model predicted, as PNG."""
    rows = [learnt[0].pictures * 255.0, *(found.predicted * 255 for found in learnt)]
    rows = [row[:_COLUMNS] for row in rows]
    grey = np.round(np.stack(rows)).astype(np.uint8)
    return grids.png(grids.grid(np.repeat(grey[..., None], 3, axis=-1), _SCALE))


def bars(probed: Sequence[Probed], method: str, lag: int) -> bytes:
    """Draw what probes gain over chance, a panel a factor, as SVG.

    Args:
        lag: its place in `probes.LAGS`.
    """
    names = [f"{title(found.model)}: {found.vector}" for found in probed]
    with matplotlib.rc_context(STYLE):
        height = 1.0 + 0.22 * len(names)
        figure = Figure(figsize=(9.2, height), layout="constrained")
        panels = figure.subplots(1, len(SCORES), sharey=True)
        for axes, score in zip(panels, _order(), strict=True):
            _panel(axes, probed, method, lag, score)
        panels[0].set_yticks(range(len(names)), names, fontsize=8)
        panels[0].invert_yaxis()
        return svg(figure)


def _order() -> list[int]:
    """Return the scores as they are shown: the two of the orientation side by side."""
    shown = ("shape", "x", "y", "scale", "turned", "orientation")
    return [SCORES.index(name) for name in shown]


def _panel(
    axes: Axes, probed: Sequence[Probed], method: str, lag: int, score: int
) -> None:
    gained = [found.gained[method][lag][score] for found in probed]
    means = np.array([one.mean for one in gained])
    ends = np.array([[one.mean - one.low, one.high - one.mean] for one in gained])
    axes.barh(
        range(len(probed)), means.clip(-0.2), color=[_colour(f) for f in probed],
        xerr=ends.T.clip(min=0), error_kw={"lw": 1, "ecolor": "#3c4350"}, height=0.7,
    )  # fmt: skip
    axes.axvline(0, color="#6b7280", lw=1)
    axes.set_xlim(-0.22, 1.05)
    axes.set_xticks([0, 0.5, 1], ["0", "½", "1"])
    axes.grid(visible=False, axis="y")
    axes.set_title(HEADINGS[SCORES[score]], fontsize=8.5)


def _colour(found: Probed) -> str:
    if found.model in CONTROLS:
        return ORIGINAL
    return RANDOM if found.model.endswith(UNTRAINED) else AGENT


def information(informed: Sequence[Informed]) -> bytes:
    """Draw the information of each slot's best number with x, and its null, as SVG."""
    with matplotlib.rc_context(STYLE):
        size = (9.2, 0.4 + 1.7 * len(informed))
        figure = Figure(figsize=size, layout="constrained")
        panels = figure.subplots(len(informed), 1, squeeze=False)[:, 0]
        for axes, found in zip(panels, informed, strict=True):
            best = found.verdict.corrected.reshape(found.slots, -1).max(axis=1)
            axes.bar(
                range(len(best)), best, color=AGENT, width=0.85,
                label="best number of the slot",
            )  # fmt: skip
            axes.axhline(
                found.verdict.limit, color=ORIGINAL, lw=1.4, ls="--",
                label="largest of all by chance, 95 %",
            )  # fmt: skip
            axes.set(title=title(found.model), ylabel="nats")
            axes.set_xlim(-0.6, len(best) - 0.4)
            axes.set_ylim(
                min(0, best.min()), max(best.max(), found.verdict.limit) * 1.2
            )
        panels[-1].set_xlabel("slot")
        panels[-1].xaxis.get_major_locator().set_params(integer=True)
        panels[0].legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
        return svg(figure)
