"""Calibration of death: M's probabilities beside the observed frequencies."""

from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from worldmodels.report.figures import ACCENT, AGENT, RANDOM, STYLE, svg
from worldmodels.stores.artifact import Artifact

_BINS = 10  # at most
_FEWEST = 5  # deaths that M expects in a bin, at least
_LIMIT = 12.25  # nats: where a histogram's open ends are drawn


class Deaths(NamedTuple):
    """Held-out steps by the log-odds of death that M gave them, from low to high."""

    edges: np.ndarray  # [Q + 1] log-odds, in nats
    survived: np.ndarray  # int [Q] steps
    died: np.ndarray  # int [Q]
    expected: np.ndarray  # [Q] death's probability, summed over the steps

    @property
    def steps(self) -> np.ndarray:
        """All steps, int [Q]."""
        return self.survived + self.died

    @property
    def predicted(self) -> np.ndarray:
        """Death's mean probability [Q]."""
        return self.expected / self.steps

    @property
    def observed(self) -> np.ndarray:
        """Deaths a step [Q]."""
        return self.died / self.steps

    @property
    def interval(self) -> tuple[np.ndarray, np.ndarray]:
        """The 95 % intervals of deaths a step, [Q] each (Clopper & Pearson 1934)."""
        from scipy.special import betaincinv  # its import is slow, and deaths are rare

        low = betaincinv(self.died, self.survived + 1, 0.025)
        high = betaincinv(self.died + 1, self.survived, 0.975)
        # Nobody died: from 0 on; nobody survived: up to 1.
        return np.where(self.died, low, 0.0), np.where(self.survived, high, 1.0)


def read(store: Artifact) -> Deaths:
    """Return the histogram of the held-out episodes in a memory store."""
    return Deaths(*(store.read(f"held_out/death/{name}") for name in Deaths._fields))


def merged(fine: Deaths) -> Deaths:
    """Return the histogram in at most ten bins, in each of which M expects deaths.

    The expected deaths draw the borders, not the observed ones: chance moves none.
    """
    wanted = max(_FEWEST, fine.expected.sum() / _BINS)
    starts, expected = [0], 0.0
    for n, more in enumerate(fine.expected):
        expected += more
        # Rounding must not cost the last bin what is just enough.
        if expected >= wanted * (1 - 1e-9):
            starts, expected = [*starts, n + 1], 0.0
    if len(starts) > 1:
        starts.pop()  # too few are left for a bin: they join the last
    sums = (np.add.reduceat(values, starts) for values in fine[1:])
    return Deaths(fine.edges[[*starts, -1]], *sums)


def chart(fine: Deaths) -> bytes:
    """Draw the observed frequency of death by its predicted probability, as SVG."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.2, 3.4), layout="constrained")
        reliability, counts = figure.subplots(1, 2)
        _draw_reliability(reliability, merged(fine))
        _draw_counts(counts, fine)
        return svg(figure)


def _draw_reliability(axes: Axes, bins: Deaths) -> None:
    some = bins.died > 0
    least = min(bins.predicted.min(), bins.observed[some].min(initial=1.0)) / 3
    axes.plot([least, 1], [least, 1], "--", color=RANDOM, lw=1, label="as predicted")
    low, high = bins.interval
    axes.vlines(bins.predicted, low.clip(min=least), high, color=AGENT, lw=1.2)
    axes.plot(
        bins.predicted[some], bins.observed[some], "o", color=AGENT, ms=5,
        label="observed, 95 % interval; number: deaths",
    )  # fmt: skip
    for x, y, died in zip(bins.predicted, high, bins.died, strict=True):
        axes.annotate(
            f"{died:,}", (x, y), (0, 2), textcoords="offset points", ha="center",
            fontsize=7.5, color=AGENT,
        )  # fmt: skip
    axes.set(xscale="log", yscale="log", xlim=(least, 1.5), ylim=(least, 2.5))
    axes.set(xlabel="predicted probability of death", ylabel="deaths a step")
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, fontsize=7.5)


def _draw_counts(axes: Axes, fine: Deaths) -> None:
    probability = 1 / (1 + np.exp(-fine.edges.clip(-_LIMIT, _LIMIT)))
    for values, colour, name in (
        (fine.survived, RANDOM, "survived"),
        (fine.died, AGENT, "died"),
    ):
        axes.stairs(
            values, probability, baseline=0.5, color=colour, fill=True, alpha=0.6,
            label=name,
        )  # fmt: skip
    axes.axvline(0.5, color=ACCENT, lw=1.4, label="from here on foreseen")
    axes.set(xscale="log", yscale="log", ylim=(0.5, None))
    axes.set(xlabel="predicted probability of death", ylabel="held-out steps")
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=3, fontsize=7.5)
